//! Routes of access tokens: logging in and out, and looking after the tokens one has.

use axum::extract::State;
use axum::http::StatusCode;
use meguri_commands::{Commands, LoggedIn, OwnToken, Password, Visitor};
use meguri_http::{
    Bearer, Client, IdempotencyHeader, Json, Member, Path, Problem, ReadProblems, WriteProblems,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

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
    /// What the last registration or log-in of this member on this device has answered as `device`:
    /// it is let in while others guess the password.
    #[serde(default)]
    #[schema(max_length = 104)]
    device: Option<String>,
}

/// A new access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// The member's id.
    id: Uuid,
    /// Access token for `Authorization: Bearer`; it can be read this once.
    token: String,
    /// To be sent when this device logs in again. It opens nothing by itself.
    device: String,
    /// A position in the log at which the member is to be seen.
    #[schema(minimum = 0)]
    position: u64,
}

/// Logs in: gives a new access token.
///
/// An `Idempotency-Key` is taken and not needed: each request gives a token of its own. Wrong
/// passwords are limited by the address they come from (429): nobody's guesses lock a member out
/// who logs in from elsewhere, from a device that sends its `device`, or from where they were
/// before.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens",
    extensions(("x-summary-ja" = json!("ログインする"))),
    params(IdempotencyHeader), request_body = Credentials,
    responses((status = 201, description = "Logged in", body = NewToken), WriteProblems),
)]
pub(crate) async fn log_in(
    State(app): State<Commands>,
    Client(address): Client,
    Json(body): Json<Credentials>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let app = app.asked_from(Visitor::new(address, body.device));
    let LoggedIn {
        member,
        token,
        device,
        position,
    } = app.log_in(&body.user_name, &body.password).await?;
    let token = NewToken {
        id: member.uuid(),
        token,
        device,
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
pub(crate) async fn log_out(
    State(app): State<Commands>,
    _: Member,
    Bearer(token): Bearer,
) -> Result<StatusCode, Problem> {
    app.log_out(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The access tokens that a member has.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnTokens {
    /// The valid ones, newest first; a member has 100 at most.
    items: Vec<OwnToken>,
}

/// Lists one's access tokens: where one is logged in, since when and until when.
#[utoipa::path(
    get, path = "/me/tokens", tag = "tokens", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("自分のアクセストークンの一覧"))),
    responses((status = 200, description = "One's tokens", body = OwnTokens), ReadProblems),
)]
pub(crate) async fn list_tokens(
    State(app): State<Commands>,
    who: Member,
    Bearer(token): Bearer,
) -> Result<Json<OwnTokens>, Problem> {
    let items = app.tokens_of(&who.0.stream(), &token).await?;
    Ok(Json(OwnTokens { items }))
}

/// Revokes one of one's access tokens: it is refused from now on, and live updates under it end.
#[utoipa::path(
    delete, path = "/me/tokens/{id}", tag = "tokens", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("アクセストークンを無効にする"))),
    params(("id" = String, Path, description = "The token, as `GET /api/me/tokens` lists it")),
    responses((status = 204, description = "Revoked"), WriteProblems),
)]
pub(crate) async fn revoke_token(
    State(app): State<Commands>,
    who: Member,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.revoke_token(&who.0.stream(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
