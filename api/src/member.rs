//! Routes of members: registering, changing the nickname, leaving.

use axum::extract::State;
use axum::http::StatusCode;
use meguri_commands::{Commands, NewMember, NewNickname, Password, Visitor};
use meguri_events::Prefecture;
use meguri_http::{
    Client, IdempotencyHeader, IdempotencyKey, Json, Member, Problem, WriteProblems,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Accepted, Answer, caller};

/// A visitor has no name yet under which a key could be remembered.
const NOBODY: &str = "nobody";

/// What a person gives to become a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Unique and never changed, the profile's address: a-z, 0-9, `_`, a letter first (K23).
    #[schema(
        min_length = 3,
        max_length = 30,
        pattern = "^[a-z][a-z0-9_]*$",
        example = "hanako"
    )]
    user_name: String,
    /// What others read.
    #[schema(min_length = 1, max_length = 30, example = "はなこ")]
    nickname: String,
    /// Where mail reaches the member; nobody else sees it.
    #[schema(format = Email, max_length = 254, example = "hanako@example.jp")]
    mail: String,
    /// Kept as an argon2id hash only.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 200)]
    password: Password,
    /// JIS X 0401 code of the prefecture where the member lives, if they say so: others see it.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 47)]
    prefecture: Option<Prefecture>,
}

/// A new member, and an access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegisteredMember {
    /// The member's id.
    id: Uuid,
    /// Access token for `Authorization: Bearer`; it can be read this once.
    token: String,
    /// To be sent with `POST /api/tokens` from this device: it lets the device in while others
    /// guess the password. It opens nothing by itself.
    device: String,
    /// Position in the log: a read that is given it as `min_position` sees the member.
    #[schema(minimum = 1)]
    position: u64,
}

/// Registers a member (会員登録).
///
/// The same again under the same `Idempotency-Key`, with the same password, gives another token,
/// also from another address. With another password it is answered as a request of somebody else
/// for a user name that is taken. Two who send different things under one key do not meet. Whether
/// a mail address is known here is told nobody: one that somebody else has given is taken down.
#[utoipa::path(
    post, path = "/members", tag = "members",
    extensions(("x-summary-ja" = json!("会員登録する"))),
    params(IdempotencyHeader), request_body = Registration,
    responses((status = 201, description = "Registered", body = RegisteredMember), WriteProblems),
)]
pub(crate) async fn register(
    State(app): State<Commands>,
    Client(address): Client,
    key: Option<IdempotencyKey>,
    Json(body): Json<Registration>,
) -> Result<(StatusCode, Json<RegisteredMember>), Problem> {
    let Registration {
        user_name,
        nickname,
        mail,
        password,
        prefecture,
    } = body;
    let new = NewMember {
        user_name,
        nickname,
        mail,
        prefecture,
    };
    // The password is no part of what the log remembers: a fast hash of it would be a gift.
    let key = key.map(|key| app.visitors_key(key.digest(NOBODY, &new)));
    let app = app.asked_from(Visitor::new(address, None));
    let registered = app.register_with_password(new, &password, key).await?;
    let Accepted { id, position, .. } = Accepted::from(&registered.done);
    let member = RegisteredMember {
        id,
        token: registered.token,
        device: registered.device,
        position,
    };
    Ok((StatusCode::CREATED, Json(member)))
}

/// Changes one's nickname.
#[utoipa::path(
    patch, path = "/me", tag = "members", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("ニックネームを変える"))),
    params(IdempotencyHeader), request_body = NewNickname,
    responses((status = 200, description = "Changed", body = Accepted), WriteProblems),
)]
pub(crate) async fn change_nickname(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewNickname>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, &who, key.as_ref(), &body)?;
    Ok(Answer::changed(app.change_nickname(&caller, body).await?))
}

/// Leaves the community (退会, H01).
///
/// One's posts are closed, negotiations cancelled, exchanges in progress aborted, and one's
/// tokens and password taken away, all within moments.
#[utoipa::path(
    post, path = "/me/departure", tag = "members", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("退会する"))),
    params(IdempotencyHeader),
    responses((status = 200, description = "Left", body = Accepted), WriteProblems),
)]
pub(crate) async fn leave(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, &who, key.as_ref(), &())?;
    Ok(Answer::changed(app.leave(&caller).await?))
}
