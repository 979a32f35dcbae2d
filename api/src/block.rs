//! Routes of blocks.

use axum::extract::State;
use meguri_commands::{Commands, Done};
use meguri_http::{IdempotencyHeader, IdempotencyKey, Json, Member, Path, Problem, WriteProblems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller;

/// A block was made, or taken back.
///
/// Tells no version: whether the other blocks, too, is theirs to know.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockChanged {
    /// Position in the log. The next read goes by it also where it is not given.
    #[schema(minimum = 1)]
    position: u64,
}

impl From<Done> for BlockChanged {
    fn from(done: Done) -> Self {
        Self {
            position: done.position.get(),
        }
    }
}

/// Blocks a member (ブロックする, C12).
///
/// From the next request on neither sees the other: not on the board, in search, in profiles or in
/// thanks; and neither opens an exchange on the other's posts. Exchanges that are open already go
/// on. Nobody is told that they are blocked. Blocking twice changes nothing.
#[utoipa::path(
    post, path = "/members/{user_name}/block", tag = "members", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("メンバーをブロックする"))),
    params(("user_name" = String, Path, description = "Whom to block"), IdempotencyHeader),
    responses((status = 200, description = "Blocked", body = BlockChanged), WriteProblems),
)]
pub(crate) async fn block_member(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(user_name): Path<String>,
) -> Result<Json<BlockChanged>, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Json(app.block(&caller, &user_name).await?.into()))
}

/// Takes one's own block of a member back (C12).
///
/// Both see each other again from the next request on, unless the other blocks, too.
#[utoipa::path(
    delete, path = "/members/{user_name}/block", tag = "members", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("ブロックを解く"))),
    params(("user_name" = String, Path, description = "Who is blocked"), IdempotencyHeader),
    responses((status = 200, description = "Taken back", body = BlockChanged), WriteProblems),
)]
pub(crate) async fn unblock_member(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(user_name): Path<String>,
) -> Result<Json<BlockChanged>, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Json(app.unblock(&caller, &user_name).await?.into()))
}
