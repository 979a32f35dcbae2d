//! Evidence of an exchange: a bundle that proves to anybody what happened in it.

mod auditing;
mod choice;
mod gather;
mod related;

pub(crate) use related::whole;

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use meguri_events::{ExchangeId, MemberId};
use meguri_evidence::Zip;
use meguri_log::PublishedError;
use meguri_views::history::Asking;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::{AnswerError, ReadApi, Viewer};

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

/// A bundle of evidence on its way: a zip, made while it is taken.
#[derive(Debug)]
pub struct Bundle<S> {
    /// How many bytes it has.
    pub length: usize,
    /// Its bytes, in chunks. Whoever takes none for a while gets no more.
    pub chunks: S,
}

impl From<GatherError> for AnswerError {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::NoExchange => Self::NOT_FOUND,
            GatherError::NeverPublished => PublishedError::NotYet { published: 0 }.into(),
            GatherError::Published(error) => error.into(),
            GatherError::Read(error) => error.into(),
            GatherError::NoSection(at) => Self::invalid(
                format!("この交換に、封印された部分 {at} はありません"),
                format!("The exchange has no sealed section {at}"),
            ),
            error
            @ (GatherError::Seal(_) | GatherError::TooLarge(_) | GatherError::BrokeOff(_)) => {
                Self::unavailable(&error)
            }
        }
    }
}

impl ReadApi {
    /// Proof of what happened in an exchange, for its parties and for auditors: every event up to
    /// the last checkpoint, each with its proof. Of what was written it opens what a party chooses
    /// of its own texts; for an auditor what they give a reason for, where the server does that at
    /// all, and once it is noted.
    pub async fn evidence(
        &self,
        viewer: &Viewer,
        id: ExchangeId,
        choice: &Choice,
        reason: Option<&str>,
    ) -> Result<Bundle<impl Stream<Item = Vec<u8>> + Send + 'static + use<>>, AnswerError> {
        viewer.may_see(self, id).await?;
        let room = timeout(ROOM_WITHIN, Arc::clone(&self.bundles).acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            return Err(AnswerError::Busy {
                seconds: BUSY_SECONDS,
            });
        };
        let gathered = Gathered::of(&self.log, id).await?;
        let chosen = gathered.chosen(choice)?;
        let open = match viewer.principal().require_inquirer()? {
            Asking::Member(member) => own(member, chosen, choice)?,
            Asking::Auditor => {
                let auditor = viewer.principal().subject();
                self.note_access(&auditor, reason, &chosen).await?;
                chosen
            }
        };
        let made = gathered.bundle(&self.log, &open).await?;
        Ok(Bundle {
            length: made.zip.length(),
            chunks: written(made.zip, room),
        })
    }
}

/// The chunks of a bundle as they are taken. Whoever takes none for a while gets no more, so that
/// nobody keeps others waiting.
fn written(zip: Zip, room: OwnedSemaphorePermit) -> impl Stream<Item = Vec<u8>> + Send + 'static {
    let (chunks, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        let sending = async {
            for chunk in zip {
                let sent = timeout(TAKEN_WITHIN, chunks.send(chunk)).await;
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
        Some((chunk, taken))
    })
}

/// What a party opens of a choice.
///
/// # Errors
/// [`AnswerError::Forbidden`] where it names what the other one wrote.
fn own(
    member: MemberId,
    chosen: Vec<SectionAt>,
    choice: &Choice,
) -> Result<Vec<SectionAt>, AnswerError> {
    let (own, others): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|it| it.subject == member.stream());
    match others.first() {
        Some(other) if *choice != Choice::All => Err(AnswerError::forbidden(
            format!("{other} は相手が書いたものです"),
            format!("{other} was written by the other party"),
        )),
        Some(_) | None => Ok(own),
    }
}
