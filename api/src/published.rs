//! The published log (C2SP tlog-tiles), for anyone: its checkpoint, tiles, bundles and proofs.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_http::{Json, Path, Problem, Problems, Query, kinds};
use meguri_read_api::ReadApi;
use meguri_read_api::proof::{ConsistencyProof, InclusionProof};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::query;

/// Against which checkpoint.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Against {
    /// Size of a checkpoint that was published; without it, the last one.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    size: Option<u64>,
}

/// From which size to which.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Growth {
    /// How many events the older checkpoint has.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(required = true, minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    from: Option<u64>,
    /// How many the newer one has.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(required = true, minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    to: Option<u64>,
}

/// Proves that an event is in the log.
///
/// Against the last checkpoint, or any other that was published. The proof is checked with the
/// verifier key alone (RFC 6962, section 2.1.1): it says that the log has signed this entry at
/// this place, and nothing of what the event says.
#[utoipa::path(
    get, path = "/events/{position}/proof", tag = "audit", operation_id = "prove_event",
    extensions(("x-summary-ja" = json!("記録に含まれることの証明"))),
    security(()),
    params(("position" = u64, Path, minimum = 1, description = "Position of the event"), Against),
    responses(
        (status = 200, description = "The proof", body = InclusionProof),
        (status = 404, description = "No such event or checkpoint, or not published yet",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn prove_event(
    State(read): State<ReadApi>,
    Path(position): Path<u64>,
    Query(against): Query<Against>,
) -> Result<Json<InclusionProof>, Problem> {
    Ok(Json(read.inclusion(position, against.size).await?))
}

/// Proves that the log has only grown.
///
/// Between any two sizes up to that of the last checkpoint (RFC 6962, section 2.1.2). Verify it
/// with the roots of two checkpoints that you hold.
#[utoipa::path(
    get, path = "/proof/consistency", tag = "audit", operation_id = "prove_growth",
    extensions(("x-summary-ja" = json!("記録が追加のみであることの証明"))),
    security(()),
    params(Growth),
    responses(
        (status = 200, description = "The proof", body = ConsistencyProof),
        (status = 404, description = "Not published yet, or the log never shrank so",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn prove_growth(
    State(read): State<ReadApi>,
    Query(growth): Query<Growth>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let (Some(from), Some(to)) = (growth.from, growth.to) else {
        return Err(Problem::new(kinds::BAD_REQUEST).detail(
            "from と to の両方を指定してください",
            "Both `from` and `to` are needed",
        ));
    };
    Ok(Json(read.consistency(from, to).await?))
}

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
pub(crate) async fn read_checkpoint(State(read): State<ReadApi>) -> Result<Response, Problem> {
    let note = read.checkpoint().await?;
    Ok(file(note, "text/plain; charset=utf-8", "no-cache"))
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
    State(read): State<ReadApi>,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let bytes = read.tile(&path).await?;
    Ok(file(bytes, "application/octet-stream", FOREVER))
}
