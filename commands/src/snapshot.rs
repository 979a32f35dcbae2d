//! What a stream adds up to at a version: states of the domain, read from the log.

use meguri_domain::{
    Aggregate, Blocking, Claim, Compacted, Counts, Exchange, Member, Post, Vocabulary,
};
use meguri_events::{Event, Opened, RedactionEvent};
use meguri_log::{
    Log, OpenedEvent, Position, Recorded, SectionContent, StreamName, StreamRange, Version,
};

use crate::CommandError;

/// The state of a stream of any kind; `None` inside where nothing has happened yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Member(Option<Member>),
    Post(Option<Post>),
    Exchange(Option<Exchange>),
    Claim(Option<Claim>),
    Vocabulary(Option<Vocabulary>),
    Blocking(Option<Blocking>),
}

/// A state, and which version of its stream it is. Always true of that version, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) version: Version,
    /// Where the stream's event of this version stands in the log.
    pub(crate) position: Position,
    /// Whether the state may depend on an event that was redacted. It is then what the others add
    /// up to, and only an erasure may rest on it.
    pub(crate) frozen: bool,
    /// The versions of the events that the state rests on, where somebody wants to know; not of a
    /// state that rests on very many.
    pub(crate) compacted: Option<Compacted<Version>>,
}

/// Events that a state rests on, at most, where somebody wants to know which they are.
pub(crate) const RESTS_ON_MAX: usize = 64;

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

        /// Whether a stream goes on after an event of this type was redacted.
        pub(crate) fn is_neutral(event_type: &str) -> bool {
            [$($aggregate::NEUTRAL),*].iter().any(|types| types.contains(&event_type))
        }

        /// The kinds of states, each with the version of its fold.
        pub(crate) const FOLDS: &[(&str, u32)] =
            &[$((stringify!($aggregate), $aggregate::FOLD)),*];

        impl State {
            /// How long an event counts for a state of this kind.
            fn counts(&self, event: &Event) -> Counts {
                match self {
                    $(State::$aggregate(_) => {
                        $aggregate::event(event).map_or(Counts::Never, $aggregate::counts)
                    })*
                }
            }

            /// The state after one more event of the stream.
            fn evolve(self, event: &Event) -> Self {
                match self {
                    $(State::$aggregate(state) => match $aggregate::event(event) {
                        Some(event) => State::$aggregate($aggregate::evolve(state, event)),
                        None => State::$aggregate(state),
                    },)*
                }
            }

            /// The state of a stream of the same kind in which nothing has happened.
            pub(crate) fn before_the_first(&self) -> Self {
                match self {
                    $(State::$aggregate(_) => State::$aggregate(None),)*
                }
            }

            /// The state after an event of the stream that was redacted.
            fn after_redacted(self, event_type: &str, stream: &str) -> Self {
                match self {
                    $(State::$aggregate(state) => {
                        State::$aggregate($aggregate::after_redacted(state, event_type, stream))
                    })*
                }
            }
        }
    };
}

kept!(Member, Post, Exchange, Claim, Vocabulary, Blocking);

impl Snapshot {
    /// A stream in which nothing has happened.
    pub(crate) fn absent<A: Kept>() -> Self {
        Self {
            state: A::keep(None),
            version: Version::ZERO,
            position: Position::ZERO,
            frozen: false,
            compacted: None,
        }
    }

    /// The same of this kind, for who wants to know which events count.
    pub(crate) fn before_the_first(kind: &State) -> Self {
        Self {
            state: kind.before_the_first(),
            version: Version::ZERO,
            position: Position::ZERO,
            frozen: false,
            compacted: Some(Compacted::default()),
        }
    }

    /// One event later.
    pub(crate) fn after(mut self, event: &Event, version: Version, position: Position) -> Self {
        if let Some(compacted) = &mut self.compacted {
            compacted.push(self.state.counts(event), version);
        }
        Self {
            state: self.state.evolve(event),
            version,
            position,
            compacted: self.compacted.filter(|it| it.len() <= RESTS_ON_MAX),
            ..self
        }
    }

    /// One event later, which was emptied.
    fn after_redacted(self, event: &Recorded) -> Self {
        Self {
            state: self
                .state
                .after_redacted(event.event_type(), event.stream()),
            version: event.version(),
            position: event.position(),
            ..self
        }
    }

    /// Reads a stream from its first event on.
    pub(crate) async fn read<A: Kept>(
        log: &Log,
        stream: &StreamName,
    ) -> Result<Self, CommandError> {
        Self::absent::<A>().read_on(log, stream).await
    }

    /// The state after these events; `None` where one of them was emptied.
    pub(crate) async fn after_these(
        self,
        log: &Log,
        events: &[Recorded],
    ) -> Result<Option<Self>, CommandError> {
        let mut snapshot = self;
        for (recorded, opened) in events.iter().zip(log.open_events(events).await?) {
            let Some(opened) = opened? else {
                return Ok(None);
            };
            let event = decode(recorded, &opened)?;
            snapshot = snapshot.after(&event, recorded.version(), recorded.position());
        }
        Ok(Some(snapshot))
    }

    /// Reads what came after this state, which may be none of the first event yet.
    pub(crate) async fn read_on(
        self,
        log: &Log,
        stream: &StreamName,
    ) -> Result<Self, CommandError> {
        let (begins, compacts) = (self.version, self.compacted.is_some());
        let mut snapshot = self;
        // Emptied events of which nothing has said yet that they are redacted.
        let mut unexplained = Vec::new();
        loop {
            let range = StreamRange::forward_from(snapshot.version.next());
            let events = log.read_stream(stream, range).await?;
            let opened = log.open_events(&events).await?;
            for (recorded, opened) in events.iter().zip(opened) {
                let Some(opened) = opened? else {
                    unexplained.push(recorded.version().get());
                    snapshot = snapshot.after_redacted(recorded);
                    continue;
                };
                let event = decode(recorded, &opened)?;
                if let Event::Redaction(RedactionEvent::EventRedacted(said)) = &event {
                    if said.version <= begins.get() {
                        // What was redacted is in the state that this one began with.
                        let anew = Self {
                            compacted: compacts.then(Compacted::default),
                            ..Self::before_the_first(&snapshot.state)
                        };
                        return Box::pin(anew.read_on(log, stream)).await;
                    }
                    // It may not be emptied yet.
                    unexplained.retain(|version| *version != said.version);
                    snapshot.frozen |= !is_neutral(said.event_type.as_str());
                }
                snapshot = snapshot.after(&event, recorded.version(), recorded.position());
            }
            if events.len() < range.limit {
                snapshot.frozen |= !unexplained.is_empty();
                return Ok(snapshot);
            }
        }
    }

    /// The same, where a command may rest on it.
    ///
    /// # Errors
    /// [`CommandError::Frozen`].
    pub(crate) fn thawed(self, stream: &StreamName) -> Result<Self, CommandError> {
        if self.frozen {
            let stream = stream.to_string();
            return Err(CommandError::Frozen { stream });
        }
        Ok(self)
    }
}

/// The event that was recorded.
fn decode(recorded: &Recorded, opened: &OpenedEvent<'_>) -> Result<Event, CommandError> {
    let OpenedEvent { header, sections } = opened;
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
    event.map_err(|error| {
        let place = recorded.position();
        CommandError::Broken(format!("position {place}: {error}"))
    })
}
