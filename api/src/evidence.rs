//! Evidence of an exchange, as a bundle that anybody can check.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use meguri_events::ExchangeId;
use meguri_http::{Inquirer, Path, Problem, Query, ReadProblems, kinds};
use meguri_read_api::ReadApi;
use meguri_read_api::evidence::{BadChoice, Choice};
use serde::Deserialize;
use utoipa::IntoParams;

/// What of it is opened.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// Which texts the bundle opens, a party's own or, for an auditor, any: `all`, or positions and
    /// sections such as `17,19/message`. Without it, none.
    #[param(pattern = "^(all|[1-9][0-9]*(/[A-Za-z0-9_]+)?(,[1-9][0-9]*(/[A-Za-z0-9_]+)?)*)$")]
    disclose: Option<String>,
    /// Why an auditor opens them; told to those who wrote them.
    #[param(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// Takes away proof of what happened in an exchange.
///
/// A zip with every event of the exchange up to the last checkpoint, and of its post up to the
/// opening, each with its proof; and a program (`verify.py`) by which anybody checks it, with
/// Python, openssl and the log's verifier key. Of what was written it opens what the asker chooses
/// of their own texts, and nothing else. The two parties can take it, and auditors; to everybody
/// else the exchange does not exist. What was erased stays closed, and the bundle says so. A few
/// are made at a time: 503 with `Retry-After` says that so many are. For an auditor texts are
/// opened where the server is set to do so (`auditor_discloses`) and for a reason, which the log
/// says first.
#[utoipa::path(
    get, path = "/exchanges/{id}/evidence", tag = "exchanges", operation_id = "read_evidence",
    extensions(("x-summary-ja" = json!("交換の証拠を持ち出す"))),
    security(("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), EvidenceQuery),
    responses(
        (status = 200, description = "The bundle", content_type = "application/zip",
            body = Vec<u8>),
        (status = 403, description = "The other party's texts, or an auditor's choice of texts \
            where the server opens none for auditors",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        ReadProblems,
    )
)]
pub(crate) async fn read_evidence(
    State(read): State<ReadApi>,
    Inquirer(viewer): Inquirer,
    Path(id): Path<ExchangeId>,
    Query(query): Query<EvidenceQuery>,
) -> Result<Response, Problem> {
    let choice = query.disclose.as_deref().unwrap_or_default();
    let choice: Choice = choice.parse().map_err(|error: BadChoice| {
        Problem::new(kinds::BAD_REQUEST).detail(
            "disclose は all か、17,19/message のような位置と部分の並びです",
            error.to_string(),
        )
    })?;
    let reason = query.reason.as_deref();
    let bundle = read.evidence(&viewer, id, &choice, reason).await?;
    let chunks = bundle
        .chunks
        .map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    let mut response = Body::from_stream(chunks).into_response();
    let name = format!("attachment; filename=\"{}.zip\"", id.stream());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // So that whoever takes it knows of one that was cut off.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bundle.length));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
