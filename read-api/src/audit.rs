//! What happened, for whoever audits: an auditor sees every event as far as it is open, a party its
//! own exchanges. Nobody reads sealed text here.

mod looking;
mod story;

use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_events::{ExchangeId, MemberId};
use meguri_log::{Filter, Header, Position, Recorded, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::names::Names;
use crate::viewer::Asking;
use crate::{AnswerError, ReadApi, Viewer};

pub use looking::Wanted;
pub use story::{Place, Standing, Step, Story};

use looking::Looking;

/// An event as it is stored, as far as it is open.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// Its stream.
    pub stream: String,
    /// Its version in that stream.
    pub version: u64,
    /// What happened.
    pub event_type: String,
    /// The header, byte for byte; none where it was redacted.
    pub header: Option<String>,
    /// What the header says; none where it was redacted or cannot be read.
    pub said: Option<Said>,
}

/// What a header says.
#[derive(Debug, Clone)]
pub struct Said {
    /// The id of the event.
    pub id: Uuid,
    /// Its version in its stream, as the header has it.
    pub version: u64,
    /// The actor, as the header names it.
    pub actor: String,
    /// For whom, where that is somebody else.
    pub acting_for: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The event or command that led to it.
    pub causation: Option<Uuid>,
    /// The version of the policy in force.
    pub policy: Option<u32>,
    /// The names of its sealed sections.
    pub sealed: Vec<String>,
}

impl Entry {
    fn of(event: &Recorded) -> Self {
        Self {
            position: event.position(),
            stream: event.stream().to_owned(),
            version: event.version().get(),
            event_type: event.event_type().to_owned(),
            header: event.header_text().map(str::to_owned),
            said: event.header().and_then(Result::ok).map(Into::into),
        }
    }
}

impl From<Header<'_>> for Said {
    fn from(header: Header<'_>) -> Self {
        let sealed = header.sealed.iter().map(|it| it.section.to_owned());
        Self {
            id: header.id,
            version: header.version.get(),
            actor: header.actor.to_owned(),
            acting_for: header.acting_for.map(str::to_owned),
            at: header.at,
            causation: header.causation,
            policy: header.policy,
            sealed: sealed.collect(),
        }
    }
}

impl Said {
    /// The members whom it names as who did it, or for whom.
    fn members(&self) -> impl Iterator<Item = MemberId> {
        let both = [Some(&self.actor), self.acting_for.as_ref()];
        let both = both.into_iter().flatten();
        both.filter_map(|name| MemberId::from_stream(name))
    }
}

/// What was found in the log.
#[derive(Debug)]
pub struct Found {
    /// The events, in the order of the log.
    pub events: Vec<Entry>,
    /// Everything up to here was looked at.
    pub up_to: Position,
    /// Whether there is more to look at.
    pub goes_on: bool,
    /// The names of those who did it.
    pub names: Names,
    /// How many events the last checkpoint has; none where nothing was published.
    pub published: Option<u64>,
}

/// What happened in an exchange, and what proves it.
#[derive(Debug)]
pub struct Timeline {
    /// A page of it.
    pub story: Story,
    /// The names of those who did it.
    pub names: Names,
    /// How many events the last checkpoint has; none where nothing was published.
    pub published: Option<u64>,
    /// The verifier key as this server tells it.
    pub key: Option<String>,
}

/// What the entry of an event is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    position: u64,
    /// The header, byte for byte; null where it was redacted.
    header: Option<String>,
    /// Base64 of the 32 bytes under which it was hashed.
    blind: Option<String>,
}

impl ReadApi {
    /// Looks for events in the log, for auditors, and for a party in its own exchange.
    pub async fn search_log(&self, viewer: &Viewer, wanted: &Wanted) -> Result<Found, AnswerError> {
        let looked = Looking::of(self, wanted, viewer).await?.look(self).await?;
        let events: Vec<_> = looked.events.iter().map(Entry::of).collect();
        let actors = events.iter().filter_map(|event| event.said.as_ref());
        let actors = actors.filter_map(|said| MemberId::from_stream(&said.actor));
        Ok(Found {
            names: self.names_if_known(actors).await,
            published: self.published().await?,
            up_to: looked.up_to,
            goes_on: looked.goes_on,
            events,
        })
    }

    /// What happened in an exchange after a version of it, for its parties and for auditors.
    pub async fn timeline(
        &self,
        viewer: &Viewer,
        id: ExchangeId,
        after: u64,
    ) -> Result<Timeline, AnswerError> {
        viewer.may_see(self, id).await?;
        if viewer.principal().require_inquirer()? == Asking::Auditor {
            let auditor = viewer.principal().subject();
            tracing::info!(auditor, exchange = %id, "a timeline is read");
        }
        let mut story = Story::read(&self.log, id, after).await?;
        story.look_for_causes(&self.log).await?;
        let said = story
            .steps
            .iter()
            .filter_map(|step| step.entry.said.as_ref());
        let mut members: Vec<MemberId> = said.flat_map(Said::members).collect();
        if let Standing::Known(exchange) = &story.standing {
            members.extend([exchange.opener(), exchange.asked()]);
        }
        Ok(Timeline {
            names: self.names_if_known(members).await,
            published: self.published().await?,
            key: self.log.verifier().await?.map(|key| key.to_string()),
            story,
        })
    }

    /// The header of an event and its blind, for those who may see the header.
    ///
    /// # Errors
    /// [`AnswerError::NotFound`] also for events that the viewer may know nothing of.
    pub async fn entry(&self, viewer: &Viewer, position: u64) -> Result<Made, AnswerError> {
        let before = position.checked_sub(1).ok_or(AnswerError::NOT_FOUND)?;
        let filter = Filter::default();
        let block = self.log.read_all(Position::new(before), &filter, 1).await?;
        let event = block.events.first().ok_or(AnswerError::NOT_FOUND)?;
        if viewer.principal().require_inquirer()? != Asking::Auditor {
            let exchange = ExchangeId::from_stream(event.stream());
            let exchange = exchange.ok_or(AnswerError::NOT_FOUND)?;
            viewer.may_see(self, exchange).await?;
        }
        let blinds = self.log.blinds(&[event.position()]).await?;
        let blind = blinds.into_iter().flatten().next();
        Ok(Made {
            position,
            header: event.header_text().map(str::to_owned),
            blind: blind.map(|blind| STANDARD.encode(blind)),
        })
    }

    /// How many events the last checkpoint has.
    async fn published(&self) -> Result<Option<u64>, AnswerError> {
        let latest = self.log.latest_checkpoint().await?;
        Ok(latest.map(|latest| latest.tree.size))
    }

    /// The names of these members. Without them ids are shown: the names come from a view, and the
    /// log can be audited while that is being built.
    async fn names_if_known(&self, members: impl IntoIterator<Item = MemberId>) -> Names {
        let members: Vec<MemberId> = members.into_iter().collect();
        Names::of(self, members).await.unwrap_or_default()
    }
}
