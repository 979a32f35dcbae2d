//! JSON over HTTP, in front of the doors of the application: one function a route, and nothing
//! decided here.

mod block;
mod erasure;
mod exchange;
mod member;
mod post;
mod problems;
mod tokens;
mod vocabulary;

use axum::extract::FromRef;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use meguri_commands::{Caller, Commands, Done};
use meguri_events::MemberId;
use meguri_http::{IdempotencyKey, IfMatch, Json, Member, Problem, Tokens, documented, kinds};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

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

/// What was done: which member, post or exchange, at which version and position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Id of the member, post or exchange.
    id: Uuid,
    /// Version of its stream; an `ETag` for `If-Match`.
    #[schema(minimum = 1)]
    version: u64,
    /// Position in the log: a read that is given it as `min_position` sees what was done.
    #[schema(minimum = 1)]
    position: u64,
}

/// What was done, as an answer.
pub(crate) struct Answer {
    status: StatusCode,
    done: Done,
}

impl Answer {
    /// Something new exists.
    fn created(done: Done) -> Self {
        Self {
            status: StatusCode::CREATED,
            done,
        }
    }

    /// Something that exists has changed, or is as it should be.
    fn changed(done: Done) -> Self {
        Self {
            status: StatusCode::OK,
            done,
        }
    }
}

impl From<&Done> for Accepted {
    fn from(done: &Done) -> Self {
        Self {
            id: done.id(),
            version: done.version.get(),
            position: done.position.get(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let accepted = Accepted::from(&self.done);
        let tag = HeaderValue::from_str(&IfMatch::etag(accepted.version)).ok();
        let mut response = (self.status, Json(accepted)).into_response();
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Who asks over HTTP, and the key under which the request may be repeated.
fn caller(
    commands: &Commands,
    who: &Member,
    key: Option<&IdempotencyKey>,
    body: &impl Serialize,
) -> Result<Caller, Problem> {
    let member = MemberId::from_stream(&who.subject);
    let member = member.ok_or_else(|| Problem::new(kinds::FORBIDDEN))?;
    let key = key.map(|key| commands.request_key(key.digest(&who.subject, body)));
    Ok(Caller::member(member).with_key(key))
}
