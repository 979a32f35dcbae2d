//! What happened in an exchange, event by event, and where it stood before and after: folded by the
//! rules themselves from the log itself.

use std::collections::HashMap;

use meguri_domain::{Aggregate as _, Exchange};
use meguri_events::{Event, ExchangeEvent, ExchangeId, Opened};
use meguri_log::{Log, Position, Recorded, StreamName, StreamRange, Version};
use uuid::Uuid;

use super::{Entry, Said};
use crate::AnswerError;
use crate::evidence::whole;

/// Most events of a page.
pub(super) const PAGE_EVENTS: usize = 100;

/// Where an exchange stands, as far as that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has happened yet.
    Nowhere,
    /// As the rules say.
    Known(Box<Exchange>),
    /// An event before this was redacted, or is of a newer release: nobody can tell.
    Unknown,
}

/// One event, and what it changed.
#[derive(Debug)]
pub struct Step {
    /// The event as it is stored.
    pub entry: Entry,
    /// What happened; none where it was redacted or cannot be read.
    pub event: Option<ExchangeEvent>,
    /// Where the exchange stood before it.
    pub before: Standing,
    /// Where it stands since.
    pub after: Standing,
}

/// Where an event stands, and of what type it is.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it stands.
    pub position: Position,
    /// Its type.
    pub event_type: String,
    /// Whether it is one of the exchange's own.
    pub own: bool,
}

/// A page of the story of an exchange.
#[derive(Debug)]
pub struct Story {
    /// The events of the page.
    pub steps: Vec<Step>,
    /// Where the exchange stands after them.
    pub standing: Standing,
    /// Every event up to the end of the page, by its id.
    pub places: HashMap<Uuid, Place>,
    /// Whether events follow on the page.
    pub goes_on: bool,
}

impl Story {
    /// The page after a version of the exchange's stream; everything before it is folded, too.
    ///
    /// # Errors
    /// There is no such exchange; the log cannot be read.
    pub(super) async fn read(log: &Log, id: ExchangeId, after: u64) -> Result<Self, AnswerError> {
        let stream = StreamName::new(id.stream()).map_err(|_| AnswerError::NOT_FOUND)?;
        let mut story = Self {
            steps: Vec::new(),
            standing: Standing::Nowhere,
            places: HashMap::new(),
            goes_on: false,
        };
        let mut last = Version::ZERO;
        while !story.goes_on {
            let events = log
                .read_stream(&stream, StreamRange::forward_from(last.next()))
                .await?;
            let Some(end) = events.last() else { break };
            last = end.version();
            for recorded in events {
                if story.steps.len() == PAGE_EVENTS {
                    story.goes_on = true;
                    break;
                }
                story.take(recorded, after);
            }
        }
        if last == Version::ZERO {
            return Err(AnswerError::NOT_FOUND);
        }
        Ok(story)
    }

    /// Finds events of the two members and of the post that led to something here, such as a
    /// member's leaving.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(super) async fn look_for_causes(&mut self, log: &Log) -> Result<(), AnswerError> {
        let Standing::Known(exchange) = &self.standing else {
            return Ok(());
        };
        let said = self
            .steps
            .iter()
            .filter_map(|step| step.entry.said.as_ref());
        let of_policies = said.filter(|said| said.actor.starts_with("policy-"));
        let causations = of_policies.filter_map(|said: &Said| said.causation);
        let wanted: Vec<Uuid> = causations
            .filter(|id| !self.places.contains_key(id))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let members = [exchange.opener().stream(), exchange.asked().stream()];
        for name in members.into_iter().chain([exchange.post().stream()]) {
            let Ok(stream) = StreamName::new(name) else {
                continue;
            };
            for recorded in whole(log, &stream, u64::MAX).await? {
                self.remember(&recorded, false, |id| wanted.contains(&id));
            }
        }
        Ok(())
    }

    /// Keeps in mind where an event stands, if its id is wanted.
    fn remember(&mut self, recorded: &Recorded, own: bool, wanted: impl Fn(Uuid) -> bool) {
        if let Some(Ok(header)) = recorded.header()
            && wanted(header.id)
        {
            let place = Place {
                position: recorded.position(),
                event_type: recorded.event_type().to_owned(),
                own,
            };
            self.places.insert(header.id, place);
        }
    }

    fn take(&mut self, recorded: Recorded, after: u64) {
        let event = decode(&recorded);
        let before = self.standing.clone();
        self.standing = evolve(&before, event.as_ref());
        self.remember(&recorded, true, |_| true);
        if recorded.version().get() > after {
            self.steps.push(Step {
                entry: Entry::of(&recorded),
                event,
                before,
                after: self.standing.clone(),
            });
        }
    }
}

fn evolve(before: &Standing, event: Option<&ExchangeEvent>) -> Standing {
    let Some(event) = event else {
        return Standing::Unknown;
    };
    let state = match before {
        Standing::Unknown => return Standing::Unknown,
        Standing::Nowhere => None,
        Standing::Known(exchange) => Some(Exchange::clone(exchange)),
    };
    let state = Exchange::evolve(state, event);
    state.map_or(Standing::Nowhere, |exchange| {
        Standing::Known(Box::new(exchange))
    })
}

/// What an event says openly: nothing is unsealed for it.
fn decode(recorded: &Recorded) -> Option<ExchangeEvent> {
    let header = recorded.header()?.ok()?;
    let sealed = header.sealed.iter();
    let sealed: Vec<_> = sealed.map(|it| (it.section, Opened::Erased)).collect();
    let event = Event::decode(header.event_type, header.schema, header.data, &sealed).ok()?;
    Exchange::event(&event).cloned()
}
