//! The published log (C2SP tlog-tiles): its checkpoint, tiles and bundles of entries, for anyone.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_http::{Path, Problem, Problems, kinds};
use meguri_log::PublishedError;
use meguri_proofs::{PlanError, Published};

use crate::ReadApi;
use crate::views::log_unavailable;

/// What has its own size in its name, and so never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

fn file(body: impl IntoResponse, media: &'static str, caching: &'static str) -> Response {
    let mut response = body.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, caching),
        // A browser on another site may check the log, too: nothing of it is secret.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// The answer where something is not published, or cannot be.
pub(crate) fn not_published(error: PublishedError) -> Problem {
    let (ja, en) = match &error {
        PublishedError::Read(error) => return log_unavailable(error),
        PublishedError::NotYet { published } => (
            format!("まだ公開されていません（現在 {published} 件まで公開）"),
            format!("Not published yet: the log is published up to {published} events"),
        ),
        PublishedError::NoCheckpoint { size } => (
            format!("{size} 件の時点のチェックポイントは公開されていません"),
            format!("No checkpoint of {size} events was published"),
        ),
        PublishedError::NoProof(PlanError::NoSuchEntry { size, .. }) => (
            format!("{size} 件の記録に、その位置のイベントはありません"),
            format!("There is no event at this position among the {size} that were signed"),
        ),
        PublishedError::NoProof(PlanError::Shrunk { from, to }) => (
            format!("記録が {from} 件から {to} 件に減ることはありません"),
            format!("The log never shrinks from {from} events to {to}"),
        ),
    };
    Problem::new(kinds::NOT_FOUND).detail(ja, en)
}

/// Reads the last checkpoint that the log has signed.
///
/// A signed note (C2SP tlog-checkpoint): the log's name, how many events it has, the root over
/// them, and the signature. `meguri audit key` prints the key to verify it with.
#[utoipa::path(
    get, path = "/checkpoint", tag = "audit", operation_id = "read_checkpoint",
    extensions(("x-summary-ja" = json!("署名されたチェックポイントを読む"))),
    security(()),
    responses(
        (status = 200, description = "The signed note", content_type = "text/plain",
            body = String),
        (status = 404, description = "Nothing is published yet",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_checkpoint(State(api): State<ReadApi>) -> Result<Response, Problem> {
    let latest = api.log.latest_checkpoint().await;
    let latest = latest.map_err(|error| log_unavailable(&error))?;
    let none = PublishedError::NotYet { published: 0 };
    let latest = latest.ok_or_else(|| not_published(none))?;
    Ok(file(latest.note, "text/plain; charset=utf-8", "no-cache"))
}

/// Reads a tile of the log's tree, or a bundle of its entries.
///
/// `/tile/<level>/<index>` are hashes, `/tile/entries/<index>` entries, as in C2SP tlog-tiles; the
/// index is written as `x001/x234/067`, and `.p/<width>` follows where it is less than 256 wide.
/// None of them ever changes.
#[utoipa::path(
    get, path = "/tile/{*path}", tag = "audit", operation_id = "read_tile",
    extensions(("x-summary-ja" = json!("ハッシュ木のタイルを読む"))),
    security(()),
    params(("*path" = String, Path, description = "Such as `0/000`, `1/x001/234.p/5` or \
        `entries/000.p/7`")),
    responses(
        (status = 200, description = "Hashes of 32 bytes each, or entries behind their lengths",
            content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, description = "Not published, or not yet",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_tile(
    State(api): State<ReadApi>,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let wanted: Result<Published, _> = format!("tile/{path}").parse();
    let wanted = wanted.map_err(|_| Problem::new(kinds::NOT_FOUND))?;
    let bytes = match wanted {
        Published::Tile(tile) => {
            let hashes = api.log.tile(tile).await;
            hashes.map(|hashes| hashes.as_flattened().to_vec())
        }
        Published::Bundle(bundle) => api.log.bundle(bundle).await,
    };
    let bytes = bytes.map_err(not_published)?;
    Ok(file(bytes, "application/octet-stream", FOREVER))
}
