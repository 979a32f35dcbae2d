//! Evidence of an exchange: a bundle that proves to anybody what happened in it.

mod auditing;
mod choice;
mod gather;
mod related;

pub(crate) use related::whole;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Path, Problem, Query, ReadProblems, kinds};
use meguri_log::PublishedError;
use meguri_projections::views::history::Asking;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::ReadApi;
use crate::asker::Inquirer;
use crate::published::not_published;
use crate::views::log_unavailable;

pub(crate) use auditing::ForAuditors;
pub use auditing::{Access, BadReason, NotNoted, NoteAccess, Reason};
pub use choice::{BadChoice, Choice, SectionAt};
pub use gather::{GatherError, Gathered};

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
/// of their own texts, and nothing else. The two parties can take it, and auditors; to everybody
/// else the exchange does not exist. For an auditor texts are opened where the server is set to do
/// so (`auditor_discloses`) and for a reason, which the log says first.
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
    State(api): State<ReadApi>,
    inquirer: Inquirer,
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
    if let Asking::Member(member) = inquirer.asking
        && !api.parties.of(&api.log, id).await?.includes(member)
    {
        return Err(Problem::new(kinds::NOT_FOUND));
    }
    let gathered = Gathered::of(&api.log, id).await.map_err(refused)?;
    let chosen = gathered.chosen(&choice).map_err(refused)?;
    let open = match inquirer.asking {
        Asking::Member(member) => own(member, chosen, &choice)?,
        Asking::Auditor => {
            let reason = query.reason.as_deref();
            api.note_access(&inquirer.subject, reason, &chosen).await?;
            chosen
        }
    };
    let zip = gathered.bundle(&api.log, &open).await.map_err(refused)?;
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

/// What a party opens of a choice.
///
/// # Errors
/// 403 where it names what the other one wrote.
fn own(
    member: MemberId,
    chosen: Vec<SectionAt>,
    choice: &Choice,
) -> Result<Vec<SectionAt>, Problem> {
    let (own, others): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|it| it.subject == member.stream());
    match others.first() {
        Some(other) if *choice != Choice::All => Err(Problem::new(kinds::FORBIDDEN).detail(
            format!("{other} は相手が書いたものです"),
            format!("{other} was written by the other party"),
        )),
        Some(_) | None => Ok(own),
    }
}
