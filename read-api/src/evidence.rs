//! Evidence of an exchange: a bundle that proves to anybody what happened in it.

mod choice;
mod gather;
mod related;

pub(crate) use related::whole;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_events::ExchangeId;
use meguri_http::{Member, Path, Problem, Query, ReadProblems, kinds};
use meguri_log::PublishedError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::published::not_published;
use crate::views::log_unavailable;
use crate::{ReadApi, asker};

pub use choice::{BadChoice, Choice, SectionAt};
pub use gather::{GatherError, Gathered};

/// What of it is opened.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// Which of one's own texts the bundle opens: `all`, or positions and sections such as
    /// `17,19/message`. Without it, none.
    #[param(pattern = "^(all|[1-9][0-9]*(/[A-Za-z0-9_]+)?(,[1-9][0-9]*(/[A-Za-z0-9_]+)?)*)$")]
    disclose: Option<String>,
}

fn refused(error: GatherError) -> Problem {
    match error {
        GatherError::NoExchange => Problem::new(kinds::NOT_FOUND),
        GatherError::NeverPublished => not_published(PublishedError::NotYet { published: 0 }),
        GatherError::Published(error) => not_published(error),
        GatherError::Read(error) => log_unavailable(&error),
        GatherError::NoSection(at) => Problem::new(kinds::BAD_REQUEST).detail(
            format!("この交換に、封印された部分 {at} はありません"),
            format!("The exchange has no sealed section {at}"),
        ),
        error @ (GatherError::Seal(_) | GatherError::TooLarge(_)) => {
            tracing::error!(%error, "evidence cannot be made");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        }
    }
}

/// Takes away proof of what happened in an exchange.
///
/// A zip with every event of the exchange up to the last checkpoint, and of its post up to the
/// opening, each with its proof; and a program (`verify.py`) by which anybody checks it, with
/// Python, openssl and the log's verifier key. Of what was written it opens what the asker chooses
/// of their own texts, and nothing else. Only the two parties can take it; to everybody else the
/// exchange does not exist.
#[utoipa::path(
    get, path = "/exchanges/{id}/evidence", tag = "exchanges", operation_id = "read_evidence",
    extensions(("x-summary-ja" = json!("交換の証拠を持ち出す"))),
    security(("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), EvidenceQuery),
    responses(
        (status = 200, description = "The bundle", content_type = "application/zip",
            body = Vec<u8>),
        ReadProblems,
    )
)]
pub(crate) async fn read_evidence(
    State(api): State<ReadApi>,
    member: Member,
    Path(id): Path<ExchangeId>,
    Query(query): Query<EvidenceQuery>,
) -> Result<Response, Problem> {
    let member = asker::id_of(&member)?;
    let choice = query.disclose.as_deref().unwrap_or_default();
    let choice: Choice = choice.parse().map_err(|error: BadChoice| {
        Problem::new(kinds::BAD_REQUEST).detail(
            "disclose は all か、17,19/message のような位置と部分の並びです",
            error.to_string(),
        )
    })?;
    if !api.parties.of(&api.log, id).await?.includes(member) {
        return Err(Problem::new(kinds::NOT_FOUND));
    }
    let gathered = Gathered::of(&api.log, id).await.map_err(refused)?;
    let chosen = gathered.chosen(&choice).map_err(refused)?;
    let (own, others): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|it| it.subject == member.stream());
    if let Some(other) = others.first()
        && choice != Choice::All
    {
        return Err(Problem::new(kinds::FORBIDDEN).detail(
            format!("{other} は相手が書いたものです"),
            format!("{other} was written by the other party"),
        ));
    }
    let zip = gathered.bundle(&api.log, &own).await.map_err(refused)?;
    let mut response = zip.into_response();
    let name = format!("attachment; filename=\"{}.zip\"", id.stream());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
