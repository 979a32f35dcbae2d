//! The one enum over everything that can have happened.

use crate::access::AccessEvent;
use crate::block::BlockEvent;
use crate::claim::ClaimEvent;
use crate::description::Description;
use crate::encoding::{DecodeError, EncodeError, Encoded, Opened, Stored};
use crate::exchange::ExchangeEvent;
use crate::matching::MatchEvent;
use crate::member::MemberEvent;
use crate::post::PostEvent;
use crate::redaction::RedactionEvent;
use crate::vocabulary::VocabularyEvent;

/// Everything that can have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To a member.
    Member(MemberEvent),
    /// To a Need or an Offer.
    Post(PostEvent),
    /// In an exchange.
    Exchange(ExchangeEvent),
    /// To a claim on something that only one may hold.
    Claim(ClaimEvent),
    /// To somebody's sealed text.
    Access(AccessEvent),
    /// To an event, as a court ordered.
    Redaction(RedactionEvent),
    /// To the words of search.
    Vocabulary(VocabularyEvent),
    /// Between two members, one of whom blocks the other.
    Block(BlockEvent),
    /// To a member whose post a new one fits.
    Match(MatchEvent),
}

/// Names of all event types. They are the storage format and never change.
pub const TYPES: &[&str] = &ALL_TYPES;

const ALL_TYPES: [&str;
    MemberEvent::TYPES.len()
        + PostEvent::TYPES.len()
        + ExchangeEvent::TYPES.len()
        + ClaimEvent::TYPES.len()
        + AccessEvent::TYPES.len()
        + RedactionEvent::TYPES.len()
        + VocabularyEvent::TYPES.len()
        + BlockEvent::TYPES.len()
        + MatchEvent::TYPES.len()] = join([
    MemberEvent::TYPES,
    PostEvent::TYPES,
    ExchangeEvent::TYPES,
    ClaimEvent::TYPES,
    AccessEvent::TYPES,
    RedactionEvent::TYPES,
    VocabularyEvent::TYPES,
    BlockEvent::TYPES,
    MatchEvent::TYPES,
]);

const fn join<const N: usize>(groups: [&[&'static str]; 9]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut next, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[next] = groups[group][index];
            index += 1;
            next += 1;
        }
        group += 1;
    }
    all
}

impl Event {
    /// Name of the event's type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Member(event) => event.type_name(),
            Self::Post(event) => event.type_name(),
            Self::Exchange(event) => event.type_name(),
            Self::Claim(event) => event.type_name(),
            Self::Access(event) => event.type_name(),
            Self::Redaction(event) => event.type_name(),
            Self::Vocabulary(event) => event.type_name(),
            Self::Block(event) => event.type_name(),
            Self::Match(event) => event.type_name(),
        }
    }

    /// Schema number under which [`Event::encode`] writes it.
    pub fn schema(&self) -> u32 {
        match self {
            Self::Member(event) => event.schema(),
            Self::Post(event) => event.schema(),
            Self::Exchange(event) => event.schema(),
            Self::Claim(event) => event.schema(),
            Self::Access(event) => event.schema(),
            Self::Redaction(event) => event.schema(),
            Self::Vocabulary(event) => event.schema(),
            Self::Block(event) => event.schema(),
            Self::Match(event) => event.schema(),
        }
    }

    /// The event as the log takes it. A section that is erased has no plaintext any more and is
    /// left out: what is encoded are new events.
    ///
    /// # Errors
    /// None for any event that the domain has decided.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        match self {
            Self::Member(event) => event.encode(),
            Self::Post(event) => event.encode(),
            Self::Exchange(event) => event.encode(),
            Self::Claim(event) => event.encode(),
            Self::Access(event) => event.encode(),
            Self::Redaction(event) => event.encode(),
            Self::Vocabulary(event) => event.encode(),
            Self::Block(event) => event.encode(),
            Self::Match(event) => event.encode(),
        }
    }

    /// Reads an event back, of the current schema number or an older one. Fields and sections it
    /// does not know are passed over; they stay in the log, whose bytes nobody touches.
    ///
    /// # Errors
    /// [`DecodeError`] when type or schema number are unknown or the bytes malformed.
    pub fn decode(
        event_type: &str,
        schema: u32,
        data: &str,
        sections: &[(&str, Opened<'_>)],
    ) -> Result<Self, DecodeError> {
        let stored = Stored {
            event_type,
            schema,
            data,
            sections,
        };
        if let Some(event) = ExchangeEvent::decode(&stored) {
            return event.map(Self::Exchange);
        }
        if let Some(event) = PostEvent::decode(&stored) {
            return event.map(Self::Post);
        }
        if let Some(event) = MemberEvent::decode(&stored) {
            return event.map(Self::Member);
        }
        if let Some(event) = ClaimEvent::decode(&stored) {
            return event.map(Self::Claim);
        }
        if let Some(event) = AccessEvent::decode(&stored) {
            return event.map(Self::Access);
        }
        if let Some(event) = RedactionEvent::decode(&stored) {
            return event.map(Self::Redaction);
        }
        if let Some(event) = VocabularyEvent::decode(&stored) {
            return event.map(Self::Vocabulary);
        }
        if let Some(event) = BlockEvent::decode(&stored) {
            return event.map(Self::Block);
        }
        if let Some(event) = MatchEvent::decode(&stored) {
            return event.map(Self::Match);
        }
        Err(DecodeError::UnknownType {
            event_type: event_type.to_owned(),
        })
    }

    /// What every event of every schema number looks like, oldest schema first.
    pub fn descriptions() -> Vec<Description> {
        [
            MemberEvent::descriptions(),
            PostEvent::descriptions(),
            ExchangeEvent::descriptions(),
            ClaimEvent::descriptions(),
            AccessEvent::descriptions(),
            RedactionEvent::descriptions(),
            VocabularyEvent::descriptions(),
            BlockEvent::descriptions(),
            MatchEvent::descriptions(),
        ]
        .concat()
    }
}
