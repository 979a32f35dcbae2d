//! The facts of a mutual-help exchange: every event, its versions and what of it is sealed.
//!
//! The crate knows nothing of where events are kept. [`Event::encode`] yields the open data as
//! JSON and the sealed sections as plaintext; [`Event::decode`] takes the same parts back, each
//! section either opened or erased. What a person typed is a [`Sealed`] field; a field that is
//! not sealed must be [`Open`], which no text is, so nobody can forget to seal:
//!
//! ```
//! fn may_stand_in_the_open<T: meguri_events::Open>() {}
//! may_stand_in_the_open::<meguri_events::MemberId>();
//! may_stand_in_the_open::<Option<meguri_events::Prefecture>>();
//! ```
//! ```compile_fail
//! fn may_stand_in_the_open<T: meguri_events::Open>() {}
//! may_stand_in_the_open::<String>();
//! ```
//! ```compile_fail
//! fn may_stand_in_the_open<T: meguri_events::Open>() {}
//! may_stand_in_the_open::<meguri_events::PostText>();
//! ```
//!
//! How to change an event is told in the `README.md` of this crate.

#[macro_use]
mod codes;
mod composed;
#[macro_use]
mod declare;

mod access;
mod block;
mod category;
mod claim;
mod description;
mod encoding;
mod erasure;
mod event;
mod exchange;
mod ids;
mod matching;
mod member;
mod mode;
mod open;
mod plain;
mod plaintext;
mod post;
mod prefecture;
mod reason;
mod redaction;
mod sealed;
mod timestamp;
mod upcasts;
mod vocabulary;

pub use access::{AccessEvent, SealedTextOpened, SectionRef, SectionRefError, ViewOpened, ViewRef};
pub use block::{BlockEvent, MemberBlocked, MemberUnblocked};
pub use category::Category;
pub use claim::{ClaimEvent, ClaimKind, ClaimReleased, ClaimTaken};
pub use codes::UnknownCode;
pub use composed::composed;
pub use description::{Description, OpenField, SealedSection};
pub use encoding::{DecodeError, EncodeError, Encoded, Opened, Section};
pub use erasure::{KeyRange, KeyRangeError};
pub use event::{Event, TYPES};
pub use exchange::{
    CompletionReminded, CompletionReported, EvaluationRetracted, EvaluationWritten,
    ExchangeAborted, ExchangeApplied, ExchangeCancelled, ExchangeCompleted, ExchangeEvent,
    ExchangeRequested, ExchangeStarted, MessagePosted, TermsAgreed, TermsProposed, TermsText,
    ThanksSent,
};
pub use ids::{CLAIM_CATEGORY, ExchangeId, IdError, MemberId, NeedId, OfferId, PostId};
pub use matching::{MatchEvent, PostMatched};
pub use member::{
    KeysDestroyed, MemberErased, MemberEvent, MemberLeft, MemberProfile, MemberRegistered,
    NicknameChanged,
};
pub use mode::{Mode, Modes};
pub use open::Open;
pub use plain::PlainTextError;
pub use plaintext::Plaintext;
pub use post::{
    NeedClosed, NeedEdited, NeedPosted, NeedReopened, OfferClosed, OfferEdited, OfferPosted,
    OfferReopened, Place, PostEvent, PostOutline, PostText,
};
pub use prefecture::{Prefecture, PrefectureError};
pub use reason::ReasonCode;
pub use redaction::{EntryHex, EventRedacted, OrderRef, RedactionEvent, StreamRef, TypeRef};
pub use sealed::{KeyClass, Sealed};
pub use timestamp::{Timestamp, TimestampError};
pub use vocabulary::{
    Reading, SynonymsGrouped, SynonymsUngrouped, VOCABULARY_STREAM, VocabularyEvent,
    VocabularyWord, VocabularyWordAdded, VocabularyWordRemoved, WordError,
};
