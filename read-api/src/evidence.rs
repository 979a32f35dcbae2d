//! Evidence of an exchange: a bundle that proves to anybody what happened in it.

mod auditing;
mod choice;
mod gather;
mod related;

pub(crate) use related::whole;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use meguri_events::{ExchangeId, MemberId};
use meguri_evidence::Zip;
use meguri_http::{Path, Problem, Query, ReadProblems, kinds};
use meguri_log::PublishedError;
use meguri_views::history::Asking;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::ReadApi;
use crate::asker::Inquirer;
use crate::published::not_published;
use crate::views::log_unavailable;

pub(crate) use auditing::ForAuditors;
pub use auditing::{Access, BadReason, NotNoted, NoteAccess, Reason};
pub use choice::{BadChoice, Choice, SectionAt};
pub use gather::{GatherError, Gathered};

/// How many bundles are made at once: each takes the memory of its exchange, and reads all of it.
pub(crate) const BUNDLES_AT_ONCE: usize = 2;
/// How long a request waits until fewer are being made.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// When to ask again after that.
const BUSY_SECONDS: u64 = 2;
/// How long whoever takes a bundle may rest before the next chunk.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);
/// How long all of a bundle may take to be taken.
const WHOLE_WITHIN: Duration = Duration::from_mins(3);

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
        error @ (GatherError::Seal(_) | GatherError::TooLarge(_) | GatherError::BrokeOff(_)) => {
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
    let room = timeout(ROOM_WITHIN, Arc::clone(&api.bundles).acquire_owned()).await;
    let Ok(Ok(room)) = room else {
        return Err(Problem::new(kinds::BUSY).retry_after(BUSY_SECONDS));
    };
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
    let made = gathered.bundle(&api.log, &open).await.map_err(refused)?;
    let length = made.zip.length();
    let mut response = Body::from_stream(written(made.zip, room)).into_response();
    let name = format!("attachment; filename=\"{}.zip\"", id.stream());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // So that whoever takes it knows of one that was cut off.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The chunks of a bundle as they are taken. Whoever takes none for a while gets no more, so that
/// nobody keeps others waiting.
fn written(zip: Zip, room: OwnedSemaphorePermit) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let (chunks, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        let sending = async {
            for chunk in zip {
                let sent = timeout(TAKEN_WITHIN, chunks.send(Bytes::from(chunk))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return false;
                }
            }
            true
        };
        if !matches!(timeout(WHOLE_WITHIN, sending).await, Ok(true)) {
            tracing::warn!("a bundle of evidence was not taken to its end");
        }
        drop(room);
    });
    futures::stream::unfold(taken, async |mut taken| {
        let chunk = taken.recv().await?;
        Some((Ok(chunk), taken))
    })
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
