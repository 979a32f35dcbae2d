//! What both sides of HTTP share: problem details, JSON, who is asking, idempotency, limits.
//!
//! A handler takes [`Json`], [`Query`], [`Path`], [`Member`], [`Anyone`], [`Auditor`], [`Operator`]
//! and [`IdempotencyKey`] from here, so that every failure, also the framework's own, reaches the
//! client as `application/problem+json` in the reader's language. [`guard`] wraps the finished
//! router.

mod actor;
mod answer_error;
mod client;
mod command_error;
mod declared;
mod documented;
mod gate;
mod guard;
mod head;
mod idempotency;
mod input;
mod json;
mod language;
mod limits;
mod live_token;
mod problem;
mod query;
mod request;
mod shares;

pub use actor::{
    Anyone, Auditor, Bearer, Inquirer, Member, Operator, TokenReader, Tokens, TokensUnavailable,
};
pub use client::{BadNetwork, Client, TrustedProxies};
pub use declared::declared_queries;
pub use documented::{
    BEARER, MemberProblems, Problems, PublicProblems, ReadProblems, WriteProblems, documented,
};
pub use gate::{HeldUp, OverShare};
pub use guard::{REQUEST_ID_HEADER, RequestId, guard, limit};
pub use head::require_host;
pub use idempotency::{CLIENT_KEY_CHARS_MAX, IdempotencyHeader, IdempotencyKey};
pub use json::Json;
pub use language::Language;
pub use limits::{BODY_BYTES_MAX, Limits};
pub use live_token::LiveToken;
pub use meguri_commands::{ClientAddress, Rate};
pub use problem::{Kind, PROBLEM_MEDIA_TYPE, Problem, ProblemBody, kinds};
pub use query::{Path, Query};
pub use request::IfMatch;
pub use shares::{Share, Shares};
