//! How the server is.

use axum::extract::State;
use meguri_http::{Problem, Problems, Query};
use meguri_read_api::ReadApi;
use meguri_read_api::status::Status;

use crate::answer::Shown;
use crate::query::MinPosition;

/// Tells the log's head, how far it is published, and how far each view is.
///
/// For each view its version, position, lag and state.
#[utoipa::path(
    get, path = "/status", tag = "status", operation_id = "read_status",
    extensions(("x-summary-ja" = json!("記録と表示の状態を見る"))),
    security(()),
    params(MinPosition),
    responses(
        (status = 200, description = "The state", body = Status,
            headers(("meguri-position" = u64, description = "Head of the log"))),
        Problems,
    )
)]
pub(crate) async fn read_status(
    State(read): State<ReadApi>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<Status>, Problem> {
    Ok(Shown(read.status(fresh.into()).await?))
}
