//! Members: as others see them, registering, changing the nickname, leaving.

use axum::extract::State;
use axum::http::StatusCode;
use meguri_commands::{Commands, NewMember, NewNickname, Password, Visitor};
use meguri_events::Prefecture;
use meguri_http::{
    Anyone, Client, IdempotencyHeader, IdempotencyKey, Json, Member, MemberProblems, Path, Problem,
    PublicProblems, Query, WriteProblems,
};
use meguri_read_api::ReadApi;
use meguri_read_api::list::List;
use meguri_read_api::member::{ProfileAnswer, ThanksAnswer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::answer::{Accepted, Answer, Shown};
use crate::caller;
use crate::query::{PageQuery, When};

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
    let caller = caller(&app, who, key.as_ref(), &body);
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
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(app.leave(&caller).await?))
}

/// Reads a member's public profile.
///
/// With the number of thanks received (H20) and of exchanges completed (H23). One of a member whom
/// the reader blocks, or who blocks the reader, is not there (C12).
#[utoipa::path(
    get, path = "/members/{user_name}", tag = "members", operation_id = "read_member",
    extensions(("x-summary-ja" = json!("プロフィールを見る"))),
    security((), ("bearer" = [])),
    params(("user_name" = String, Path, description = "The member's user name"), When),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn read_member(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(user_name): Path<String>,
    Query(when): Query<When>,
) -> Result<Shown<ProfileAnswer>, Problem> {
    Ok(Shown(read.profile(&viewer, &user_name, when.into()).await?))
}

/// Reads the thanks a member has received (ありがとう, H18-H20).
///
/// Newest first, with their words where they are not erased. Thanks are public: they are the
/// receiver's reputation. A member does not see thanks of those whom they block, or who block them
/// (C12).
#[utoipa::path(
    get, path = "/members/{user_name}/thanks", tag = "members", operation_id = "read_thanks",
    extensions(("x-summary-ja" = json!("届いた「ありがとう」を見る"))),
    security((), ("bearer" = [])),
    params(("user_name" = String, Path, description = "The member's user name"), PageQuery, When),
    responses(
        (status = 200, description = "A page of thanks", body = List<ThanksAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn read_thanks(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(user_name): Path<String>,
    Query(page): Query<PageQuery>,
    Query(when): Query<When>,
) -> Result<Shown<List<ThanksAnswer>>, Problem> {
    let thanks = read.thanks(&viewer, &user_name, page.part()?, when.into());
    Ok(Shown(thanks.await?))
}

/// Reads one's own profile.
///
/// The profile of the member whose access token is sent.
#[utoipa::path(
    get, path = "/me", tag = "members", operation_id = "read_me",
    extensions(("x-summary-ja" = json!("自分のプロフィールを見る"))),
    security(("bearer" = [])),
    params(When),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        MemberProblems,
    )
)]
pub(crate) async fn read_me(
    State(read): State<ReadApi>,
    who: Member,
    Query(when): Query<When>,
) -> Result<Shown<ProfileAnswer>, Problem> {
    Ok(Shown(read.own_profile(&who.into(), when.into()).await?))
}
