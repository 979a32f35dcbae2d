//! The write side: load, decide, append, and the policies that follow the log.
//!
//! [`Commands`] is what everything that writes goes through, with or without HTTP: its methods
//! take who asks ([`Caller`]), what is asked, and answer with [`Done`]. It knows nothing of HTTP;
//! [`policies`] act on what has happened, by the same commands.

mod access;
mod address;
mod attempts;
mod block;
mod cache;
mod caller;
mod claims;
mod commands;
mod erasure;
mod error;
mod exchange;
mod fair_queue;
mod handle;
mod ids;
mod matching;
mod member;
mod password;
pub mod policies;
mod post;
mod rate;
mod redaction;
mod schemas;
mod settings;
mod snapshot;
mod snapshots;
mod tokens;
mod visitor;
mod vocabulary;

pub use access::{AccessError, SealedText, note_opened_texts, note_opened_views};
pub use address::ClientAddress;
pub use caller::Caller;
pub use commands::{Commands, RequestDigest};
pub use erasure::{Erasure, give_up_lost_keys, reapply_erasures};
pub use error::{CommandError, Refusal, RefusalKind};
pub use exchange::{
    Abort, Agreement, Cancellation, NewEvaluation, NewExchange, NewMessage, NewTerms, NewThanks,
};
pub use handle::Done;
pub use ids::{Ids, SeededIds, SystemIds};
pub use member::{NewMember, NewNickname, Registered};
pub use password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, Password};
pub use post::{NewPost, PostChanges};
pub use rate::{Buckets, Rate, TooMany};
pub use redaction::{RedactError, Redaction, redact};
pub use settings::{CommandSettings, ErasurePeriods, PasswordCost};
pub use snapshots::keep_snapshots;
pub use tokens::{LoggedIn, OwnToken};
pub use visitor::Visitor;
