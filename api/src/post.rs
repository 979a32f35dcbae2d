//! Posts: Needs and Offers, and the exchanges that are opened on them.

use axum::extract::State;
use meguri_commands::{Commands, NewExchange, NewPost, PostChanges};
use meguri_events::{NeedId, OfferId, PostId};
use meguri_http::{
    Anyone, IdempotencyHeader, IdempotencyKey, IfMatch, Json, Member, Path, Problem,
    PublicProblems, Query, WriteProblems,
};
use meguri_read_api::ReadApi;
use meguri_read_api::post::PostAnswer;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::answer::{Accepted, Answer, Shown};
use crate::caller;
use crate::query::When;

/// The version the author has seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(
    dead_code,
    reason = "for the API's description; the extractor is IfMatch"
)]
struct IfMatchHeader {
    /// The `ETag` of the post as it was read, several of them, or `*`; refused (412) when it has
    /// changed since.
    #[param(rename = "If-Match", example = "\"1\"")]
    if_match: Option<String>,
}

/// Reads a Need (コマリゴト), open or closed (H01).
///
/// As it reads now. `ETag` is its version, for `If-Match` of an edit. One of a member whom the
/// reader blocks, or who blocks the reader, is not there (C12).
#[utoipa::path(
    get, path = "/needs/{id}", tag = "posts", operation_id = "read_need",
    extensions(("x-summary-ja" = json!("コマリゴトを読む"))),
    security((), ("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The Need"), When),
    responses(
        (status = 200, description = "The Need", body = PostAnswer,
            headers(
                ("etag" = String, description = "Version of the post, for `If-Match`"),
                ("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "There is no such Need",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn read_need(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(id): Path<NeedId>,
    Query(when): Query<When>,
) -> Result<Shown<PostAnswer>, Problem> {
    Ok(Shown(read.post(&viewer, id.into(), when.into()).await?))
}

/// Reads an Offer (デキルコト), open or closed (H01).
///
/// As it reads now. `ETag` is its version, for `If-Match` of an edit. One of a member whom the
/// reader blocks, or who blocks the reader, is not there (C12).
#[utoipa::path(
    get, path = "/offers/{id}", tag = "posts", operation_id = "read_offer",
    extensions(("x-summary-ja" = json!("デキルコトを読む"))),
    security((), ("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The Offer"), When),
    responses(
        (status = 200, description = "The Offer", body = PostAnswer,
            headers(
                ("etag" = String, description = "Version of the post, for `If-Match`"),
                ("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "There is no such Offer",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn read_offer(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(id): Path<OfferId>,
    Query(when): Query<When>,
) -> Result<Shown<PostAnswer>, Problem> {
    Ok(Shown(read.post(&viewer, id.into(), when.into()).await?))
}

/// Posts a Need (コマリゴト, H03).
#[utoipa::path(
    post, path = "/needs", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("コマリゴトを投稿する"))),
    params(IdempotencyHeader), request_body = NewPost,
    responses((status = 201, description = "Posted", body = Accepted), WriteProblems),
)]
pub(crate) async fn post_need(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewPost>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::created(app.post_need(&caller, body).await?))
}

/// Rewrites one's Need (H01): what is not sent stays as it is.
#[utoipa::path(
    patch, path = "/needs/{id}", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("コマリゴトを編集する"))),
    params(("id" = Uuid, Path, description = "The Need"), IfMatchHeader, IdempotencyHeader),
    request_body = PostChanges,
    responses((status = 200, description = "Rewritten", body = Accepted), WriteProblems),
)]
pub(crate) async fn edit_need(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    seen: Option<IfMatch>,
    Path(id): Path<Uuid>,
    Json(body): Json<PostChanges>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    let (id, seen) = (
        NeedId::new(id).into(),
        seen.map(|IfMatch(versions)| versions),
    );
    Ok(Answer::changed(
        app.edit_post(&caller, id, body, seen).await?,
    ))
}

/// Closes one's Need (H01); its exchanges go on.
#[utoipa::path(
    post, path = "/needs/{id}/close", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("コマリゴトを締め切る"))),
    params(("id" = Uuid, Path, description = "The Need"), IdempotencyHeader),
    responses((status = 200, description = "Closed", body = Accepted), WriteProblems),
)]
pub(crate) async fn close_need(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.close_post(&caller, NeedId::new(id).into()).await?,
    ))
}

/// Opens one's closed Need again (H01).
#[utoipa::path(
    post, path = "/needs/{id}/reopen", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("コマリゴトを再開する"))),
    params(("id" = Uuid, Path, description = "The Need"), IdempotencyHeader),
    responses((status = 200, description = "Reopened", body = Accepted), WriteProblems),
)]
pub(crate) async fn reopen_need(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.reopen_post(&caller, NeedId::new(id).into()).await?,
    ))
}

/// Applies to help on a Need (スケット申し込み, H04): opens an exchange.
#[utoipa::path(
    post, path = "/needs/{id}/applications", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("スケットに申し込む"))),
    params(("id" = Uuid, Path, description = "The Need"), IdempotencyHeader),
    request_body = NewExchange,
    responses((status = 201, description = "Opened", body = Accepted), WriteProblems),
)]
pub(crate) async fn apply_to_help(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<NewExchange>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    let post = PostId::from(NeedId::new(id));
    Ok(Answer::created(
        app.open_exchange(&caller, post, body).await?,
    ))
}

/// Registers an Offer (デキルコト, H02).
#[utoipa::path(
    post, path = "/offers", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("デキルコトを登録する"))),
    params(IdempotencyHeader), request_body = NewPost,
    responses((status = 201, description = "Posted", body = Accepted), WriteProblems),
)]
pub(crate) async fn post_offer(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewPost>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::created(app.post_offer(&caller, body).await?))
}

/// Rewrites one's Offer (H01): what is not sent stays as it is.
#[utoipa::path(
    patch, path = "/offers/{id}", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("デキルコトを編集する"))),
    params(("id" = Uuid, Path, description = "The Offer"), IfMatchHeader, IdempotencyHeader),
    request_body = PostChanges,
    responses((status = 200, description = "Rewritten", body = Accepted), WriteProblems),
)]
pub(crate) async fn edit_offer(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    seen: Option<IfMatch>,
    Path(id): Path<Uuid>,
    Json(body): Json<PostChanges>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    let (id, seen) = (
        OfferId::new(id).into(),
        seen.map(|IfMatch(versions)| versions),
    );
    Ok(Answer::changed(
        app.edit_post(&caller, id, body, seen).await?,
    ))
}

/// Closes one's Offer (H01); its exchanges go on.
#[utoipa::path(
    post, path = "/offers/{id}/close", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("デキルコトを締め切る"))),
    params(("id" = Uuid, Path, description = "The Offer"), IdempotencyHeader),
    responses((status = 200, description = "Closed", body = Accepted), WriteProblems),
)]
pub(crate) async fn close_offer(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.close_post(&caller, OfferId::new(id).into()).await?,
    ))
}

/// Opens one's closed Offer again (H01).
#[utoipa::path(
    post, path = "/offers/{id}/reopen", tag = "posts", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("デキルコトを再開する"))),
    params(("id" = Uuid, Path, description = "The Offer"), IdempotencyHeader),
    responses((status = 200, description = "Reopened", body = Accepted), WriteProblems),
)]
pub(crate) async fn reopen_offer(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.reopen_post(&caller, OfferId::new(id).into()).await?,
    ))
}

/// Asks the owner of an Offer for help (スケットを頼む, H02): opens an exchange.
#[utoipa::path(
    post, path = "/offers/{id}/requests", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("スケットを頼む"))),
    params(("id" = Uuid, Path, description = "The Offer"), IdempotencyHeader),
    request_body = NewExchange,
    responses((status = 201, description = "Opened", body = Accepted), WriteProblems),
)]
pub(crate) async fn request_help(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<NewExchange>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    let post = PostId::from(OfferId::new(id));
    Ok(Answer::created(
        app.open_exchange(&caller, post, body).await?,
    ))
}
