//! What a log was asked and what it did, as whoever ran it recorded it, and the check of that.
//!
//! A history is recorded by a simulation, or by processes on a real database. [`check`] holds it
//! against what the log promises. The log itself is the order of everything that happened, so no
//! other order has to be searched for: the check takes O(n log n), and the logarithm is of sorting
//! by time.

mod answers;
mod check;
mod keys;
mod readers;
mod requests;
mod timeline;
mod violation;

use meguri_log::{
    Append, AppendError, Appended, AppendedEvent, Condition, Position, Recorded, RequestKey,
    StreamName, Timestamp, Version,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use check::{Counted, Verdict, check};
pub use violation::Violation;

/// A moment by the one clock of all who record, in nanoseconds.
///
/// An operation's `invoked` must not be later than its beginning, and `answered` not earlier than
/// its end; a recorder that is not sure widens the call. Equal moments count as the same time.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

/// Everything that was recorded of one log.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What was asked of the log, by whoever appends.
    pub operations: Vec<Operation>,
    /// What was read of it.
    pub readings: Vec<Reading>,
    /// What stands in it. One timeline, unless the database fell back to an older state: each time
    /// it did begins another.
    pub timelines: Vec<Timeline>,
    /// What each follower saw.
    pub followers: Vec<Followed>,
    /// Which roots were told by anyone: published, computed, or held by a view.
    pub roots: Vec<RootTold>,
    /// Whether the log's clock moved on so far that keys which expire may have been forgotten.
    pub keys_expire: bool,
}

/// One call of an append, from the caller's side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// When it began.
    pub invoked: Moment,
    /// What was asked.
    pub asked: Asked,
    /// When it ended and how; none where the caller did not live to hear it.
    pub answered: Option<(Moment, Answer)>,
}

/// What an append asked for, without its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its events in order; none where it is only remembered that nothing had to be done.
    pub events: Vec<AskedEvent>,
    /// What had to hold.
    pub conditions: Vec<Condition>,
    /// Under which key.
    pub key: Option<RequestKey>,
}

/// An event that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedEvent {
    /// Its id: whoever asks for the same event again, asks for it with the same id.
    pub id: Uuid,
    /// Its stream.
    pub stream: StreamName,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Appended, now or when the key was used first.
    Acknowledged(Acknowledged),
    /// Refused because of what the log holds: nothing of it was appended.
    Refused(Refusal),
    /// Failed for another reason, with certainty: nothing of it was appended.
    Failed(String),
    /// The log does not know whether it was appended.
    Unknown,
}

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The position of the last event.
    pub position: Position,
    /// When.
    pub at: Timestamp,
    /// Where each event went.
    pub events: Vec<AppendedEvent>,
    /// Whether it is the outcome of an earlier request under the key.
    pub repeated: bool,
}

/// A refusal that follows from what the log holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// This condition did not hold, for the stream had version `found`.
    Conflict {
        /// The condition.
        condition: Condition,
        /// The version found.
        found: Version,
    },
    /// Another request had been made under the key.
    KeyReused,
}

/// One read of where the log, or a stream of it, ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reading {
    /// When it began.
    pub invoked: Moment,
    /// When it ended.
    pub answered: Moment,
    /// Of which stream; of the whole log where none is named.
    pub stream: Option<StreamName>,
    /// The version, or the position, that was found.
    pub found: u64,
}

/// A run of the log, until the database fell back to an older state.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// When it began. The first one's is never looked at.
    pub begun: Moment,
    /// Up to where it is the timeline before it.
    pub kept: Position,
    /// The events after that.
    pub events: Vec<StoredEvent>,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Where.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its version in the stream.
    pub version: Version,
    /// Its id.
    pub id: Uuid,
    /// When it was appended, by the log's clock.
    pub at: Timestamp,
}

/// What one follower of the whole log saw.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Followed {
    /// Where it began.
    pub after: Position,
    /// Positions and ids, in the order in which it was given them.
    pub saw: Vec<(Position, Uuid)>,
    /// How far it must have come in the end, where it was given the time.
    pub must_reach: Option<Position>,
}

/// A root of the log's tree that somebody told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootTold {
    /// Of how many events.
    pub size: u64,
    /// The root.
    pub root: [u8; 32],
    /// By whom, for people.
    pub by: String,
}

impl From<&Append> for Asked {
    fn from(append: &Append) -> Self {
        let events = append.events.iter().map(|event| AskedEvent {
            id: event.id,
            stream: event.stream.clone(),
        });
        Self {
            events: events.collect(),
            conditions: append.conditions.clone(),
            key: append.key,
        }
    }
}

impl From<Result<Appended, AppendError>> for Answer {
    fn from(result: Result<Appended, AppendError>) -> Self {
        match result {
            Ok(appended) => Self::Acknowledged(Acknowledged {
                position: appended.position,
                at: appended.at,
                events: appended.events,
                repeated: appended.repeated,
            }),
            Err(AppendError::Conflict {
                stream,
                expected,
                found,
            }) => {
                let condition = Condition { stream, expected };
                Self::Refused(Refusal::Conflict { condition, found })
            }
            Err(AppendError::KeyReused) => Self::Refused(Refusal::KeyReused),
            Err(AppendError::Unknown) => Self::Unknown,
            Err(
                error @ (AppendError::Busy
                | AppendError::NotDone { .. }
                | AppendError::TooLarge(_)
                | AppendError::Invalid(_)
                | AppendError::Erased { .. }
                | AppendError::Vault(_)
                | AppendError::Unavailable(_)
                | AppendError::Closed),
            ) => Self::Failed(error.to_string()),
        }
    }
}

impl StoredEvent {
    /// From an event that was read; none where its header is redacted or no header at all.
    pub fn read(event: &Recorded) -> Option<Self> {
        let header = event.header()?.ok()?;
        Some(Self {
            position: event.position(),
            stream: event.stream().parse().ok()?,
            version: event.version(),
            id: header.id,
            at: header.at,
        })
    }
}

impl History {
    /// When something new was acknowledged, in no order.
    pub fn acknowledgements(&self) -> impl Iterator<Item = Moment> {
        let told = self.operations.iter().filter_map(Operation::acknowledged);
        told.filter(|(_, told)| !told.repeated).map(|(at, _)| at)
    }
}

impl Timeline {
    /// The only timeline of a log that never fell back.
    pub fn only(events: Vec<StoredEvent>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

impl Operation {
    /// What it was told, where it was acknowledged.
    fn acknowledged(&self) -> Option<(Moment, &Acknowledged)> {
        match &self.answered {
            Some((at, Answer::Acknowledged(told))) => Some((*at, told)),
            _ => None,
        }
    }

    /// Whether its own events were acknowledged, and not those of an earlier request.
    fn is_acknowledged_itself(&self) -> bool {
        self.acknowledged().is_some_and(|(_, told)| {
            let ids = told.events.iter().map(|event| event.id);
            !self.asked.events.is_empty() && ids.eq(self.asked.events.iter().map(|event| event.id))
        })
    }

    /// Whether its own events may stand in the log: acknowledged, or nobody knows.
    fn may_stand(&self) -> bool {
        match &self.answered {
            None | Some((_, Answer::Unknown)) => true,
            Some((_, Answer::Acknowledged(_))) => self.is_acknowledged_itself(),
            Some((_, Answer::Refused(_) | Answer::Failed(_))) => false,
        }
    }

    /// When it had ended; never, where nobody heard an answer.
    fn ended(&self) -> Moment {
        self.answered.as_ref().map_or(Moment(u64::MAX), |it| it.0)
    }
}

#[cfg(test)]
mod tests;
