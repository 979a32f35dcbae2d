//! Whether the process is well, whether it can do its work, and what it measures: for those who
//! run it.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_engine::{ViewState, ViewStatus};
use meguri_http::{Json, Problem, Problems, kinds};
use meguri_log::{ClockState, Head};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ReadApi;
use crate::views::log_unavailable;

/// Events by which a view may lag for the server to count as ready.
pub const READY_LAG_MAX: u64 = 1_000;

/// How long appends may have failed while the server counts as ready.
const APPENDS_FAIL_MAX: Duration = Duration::from_secs(5);

/// How long log or vault may have been out of reach.
const OUT_OF_REACH_MAX: Duration = Duration::from_secs(3);

/// Longest wait for the log when readiness is asked.
const READY_WAIT: Duration = Duration::from_secs(2);

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: what is not is answered by a problem.
    status: &'static str,
}

/// Tells whether the process runs.
///
/// 200 as long as the process can answer at all and everything runs that it consists of, whatever
/// it depends on. Where something of it has failed, starting it again mends that, or shows why not.
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "healthz",
    extensions(("x-summary-ja" = json!("プロセスが動いているか"))),
    security(()),
    responses((status = 200, description = "It runs", body = Health), Problems)
)]
pub(crate) async fn healthz(State(api): State<ReadApi>) -> Result<Json<Health>, Problem> {
    all_loops_run(&api)?;
    Ok(Json(Health { status: "ok" }))
}

/// Refuses while a loop has failed that runs for as long as the process does.
fn all_loops_run(api: &ReadApi) -> Result<(), Problem> {
    let failed = api.log.supervisor().failed();
    if failed.is_empty() {
        return Ok(());
    }
    let names = failed.join(", ");
    let problem = not_ready(
        format!("動かなくなった部分: {names}。再起動が必要です"),
        format!("Parts of the server have failed: {names}. It has to be started again"),
    );
    Err(problem.with("loops", failed))
}

/// Refuses while a loop that runs has not been heard of in time.
fn no_loop_is_stuck(api: &ReadApi) -> Result<(), Problem> {
    let stuck = api.log.supervisor().stuck();
    if stuck.is_empty() {
        return Ok(());
    }
    let names = stuck.join(", ");
    let problem = not_ready(
        format!("止まったまま進まない部分: {names}"),
        format!("Parts of the server are stuck: {names}"),
    );
    Err(problem.with("loops", stuck))
}

/// Refuses where log or vault have been out of reach for a while. Nobody logs in without a vault.
fn all_in_reach(api: &ReadApi) -> Result<(), Problem> {
    let lost = api.log.out_of_reach();
    if lost.is_none_or(|lost| lost.since.elapsed() < OUT_OF_REACH_MAX) {
        return Ok(());
    }
    Err(not_ready(
        "しばらく前から、記録か鍵の保管庫が使えません".into(),
        "The log or its vault could not be reached for a while".into(),
    ))
}

/// Refuses while the clock is so far ahead that nothing is appended.
fn clock_may_stamp(api: &ReadApi, head: Head) -> Result<(), Problem> {
    match api.log.clock_state(head.at) {
        ClockState::Right | ClockState::Behind(_) => Ok(()),
        ClockState::Ahead(_) => Err(not_ready(
            "サーバーの時計が進みすぎているため、何も記録できません".into(),
            "The clock of the server is too far ahead: nothing is appended".into(),
        )),
    }
}

/// Refuses where appends have failed for a while. The log tries by itself whether they work again.
fn appends_work(api: &ReadApi) -> Result<(), Problem> {
    let failing = api.log.appends_fail();
    if failing.is_none_or(|fail| fail.since.elapsed() < APPENDS_FAIL_MAX) {
        return Ok(());
    }
    Err(not_ready(
        "しばらく前から記録に追加できません".into(),
        "Nothing could be appended for a while".into(),
    ))
}

fn not_ready(ja: String, en: String) -> Problem {
    let problem = Problem::new(kinds::UNAVAILABLE);
    problem.detail(ja, en).retry_after(1)
}

/// Tells whether the server can do its work.
///
/// 200 when everything runs that the server consists of and nothing of it is stuck, log and vault
/// can be read and written and are where they were opened, the clock is not ahead, and every view
/// is live and at most 1,000 events behind.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "readyz",
    extensions(("x-summary-ja" = json!("仕事を受けられるか"))),
    security(()),
    responses((status = 200, description = "It can", body = Health), Problems)
)]
pub(crate) async fn readyz(State(api): State<ReadApi>) -> Result<Json<Health>, Problem> {
    all_loops_run(&api)?;
    no_loop_is_stuck(&api)?;
    all_in_reach(&api)?;
    match tokio::time::timeout(READY_WAIT, api.log.head()).await {
        Ok(Ok(head)) => clock_may_stamp(&api, head)?,
        Ok(Err(error)) => return Err(log_unavailable(&error)),
        Err(_) => {
            return Err(not_ready(
                "記録が応答しません".into(),
                "The log is silent".into(),
            ));
        }
    }
    appends_work(&api)?;
    let late = |view: &ViewStatus| view.state != ViewState::Live || view.lag > READY_LAG_MAX;
    let late: Vec<String> = api
        .views
        .status()
        .into_iter()
        .filter(late)
        .map(|view| view.name)
        .collect();
    if late.is_empty() {
        return Ok(Json(Health { status: "ok" }));
    }
    let names = late.join(", ");
    Err(not_ready(
        format!("準備中の表示: {names}"),
        format!("Views not ready: {names}"),
    )
    .with("views", late))
}

/// Measures the process, for Prometheus.
///
/// In the text format of Prometheus. Labels name routes, statuses and views, never a person.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    extensions(("x-summary-ja" = json!("計測値"))),
    security(()),
    responses(
        (status = 200, description = "The measurements",
            content_type = "text/plain", body = String),
        Problems,
    )
)]
pub(crate) async fn metrics(State(api): State<ReadApi>) -> Response {
    let mut response = (api.metrics)().into_response();
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
