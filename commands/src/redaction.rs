//! Deep redaction, as a court orders it: first the log says so, then the event is emptied. It goes
//! on at any point where it was cut off.

use meguri_events::{
    EntryHex, Event, EventRedacted, Opened, OrderRef, PlainTextError, RedactionEvent,
};
use meguri_log::{
    Append, AppendError, Cause, Condition, Expected, Filter, Log, NewEvent, Position, Recorded,
    StreamRange, Version,
};
use uuid::Uuid;

use crate::CommandError;
use crate::handle::stream;
use crate::snapshot::is_neutral;

/// The type of the event that says it.
pub(crate) const REDACTED: &str = "EventRedacted";
/// What says of other events that nothing opens them any more: without it an audit would find them.
const NEVER_REDACTED: [&str; 3] = [REDACTED, "MemberErased", "KeysDestroyed"];
/// Conflicts after which one gives up; each retry reads the stream anew.
const TRIES_MAX: u32 = 8;

/// What became of a redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Where the log says so. A view that has acknowledged this position holds nothing of it.
    pub said_at: Position,
    /// Whether the log had said so before.
    pub repeated: bool,
    /// Whether the stream is frozen, because its state may depend on the event.
    pub freezes: bool,
}

/// Why an event was not redacted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RedactError {
    /// There is no such event.
    #[error("there is no event at position {0}")]
    NoEvent(Position),
    /// It accounts for others.
    #[error(
        "{0} is never redacted: it says of other events why nobody can open them, and holds no \
         text that anybody wrote"
    )]
    Accounts(String),
    /// It was emptied, and not by this command.
    #[error(
        "the event at position {0} is empty already, and no event says why; `meguri audit check` \
         tells what else was changed"
    )]
    Emptied(Position),
    /// What is stored cannot be spoken of.
    #[error("the event at position {0} is not what the log writes: {1}")]
    Form(Position, PlainTextError),
    /// The log cannot be read or written. It can be done again.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Empties an event for ever, in the name of this actor and because of this order. The event that
/// says so stands in the same stream, so that no command in any process can go on from a state it
/// has kept. Asked again it goes on.
///
/// # Errors
/// [`RedactError`]. Once the log has said so, it is done in any case: at the next start.
pub async fn redact(
    log: &Log,
    actor: &str,
    position: Position,
    order: &OrderRef,
) -> Result<Redaction, RedactError> {
    let before = Position::new(position.get().saturating_sub(1));
    let block = log.read_all(before, &Filter::default(), 1).await;
    let block = block.map_err(CommandError::from)?;
    let found = block.events.first();
    let Some(event) = found.filter(|event| event.position() == position) else {
        return Err(RedactError::NoEvent(position));
    };
    if NEVER_REDACTED.contains(&event.event_type()) {
        return Err(RedactError::Accounts(event.event_type().to_owned()));
    }
    let (freezes, mut tries) = (!is_neutral(event.event_type()), 0);
    let redaction = loop {
        let (said, version) = said_of(log, event).await?;
        if let Some(said_at) = said {
            break Redaction {
                said_at,
                repeated: true,
                freezes,
            };
        }
        if event.header_text().is_none() {
            return Err(RedactError::Emptied(position));
        }
        tries += 1;
        match log.append(saying(actor, event, order, version)?).await {
            Ok(appended) => {
                break Redaction {
                    said_at: appended.position,
                    repeated: false,
                    freezes,
                };
            }
            Err(AppendError::Conflict { .. }) if tries < TRIES_MAX => {}
            Err(error) => return Err(CommandError::from(error).into()),
        }
    };
    log.empty_event(position)
        .await
        .map_err(CommandError::from)?;
    Ok(redaction)
}

/// Empties what an event of the log says is redacted.
pub(crate) async fn apply(log: &Log, recorded: &Recorded) -> Result<(), CommandError> {
    let said = said_by(recorded)?;
    log.empty_event(Position::new(said.position)).await?;
    Ok(())
}

/// Where the stream of an event says that it is redacted, and the stream's version.
async fn said_of(log: &Log, event: &Recorded) -> Result<(Option<Position>, Version), CommandError> {
    let (own, mut version) = (stream(event.stream())?, event.version());
    loop {
        let range = StreamRange::forward_from(version.next());
        let events = log.read_stream(&own, range).await?;
        for recorded in &events {
            version = recorded.version();
            if recorded.event_type() == REDACTED
                && said_by(recorded)?.position == event.position().get()
            {
                return Ok((Some(recorded.position()), version));
            }
        }
        if events.len() < range.limit {
            return Ok((None, version));
        }
    }
}

fn saying(
    actor: &str,
    event: &Recorded,
    order: &OrderRef,
    version: Version,
) -> Result<Append, RedactError> {
    let form = |error| RedactError::Form(event.position(), error);
    let own = stream(event.stream())?;
    let said = Event::from(EventRedacted {
        position: event.position().get(),
        stream: event.stream().parse().map_err(form)?,
        version: event.version().get(),
        event_type: event.event_type().parse().map_err(form)?,
        entry: EntryHex::new(event.entry()),
        order: order.clone(),
    });
    let encoded = said.encode();
    let encoded = encoded.map_err(|error| CommandError::Broken(error.to_string()))?;
    let command = Some(Uuid::now_v7());
    Ok(Append {
        cause: Cause {
            actor: actor.to_owned(),
            correlation: command,
            causation: command,
            ..Cause::default()
        },
        events: vec![NewEvent {
            id: Uuid::now_v7(),
            stream: own.clone(),
            event_type: encoded.event_type.into(),
            schema: encoded.schema,
            data: encoded.data,
            sealed: Vec::new(),
        }],
        conditions: vec![Condition {
            stream: own,
            expected: Expected::Version(version),
        }],
        ..Append::default()
    })
}

fn said_by(recorded: &Recorded) -> Result<EventRedacted, CommandError> {
    let broken = |text: String| CommandError::Broken(format!("{}: {text}", recorded.position()));
    let header = recorded
        .header()
        .ok_or_else(|| broken("what tells of a redaction was emptied".to_owned()))?
        .map_err(|error| broken(error.to_string()))?;
    let none: &[(&str, Opened<'_>)] = &[];
    match Event::decode(header.event_type, header.schema, header.data, none) {
        Ok(Event::Redaction(RedactionEvent::EventRedacted(said))) => Ok(said),
        Ok(_) => Err(broken("it tells of no redaction".to_owned())),
        Err(error) => Err(broken(error.to_string())),
    }
}
