//! Routes of access tokens: logging in and out.

use axum::extract::State;
use axum::http::StatusCode;
use meguri_http::{Bearer, IdempotencyHeader, Json, Member, Problem, WriteProblems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Commands, LoggedIn, Password};

/// User name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The user name.
    #[schema(example = "hanako")]
    user_name: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// A new access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// The member's id.
    id: Uuid,
    /// Access token for `Authorization: Bearer`; it can be read this once.
    token: String,
    /// A position in the log at which the member is to be seen.
    #[schema(minimum = 0)]
    position: u64,
}

/// Logs in: gives a new access token.
///
/// An `Idempotency-Key` is taken and not needed: each request gives a token of its own.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens",
    extensions(("x-summary-ja" = json!("ログインする"))),
    params(IdempotencyHeader), request_body = Credentials,
    responses((status = 201, description = "Logged in", body = NewToken), WriteProblems),
)]
pub(super) async fn log_in(
    State(app): State<Commands>,
    Json(body): Json<Credentials>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let LoggedIn {
        member,
        token,
        position,
    } = app.log_in(&body.user_name, &body.password).await?;
    let token = NewToken {
        id: member.uuid(),
        token,
        position: position.get(),
    };
    Ok((StatusCode::CREATED, Json(token)))
}

/// Logs out: the token of this request is refused from now on.
#[utoipa::path(
    delete, path = "/tokens/current", tag = "tokens", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("ログアウトする"))),
    responses((status = 204, description = "Logged out"), WriteProblems),
)]
pub(super) async fn log_out(
    State(app): State<Commands>,
    _: Member,
    Bearer(token): Bearer,
) -> Result<StatusCode, Problem> {
    app.log_out(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}
