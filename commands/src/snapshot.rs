//! What a stream adds up to at a version: states of the domain, read from the log.

use meguri_domain::{Aggregate, Claim, Exchange, Member, Post, Vocabulary};
use meguri_events::{Event, Opened};
use meguri_log::{
    Log, OpenedEvent, Position, Recorded, SectionContent, StreamName, StreamRange, Version,
};

use crate::CommandError;

/// The state of a stream of any kind; `None` inside where nothing has happened yet.
#[derive(Debug, Clone)]
pub(crate) enum State {
    Member(Option<Member>),
    Post(Option<Post>),
    Exchange(Option<Exchange>),
    Claim(Option<Claim>),
    Vocabulary(Option<Vocabulary>),
}

/// A state, and which version of its stream it is. Always true of that version, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) version: Version,
    /// Where the stream's event of this version stands in the log.
    pub(crate) position: Position,
}

/// An aggregate whose states are kept as [`State`].
pub(crate) trait Kept: Aggregate + Send + Sync + 'static {
    /// Puts a state away.
    fn keep(state: Option<Self>) -> State;
    /// Takes it out again; `None` for a state of another kind.
    fn of(state: &State) -> Option<&Option<Self>>;
}

macro_rules! kept {
    ($($aggregate:ident),*) => {
        $(impl Kept for $aggregate {
            fn keep(state: Option<Self>) -> State {
                State::$aggregate(state)
            }

            fn of(state: &State) -> Option<&Option<Self>> {
                #[allow(clippy::wildcard_enum_match_arm, reason = "any other kind")]
                match state {
                    State::$aggregate(state) => Some(state),
                    _ => None,
                }
            }
        })*

        impl State {
            /// The state after one more event of the stream.
            fn evolve(self, event: &Event) -> Self {
                match self {
                    $(State::$aggregate(state) => match $aggregate::event(event) {
                        Some(event) => State::$aggregate($aggregate::evolve(state, event)),
                        None => State::$aggregate(state),
                    },)*
                }
            }
        }
    };
}

kept!(Member, Post, Exchange, Claim, Vocabulary);

impl Snapshot {
    /// A stream in which nothing has happened.
    pub(crate) fn absent<A: Kept>() -> Self {
        Self {
            state: A::keep(None),
            version: Version::ZERO,
            position: Position::ZERO,
        }
    }

    /// One event later.
    pub(crate) fn after(self, event: &Event, version: Version, position: Position) -> Self {
        Self {
            state: self.state.evolve(event),
            version,
            position,
        }
    }

    /// Reads a stream from its first event on.
    pub(crate) async fn read<A: Kept>(
        log: &Log,
        stream: &StreamName,
    ) -> Result<Self, CommandError> {
        let mut snapshot = Self::absent::<A>();
        loop {
            let range = StreamRange::forward_from(snapshot.version.next());
            let events = log.read_stream(stream, range).await?;
            let opened = log.open_events(&events).await?;
            for (recorded, opened) in events.iter().zip(opened) {
                let event = decode(recorded, opened?)?;
                snapshot = snapshot.after(&event, recorded.version(), recorded.position());
            }
            if events.len() < range.limit {
                return Ok(snapshot);
            }
        }
    }
}

/// The event that was recorded.
fn decode(recorded: &Recorded, opened: Option<OpenedEvent<'_>>) -> Result<Event, CommandError> {
    let Some(OpenedEvent { header, sections }) = opened else {
        return Err(CommandError::Frozen {
            stream: recorded.stream().to_owned(),
        });
    };
    let opened: Vec<(&str, Opened<'_>)> = sections
        .iter()
        .map(|section| {
            let content = match &section.content {
                SectionContent::Plain(bytes) => Opened::Plain(bytes),
                SectionContent::Erased => Opened::Erased,
            };
            (section.name.as_str(), content)
        })
        .collect();
    let event = Event::decode(header.event_type, header.schema, header.data, &opened);
    match event {
        // Said already, and perhaps not done yet.
        Ok(Event::Redaction(_)) => Err(CommandError::Frozen {
            stream: recorded.stream().to_owned(),
        }),
        Ok(event) => Ok(event),
        Err(error) => {
            let place = recorded.position();
            Err(CommandError::Broken(format!("position {place}: {error}")))
        }
    }
}
