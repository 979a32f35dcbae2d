//! Opening what members wrote, and rows of views: noted in the log before anything of it is shown.

use meguri_events::{Event, MemberId, OrderRef, SealedTextOpened, SectionRef, ViewOpened, ViewRef};
use meguri_log::{
    Append, AppendError, Cause, Condition, Expected, Log, NewEvent, ReadError, StreamName,
    VaultError,
};
use uuid::Uuid;

use crate::handle;

/// A sealed text that is going to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedText {
    /// Position of its event.
    pub position: u64,
    /// Its name among the texts of that event.
    pub section: String,
    /// Under whose key it is sealed, `member-…`.
    pub subject: String,
    /// The id of that key.
    pub key: String,
}

/// An access was not noted: nothing may be shown.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The log cannot be read; try again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The vault does not answer; try again.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log took nothing; try again.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was to be noted cannot be written as an event.
    #[error("{0}")]
    Unwritable(String),
}

/// Notes that `actor` opens these texts, and why: an event for each member whose text is going to
/// be seen, all at once. What is of no member is not text of anybody, and what is erased is not
/// seen.
///
/// # Errors
/// [`AccessError`]; nothing may be shown then.
pub async fn note_opened_texts(
    log: &Log,
    actor: &str,
    reason: &str,
    opened: &[SealedText],
) -> Result<(), AccessError> {
    // Nobody reads what is erased; and nothing could be sealed any more for whom it was of.
    let keys: Vec<&str> = opened.iter().map(|at| at.key.as_str()).collect();
    let destroyed = log.vault().destroyed(&keys).await?;
    let opened = opened.iter().filter(|at| !destroyed.contains(&at.key));
    let opened: Vec<&SealedText> = opened.collect();
    let mut members: Vec<MemberId> = Vec::new();
    for at in &opened {
        let member = MemberId::from_stream(&at.subject);
        members.extend(member.filter(|member| !members.contains(member)));
    }
    if members.is_empty() {
        return Ok(());
    }
    let (mut conditions, mut events) = (Vec::new(), Vec::new());
    for member in members {
        // What is sealed for a member holds only where that member is not being erased meanwhile.
        let stream = stream_of(member.stream())?;
        let expected = Expected::Version(log.stream_head(&stream).await?);
        conditions.push(Condition { stream, expected });
        events.push(opened_texts(member, reason, &opened)?);
    }
    log.append(Append {
        cause: cause(actor),
        events,
        conditions,
        ..Append::default()
    })
    .await?;
    Ok(())
}

fn opened_texts(
    member: MemberId,
    reason: &str,
    opened: &[&SealedText],
) -> Result<NewEvent, AccessError> {
    let own = opened.iter().filter(|at| at.subject == member.stream());
    let sections = own.map(|at| SectionRef::new(at.position, &at.section));
    let sections = sections.collect::<Result<_, _>>();
    let event = Event::from(SealedTextOpened {
        member,
        sections: sections.map_err(|error| unwritable(&error))?,
        reason: reason.to_owned().into(),
    });
    new_event(&stream_of(member.access_stream())?, &event)
}

/// Notes that `actor` reads rows of these views, or copies them into a file: an event for each
/// view, all at once.
///
/// # Errors
/// [`AccessError`]; nothing may be shown then.
pub async fn note_opened_views(
    log: &Log,
    actor: &str,
    reference: &OrderRef,
    copied: bool,
    views: &[String],
) -> Result<(), AccessError> {
    let events = views.iter().map(|view| {
        let view: ViewRef = view.parse().map_err(|error| unwritable(&error))?;
        let stream = stream_of(view.access_stream())?;
        let event = Event::from(ViewOpened {
            view,
            copied,
            reference: reference.clone(),
        });
        new_event(&stream, &event)
    });
    log.append(Append {
        cause: cause(actor),
        events: events.collect::<Result<_, _>>()?,
        ..Append::default()
    })
    .await?;
    Ok(())
}

/// Its cause: a command of its own.
fn cause(actor: &str) -> Cause {
    let command = Some(Uuid::now_v7());
    Cause {
        actor: actor.to_owned(),
        correlation: command,
        causation: command,
        ..Cause::default()
    }
}

fn new_event(stream: &StreamName, event: &Event) -> Result<NewEvent, AccessError> {
    handle::new_event(Uuid::now_v7(), stream, event).map_err(|error| unwritable(&error))
}

fn unwritable(error: &dyn std::error::Error) -> AccessError {
    AccessError::Unwritable(error.to_string())
}

fn stream_of(name: String) -> Result<StreamName, AccessError> {
    StreamName::new(name).map_err(|error| unwritable(&error))
}
