//! From what the log stores to what views fold: sections opened, events typed, each once.

use std::sync::{Arc, OnceLock};

use meguri_log::{
    Block, Entry, Frontier, Log, OpenSealError, OpenedEvent, Position, Recorded, Timestamp,
    VaultError, Version,
};
use uuid::Uuid;

use crate::folding::{
    facts::{Fact, Facts},
    kinds::{Kind, Kinds},
};

/// One event as views see it: what happened, who did it, and because of what.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Where it stands in the log.
    pub position: Position,
    /// Its version in the stream.
    pub version: Version,
    /// The stream it stands in.
    pub stream: Arc<str>,
    /// Its type.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// When it was appended.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Arc<str>,
    /// For whom.
    pub acting_for: Option<Arc<str>>,
    /// The id of the first command of the chain.
    pub correlation: Option<Uuid>,
    /// The id of the event or command that led to this one.
    pub causation: Option<Uuid>,
    /// The version of the policy in force.
    pub policy: Option<u32>,
    /// The open data, as stored.
    pub data: Arc<str>,
    /// What happened, with what was typed where its key still exists.
    pub fact: Arc<Fact>,
}

impl Decoded {
    /// The stream that a view may go on without because of it: none where it takes away, which no
    /// view may miss.
    pub fn stream_to_park(&self) -> Option<Arc<str>> {
        (!self.kind.reaches_far()).then(|| Arc::clone(&self.stream))
    }
}

/// A run of the log, decoded once for all views.
#[derive(Debug)]
pub struct Batch {
    /// Everything up to here came before.
    pub after: Position,
    /// Every event that follows, wanted or not, in order and without a hole.
    pub events: Vec<Consumed>,
    /// Where the tree stood before and after this batch when a view last asked.
    grown: OnceLock<(Frontier, Frontier)>,
}

/// One event of a batch: what a view consumes it by, and what there is to fold.
#[derive(Debug)]
pub struct Consumed {
    /// The public bytes of the event.
    pub entry: Entry,
    /// What it means to views.
    pub content: Content,
}

/// What an event means to views.
#[derive(Debug)]
pub enum Content {
    /// No view wants it: it was not decoded.
    Unwanted,
    /// Some views want it.
    Event(Box<Decoded>),
    /// Some views want it, or all, for nobody knows its type; and it cannot be decoded.
    Undecodable {
        /// Its place among the types of the catalog; none where that does not know it.
        kind: Option<Kind>,
        /// Its type, and why.
        reason: String,
        /// The stream it stands in; none where no view may go on without it.
        stream: Option<Arc<str>>,
    },
}

impl Batch {
    pub const fn new(after: Position, events: Vec<Consumed>) -> Self {
        Self {
            after,
            events,
            grown: OnceLock::new(),
        }
    }

    /// The position of the last event.
    pub fn up_to(&self) -> Position {
        Position::new(self.after.get() + self.events.len() as u64)
    }

    /// The events after `from` and up to `until`, with their positions.
    pub fn between(
        &self,
        from: Position,
        until: Position,
    ) -> impl Iterator<Item = (Position, &Consumed)> {
        let skipped = from.get().saturating_sub(self.after.get());
        let end = until.get().saturating_sub(self.after.get());
        let index = |count: u64| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            count.min(self.events.len())
        };
        let start = index(skipped);
        let events = &self.events[start..index(end).max(start)];
        (1 + self.after.get() + start as u64..)
            .map(Position::new)
            .zip(events)
    }

    /// Lets a tree grow by the events up to `until`. Views that stand at the same place share the
    /// work.
    pub fn grow(&self, tree: &Frontier, until: Position) -> Frontier {
        if tree.position() == self.after && until == self.up_to() {
            let (before, after) = self
                .grown
                .get_or_init(|| (tree.clone(), self.grown(tree, until)));
            if before == tree {
                return after.clone();
            }
        }
        self.grown(tree, until)
    }

    fn grown(&self, tree: &Frontier, until: Position) -> Frontier {
        let mut tree = tree.clone();
        let events = self.between(tree.position(), until);
        tree.extend(events.map(|(_, event)| &event.entry));
        tree
    }
}

/// Why a block was not decoded. Nothing was lost: it can be read again.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The vault cannot be asked: try again.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log has answered something else than the next events.
    #[error("position {expected} should come next, the log answers {found}")]
    Hole {
        /// What comes next.
        expected: Position,
        /// What came.
        found: Position,
    },
}

/// Decodes those events of a block whose type is wanted. One that cannot be decoded is
/// [`Content::Undecodable`], and stops the views that want it.
///
/// # Errors
/// [`DecodeError`]: the same can be tried again.
pub async fn decode(
    log: &Log,
    facts: &dyn Facts,
    wanted: &Kinds,
    after: Position,
    block: &Block,
) -> Result<Batch, DecodeError> {
    let new = block.events.iter().filter(|event| event.position() > after);
    let new: Vec<&Recorded> = new.collect();
    let mut kinds = Vec::with_capacity(new.len());
    let mut chosen = Vec::with_capacity(new.len());
    for (event, expected) in new.iter().zip(after.get() + 1..) {
        let (expected, found) = (Position::new(expected), event.position());
        if found != expected {
            return Err(DecodeError::Hole { expected, found });
        }
        let kind = facts.types().kind(event.event_type());
        // A redacted event has nothing left to fold.
        let redacted = event.header_text().is_none();
        let take = !redacted && kind.is_none_or(|kind| wanted.contains(kind));
        if take {
            chosen.push((*event).clone());
        }
        kinds.push((take, kind));
    }
    let mut opened = log.open_events(&chosen).await?.zip(&chosen);
    let mut events = Vec::with_capacity(new.len());
    for (event, (take, kind)) in new.into_iter().zip(kinds) {
        let content = match take.then(|| opened.next()).flatten() {
            None => Content::Unwanted,
            Some((opened, event)) => content(facts, event, kind, opened),
        };
        let entry = *event.entry();
        events.push(Consumed { entry, content });
    }
    Ok(Batch::new(after, events))
}

fn content(
    facts: &dyn Facts,
    recorded: &Recorded,
    kind: Option<Kind>,
    opened: Result<Option<OpenedEvent<'_>>, OpenSealError>,
) -> Content {
    let decoded = match (kind, opened) {
        (None, _) => Err("the catalog does not know this type".to_owned()),
        (Some(_), Err(error)) => Err(error.to_string()),
        (Some(_), Ok(None)) => return Content::Unwanted,
        (Some(kind), Ok(Some(opened))) => typed(facts, recorded, kind, &opened),
    };
    match decoded {
        Ok(event) => Content::Event(Box::new(event)),
        Err(reason) => {
            let reason = format!("{}: {reason}", recorded.event_type());
            let takes_away = kind.is_some_and(Kind::reaches_far);
            let stream = (!takes_away).then(|| recorded.stream().into());
            Content::Undecodable {
                kind,
                reason,
                stream,
            }
        }
    }
}

fn typed(
    facts: &dyn Facts,
    recorded: &Recorded,
    kind: Kind,
    opened: &OpenedEvent<'_>,
) -> Result<Decoded, String> {
    let header = &opened.header;
    Ok(Decoded {
        position: recorded.position(),
        version: recorded.version(),
        stream: recorded.stream().into(),
        kind,
        id: header.id,
        at: header.at,
        actor: header.actor.into(),
        acting_for: header.acting_for.map(Arc::from),
        correlation: header.correlation,
        causation: header.causation,
        policy: header.policy,
        data: header.data.into(),
        fact: facts.decode(opened)?,
    })
}
