//! Whether log and vault can be reached: looked at again and again, for everybody who asks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use meguri_supervision::{Recurring, beat_within};

use crate::{publish::store::PublishStore, vault::Vault};

/// How often it is looked, and how long one look may take.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The loop that looks is heard of within this time.
const HEARD_WITHIN: Duration = Duration::from_mins(2);

/// Log or vault cannot be reached, or their files are not where they were opened.
///
/// It ends by itself, as soon as they can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfReach {
    /// Since when: the first failure after the last look that went well.
    pub since: Instant,
    /// What was said last. It may name files and hosts: it is for those who run the server.
    pub reason: String,
}

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct Reach(Mutex<Option<OutOfReach>>);

impl Reach {
    pub(crate) fn lost(&self) -> Option<OutOfReach> {
        self.found().clone()
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Option<OutOfReach>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked(&self, answer: Result<(), String>) -> bool {
        let mut found = self.found();
        *found = answer.err().map(|reason| OutOfReach {
            since: found
                .as_ref()
                .map_or_else(Instant::now, |before| before.since),
            reason,
        });
        found.is_some()
    }

    /// Looks for as long as the log is open.
    pub(crate) async fn watch(self: Arc<Self>, log: Arc<dyn PublishStore>, vault: Vault) {
        let mut again = Recurring::new();
        loop {
            beat_within(HEARD_WITHIN);
            let looking = tokio::time::timeout(LOOK_MAX, look(&*log, &vault));
            let answer = looking.await;
            let answer = answer.unwrap_or_else(|_| Err("the vault does not answer".to_owned()));
            let reason = answer.clone().err().unwrap_or_default();
            if !self.looked(answer) {
                if again.is_over() {
                    tracing::info!("log and vault can be reached again");
                }
            } else if let Some(unsaid) = again.happened() {
                tracing::error!(reason, unsaid, "log or vault cannot be reached");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn look(log: &dyn PublishStore, vault: &Vault) -> Result<(), String> {
    log.require_in_place().map_err(|error| error.to_string())?;
    vault.probe().await.map_err(|error| error.to_string())
}
