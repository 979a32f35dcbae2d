//! JSON over HTTP, in front of the doors of the application: one function a route, and nothing
//! decided here.
//!
//! [`writing`] and [`reading`] read as the table of contents; `description` describes all of it.

mod answer;
mod block;
mod board;
mod description;
mod erasure;
mod evidence;
mod exchange;
mod health;
mod included;
mod log;
mod member;
mod own;
mod post;
mod problems;
mod published;
mod query;
mod search;
mod status;
mod stream;
mod tokens;
mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use meguri_commands::{Caller, Commands};
use meguri_http::{IdempotencyKey, Member, Tokens, documented};
use meguri_read_api::ReadApi;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use answer::POSITION_HEADER;
pub use description::{DOCUMENT_PATH, described};
pub use stream::STREAMS_MAX;

/// What the routes that write need.
#[derive(Clone)]
struct Writing {
    commands: Commands,
    tokens: Tokens,
}

impl FromRef<Writing> for Commands {
    fn from_ref(writing: &Writing) -> Self {
        writing.commands.clone()
    }
}

impl FromRef<Writing> for Tokens {
    fn from_ref(writing: &Writing) -> Self {
        writing.tokens.clone()
    }
}

/// Renders the metrics of the process in the text format of Prometheus.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl Metrics {
    /// Rendered so.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    fn render(&self) -> String {
        (self.0)()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The live streams that are open, and how they go on.
#[derive(Debug, Clone)]
pub struct Streaming {
    streams: Arc<stream::Streams>,
    keep_alive: Duration,
    shutdown: CancellationToken,
}

impl Streaming {
    /// So many streams of members, and so many without a token, at most. All of them end when
    /// `shutdown` is cancelled.
    pub fn at_most(most: usize, shutdown: CancellationToken) -> Self {
        Self {
            streams: Arc::new(stream::Streams::new(most.min(STREAMS_MAX))),
            keep_alive: stream::KEEP_ALIVE,
            shutdown,
        }
    }

    /// Lets silent streams say so often that they are alive.
    #[must_use]
    pub fn keep_alive_every(mut self, time: Duration) -> Self {
        self.keep_alive = time;
        self
    }
}

/// What the routes that read need.
#[derive(Clone)]
struct Reading {
    read: ReadApi,
    tokens: Tokens,
    metrics: Metrics,
    streaming: Streaming,
}

impl FromRef<Reading> for ReadApi {
    fn from_ref(reading: &Reading) -> Self {
        reading.read.clone()
    }
}

impl FromRef<Reading> for Tokens {
    fn from_ref(reading: &Reading) -> Self {
        reading.tokens.clone()
    }
}

impl FromRef<Reading> for Metrics {
    fn from_ref(reading: &Reading) -> Self {
        reading.metrics.clone()
    }
}

/// The routes that write, below `/api`, and what their problems mean, below `/problems`.
pub fn writing(commands: Commands, tokens: Tokens) -> OpenApiRouter {
    let api = OpenApiRouter::new()
        .routes(routes!(member::register))
        .routes(routes!(member::change_nickname, erasure::erase_me))
        .routes(routes!(member::leave))
        .routes(routes!(block::block_member, block::unblock_member))
        .routes(routes!(tokens::log_in))
        .routes(routes!(tokens::log_out))
        .routes(routes!(tokens::list_tokens))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(post::post_need))
        .routes(routes!(post::edit_need))
        .routes(routes!(post::close_need))
        .routes(routes!(post::reopen_need))
        .routes(routes!(post::apply_to_help))
        .routes(routes!(post::post_offer))
        .routes(routes!(post::edit_offer))
        .routes(routes!(post::close_offer))
        .routes(routes!(post::reopen_offer))
        .routes(routes!(post::request_help))
        .routes(routes!(exchange::post_message))
        .routes(routes!(exchange::propose_terms))
        .routes(routes!(exchange::agree))
        .routes(routes!(exchange::cancel))
        .routes(routes!(exchange::abort))
        .routes(routes!(exchange::report_completion))
        .routes(routes!(
            exchange::write_evaluation,
            exchange::retract_evaluation
        ))
        .routes(routes!(exchange::send_thanks))
        .routes(routes!(vocabulary::put_word, vocabulary::delete_word))
        .routes(routes!(
            vocabulary::put_synonyms,
            vocabulary::delete_synonyms
        ));
    OpenApiRouter::with_openapi(documented())
        .routes(routes!(problems::every_problem))
        .routes(routes!(problems::one_problem))
        .nest("/api", api)
        .with_state(Writing { commands, tokens })
}

/// Lets the routes that write wait for a checkpoint: `Prefer: wait=included`.
pub fn proving(writing: OpenApiRouter, read: ReadApi) -> OpenApiRouter {
    writing.layer(from_fn_with_state(read, included::included))
}

/// The routes that read: those below `/api`, and beside it those for who runs the server.
pub fn reading(
    read: ReadApi,
    tokens: Tokens,
    metrics: Metrics,
    streaming: Streaming,
) -> OpenApiRouter {
    let below = OpenApiRouter::new()
        .routes(routes!(board::read_board))
        .routes(routes!(search::search))
        .routes(routes!(search::suggest))
        .routes(routes!(search::match_need))
        .routes(routes!(search::match_offer))
        .routes(routes!(vocabulary::read_vocabulary))
        .routes(routes!(post::read_need))
        .routes(routes!(post::read_offer))
        .routes(routes!(member::read_member))
        .routes(routes!(member::read_thanks))
        .routes(routes!(member::read_me))
        .routes(routes!(own::read_accesses))
        .routes(routes!(own::read_own_matches))
        .routes(routes!(own::list_blocks))
        .routes(routes!(exchange::list_exchanges))
        .routes(routes!(exchange::read_exchange))
        .routes(routes!(exchange::read_messages))
        .routes(routes!(exchange::read_history))
        .routes(routes!(evidence::read_evidence))
        .routes(routes!(status::read_status))
        .routes(routes!(stream::follow_stream))
        .routes(routes!(log::read_log))
        .routes(routes!(published::prove_event))
        .routes(routes!(published::prove_growth));
    OpenApiRouter::with_openapi(documented())
        .nest("/api", below)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(published::read_checkpoint))
        .routes(routes!(published::read_tile))
        .with_state(Reading {
            read,
            tokens,
            metrics,
            streaming,
        })
}

/// The member who asks over HTTP, with the key under which the request may be repeated.
fn caller(
    commands: &Commands,
    Member(member): Member,
    key: Option<&IdempotencyKey>,
    body: &impl Serialize,
) -> Caller {
    let key = key.map(|key| commands.request_key(key.digest(&member.stream(), body)));
    Caller::member(member).with_key(key)
}
