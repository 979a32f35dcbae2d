//! Whether the process is well, whether it can do its work, and what it measures: for those who
//! run it.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_http::{Json, Problem, Problems};
use meguri_read_api::ReadApi;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Metrics;

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
pub(crate) async fn healthz(State(read): State<ReadApi>) -> Result<Json<Health>, Problem> {
    read.is_well()?;
    Ok(Json(Health { status: "ok" }))
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
pub(crate) async fn readyz(State(read): State<ReadApi>) -> Result<Json<Health>, Problem> {
    read.is_ready().await?;
    Ok(Json(Health { status: "ok" }))
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
pub(crate) async fn metrics(State(metrics): State<Metrics>) -> Response {
    let mut response = metrics.render().into_response();
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
