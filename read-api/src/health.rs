//! Whether the process is well, and whether it can do its work: for those who run it.

use std::time::Duration;

use meguri_engine::{ViewState, ViewStatus};
use meguri_log::{ClockState, Head};

use crate::{AnswerError, ReadApi, Sentence};

/// Events by which a view may lag for the server to count as ready.
pub const READY_LAG_MAX: u64 = 1_000;

/// How long appends may have failed while the server counts as ready.
const APPENDS_FAIL_MAX: Duration = Duration::from_secs(5);

/// How long log or vault may have been out of reach.
const OUT_OF_REACH_MAX: Duration = Duration::from_secs(3);

/// Longest wait for the log when readiness is asked.
const READY_WAIT: Duration = Duration::from_secs(2);

/// Refuses while a loop has failed that runs for as long as the process does.
fn all_loops_run(api: &ReadApi) -> Result<(), AnswerError> {
    let failed = api.log.supervisor().failed();
    if failed.is_empty() {
        return Ok(());
    }
    let names = failed.join(", ");
    let says = Sentence::new(
        format!("動かなくなった部分: {names}。再起動が必要です"),
        format!("Parts of the server have failed: {names}. It has to be started again"),
    );
    Err(not_ready(says, Some(("loops", owned(failed)))))
}

/// Refuses while a loop that runs has not been heard of in time.
fn no_loop_is_stuck(api: &ReadApi) -> Result<(), AnswerError> {
    let stuck = api.log.supervisor().stuck();
    if stuck.is_empty() {
        return Ok(());
    }
    let names = stuck.join(", ");
    let says = Sentence::new(
        format!("止まったまま進まない部分: {names}"),
        format!("Parts of the server are stuck: {names}"),
    );
    Err(not_ready(says, Some(("loops", owned(stuck)))))
}

/// Refuses where log or vault have been out of reach for a while. Nobody logs in without a vault.
fn all_in_reach(api: &ReadApi) -> Result<(), AnswerError> {
    let lost = api.log.out_of_reach();
    if lost.is_none_or(|lost| lost.since.elapsed() < OUT_OF_REACH_MAX) {
        return Ok(());
    }
    let says = Sentence::new(
        "しばらく前から、記録か鍵の保管庫が使えません",
        "The log or its vault could not be reached for a while",
    );
    Err(not_ready(says, None))
}

/// Refuses while the clock is so far ahead that nothing is appended.
fn clock_may_stamp(api: &ReadApi, head: Head) -> Result<(), AnswerError> {
    match api.log.clock_state(head.at) {
        ClockState::Right | ClockState::Behind(_) => Ok(()),
        ClockState::Ahead(_) => {
            let says = Sentence::new(
                "サーバーの時計が進みすぎているため、何も記録できません",
                "The clock of the server is too far ahead: nothing is appended",
            );
            Err(not_ready(says, None))
        }
    }
}

/// Refuses where appends have failed for a while. The log tries by itself whether they work again.
fn appends_work(api: &ReadApi) -> Result<(), AnswerError> {
    let failing = api.log.appends_fail();
    if failing.is_none_or(|fail| fail.since.elapsed() < APPENDS_FAIL_MAX) {
        return Ok(());
    }
    let says = Sentence::new(
        "しばらく前から記録に追加できません",
        "Nothing could be appended for a while",
    );
    Err(not_ready(says, None))
}

fn not_ready(says: Sentence, parts: Option<(&'static str, Vec<String>)>) -> AnswerError {
    AnswerError::NotReady { says, parts }
}

fn owned<T: Into<String>>(names: Vec<T>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

impl ReadApi {
    /// Whether the process can answer at all, and everything runs that it consists of, whatever it
    /// depends on. Where something of it has failed, starting it again mends that, or shows why
    /// not.
    ///
    /// # Errors
    /// [`AnswerError::NotReady`] says what has failed.
    pub fn is_well(&self) -> Result<(), AnswerError> {
        all_loops_run(self)
    }

    /// Whether the server can do its work: nothing of it has failed or is stuck, log and vault can
    /// be read and written, the clock is not ahead, and every view is live and at most
    /// [`READY_LAG_MAX`] events behind.
    ///
    /// # Errors
    /// [`AnswerError::NotReady`] says what is missing.
    pub async fn is_ready(&self) -> Result<(), AnswerError> {
        all_loops_run(self)?;
        no_loop_is_stuck(self)?;
        all_in_reach(self)?;
        let Ok(head) = tokio::time::timeout(READY_WAIT, self.log.head()).await else {
            let says = Sentence::new("記録が応答しません", "The log is silent");
            return Err(not_ready(says, None));
        };
        clock_may_stamp(self, head?)?;
        appends_work(self)?;
        let late = |view: &ViewStatus| view.state != ViewState::Live || view.lag > READY_LAG_MAX;
        let late = self.views.status().into_iter().filter(late);
        let late: Vec<String> = late.map(|view| view.name).collect();
        if late.is_empty() {
            return Ok(());
        }
        let names = late.join(", ");
        let says = Sentence::new(
            format!("準備中の表示: {names}"),
            format!("Views not ready: {names}"),
        );
        Err(not_ready(says, Some(("views", late))))
    }
}
