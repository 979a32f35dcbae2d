//! The rules of mutual help as pure deciders: no I/O, no clock, no randomness.
//!
//! Each aggregate is a file: its state, how events change it (`evolve`), what a command leads to
//! (methods that return events or a refusal). Ids and the moment travel in the command. A member
//! acts through [`ActiveMember`], which only a [`Member`] that has not left can give, so that
//! nothing here can be done by somebody who has left.

mod block;
mod claim;
mod compaction;
mod exchange;
mod mail;
mod matching;
mod member;
mod place;
mod post;
pub mod role;
mod text;
mod user_name;
mod vocabulary;

pub use block::{BlockError, Blocking};
pub use claim::{Claim, ClaimError};
pub use compaction::{Compacted, Counts};
pub use exchange::{
    AFTERWARDS, Exchange, ExchangeError, FollowUpPeriods, Opening, Side, Sides, Status, Terms,
};
pub use mail::{MAIL_CHARS_MAX, Mail};
pub use matching::Matching;
pub use member::{ActiveMember, Member, MemberError, Registration};
pub use place::rounded_place;
pub use post::{Post, PostContent, PostError, PostPatch};
pub use text::{
    CITY_CHARS_MAX, City, DESCRIPTION_CHARS_MAX, Description, Field, MESSAGE_CHARS_MAX,
    MessageText, NICKNAME_CHARS_MAX, Nickname, NotOpaque, REASON_CHARS_MAX, RETURN_CHARS_MAX,
    Reason, ReturnText, SEARCH_WORD_CHARS_MAX, SearchWord, TAG_CHARS_MAX, TAGS_MAX,
    TITLE_CHARS_MAX, Tag, Tags, TextError, Title, WHAT_CHARS_MAX, WHEN_CHARS_MAX, WORDS_CHARS_MAX,
    WhatText, WhenText, Words, opaque_string,
};
pub use user_name::{USER_NAME_CHARS_MAX, USER_NAME_CHARS_MIN, USER_NAMES_RESERVED, UserName};
pub use vocabulary::{
    SYNONYM_GROUPS_MAX, SYNONYMS_MAX, VOCABULARY_WORDS_MAX, Vocabulary, VocabularyError,
};

use meguri_events::Event;

/// What the events of one stream add up to.
pub trait Aggregate: Sized + Clone {
    /// The events of such a stream.
    type Event: Into<Event>;

    /// The event, if it is one of such a stream.
    fn event(event: &Event) -> Option<&Self::Event>;

    /// The state after an event. `None` stands for a stream in which nothing has happened; an
    /// event that cannot follow on the state leaves it as it is.
    fn evolve(state: Option<Self>, event: &Self::Event) -> Option<Self>;

    /// The types of events that leave every state as it is: where one of them was redacted, the
    /// state is as certain as before.
    const NEUTRAL: &'static [&'static str] = &[];

    /// How long an event counts for the state. Where nothing is said it counts always.
    ///
    /// Snapshots of long streams rest on this ([`Compacted`]): whoever changes it, or what
    /// [`evolve`](Self::evolve) makes of any events, counts [`FOLD`](Self::FOLD) up.
    fn counts(_event: &Self::Event) -> Counts {
        Counts::Always
    }

    /// The version of `evolve` and [`counts`](Self::counts). A snapshot that was made under another
    /// one is never read. `domain/tests/rules/folds.rs` notices where it should have been counted
    /// up.
    const FOLD: u32;

    /// The state after an event of this type that was redacted, as far as it can be told: as it
    /// was. Only what has to be possible in any case may rest on it.
    #[must_use]
    fn after_redacted(state: Option<Self>, _event_type: &str, _stream: &str) -> Option<Self> {
        state
    }

    /// The state after these events, from the first of the stream on.
    fn replay<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Option<Self>
    where
        Self::Event: 'a,
    {
        events.into_iter().fold(None, Self::evolve)
    }
}
