//! Exchanges: what the two parties see of them, and do in their room.

use axum::extract::State;
use meguri_commands::{
    Abort, Agreement, Cancellation, Commands, NewEvaluation, NewMessage, NewTerms, NewThanks,
};
use meguri_events::ExchangeId;
use meguri_http::{
    IdempotencyHeader, IdempotencyKey, Inquirer, Json, Member, MemberProblems, Path, Problem,
    Query, ReadProblems, WriteProblems,
};
use meguri_read_api::exchange::ExchangeAnswer;
use meguri_read_api::history::HistoryAnswer;
use meguri_read_api::list::List;
use meguri_read_api::room::{MessageAnswer, RoomAnswer};
use meguri_read_api::{ReadApi, codes};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::answer::{Accepted, Answer, Shown};
use crate::caller;
use crate::query::{self, PageQuery, When};

/// Which of the member's exchanges are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExchangesQuery {
    /// Only exchanges that stand here (H24).
    #[param(schema_with = codes::exchange_status)]
    status: Option<String>,
}

/// Lists one's own exchanges, newest first.
///
/// Those that the member is a party of; nobody else's are ever listed.
#[utoipa::path(
    get, path = "/exchanges", tag = "exchanges", operation_id = "list_exchanges",
    extensions(("x-summary-ja" = json!("自分の交換を一覧する"))),
    security(("bearer" = [])),
    params(ExchangesQuery, PageQuery, When),
    responses(
        (status = 200, description = "A page of exchanges", body = List<ExchangeAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        MemberProblems,
    )
)]
pub(crate) async fn list_exchanges(
    State(read): State<ReadApi>,
    who: Member,
    Query(query): Query<ExchangesQuery>,
    Query(page): Query<PageQuery>,
    Query(when): Query<When>,
) -> Result<Shown<List<ExchangeAnswer>>, Problem> {
    let status = query::code("status", query.status.as_deref())?;
    let viewer = who.into();
    let exchanges = read.exchanges(&viewer, status, page.part()?, when.into());
    Ok(Shown(exchanges.await?))
}

/// Reads an exchange with its room (H05-H25).
///
/// With its terms, newest messages, evaluations and thanks. Only its two parties can read it; to
/// everybody else it does not exist.
#[utoipa::path(
    get, path = "/exchanges/{id}", tag = "exchanges", operation_id = "read_exchange",
    extensions(("x-summary-ja" = json!("交換とその部屋を見る"))),
    security(("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), When),
    responses(
        (status = 200, description = "The exchange and its room", body = RoomAnswer,
            headers(
                ("etag" = String, description = "Version of the exchange"),
                ("meguri-position" = u64, description = "Position the answer has seen"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_exchange(
    State(read): State<ReadApi>,
    who: Member,
    Path(id): Path<ExchangeId>,
    Query(when): Query<When>,
) -> Result<Shown<RoomAnswer>, Problem> {
    Ok(Shown(read.room(&who.into(), id, when.into()).await?))
}

/// Reads the messages of an exchange, newest first.
///
/// Only the two parties of the exchange can read them.
#[utoipa::path(
    get, path = "/exchanges/{id}/messages", tag = "exchanges", operation_id = "read_messages",
    extensions(("x-summary-ja" = json!("部屋のメッセージを読む"))),
    security(("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), PageQuery, When),
    responses(
        (status = 200, description = "A page of messages", body = List<MessageAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_messages(
    State(read): State<ReadApi>,
    who: Member,
    Path(id): Path<ExchangeId>,
    Query(page): Query<PageQuery>,
    Query(when): Query<When>,
) -> Result<Shown<List<MessageAnswer>>, Problem> {
    let viewer = who.into();
    let messages = read.messages(&viewer, id, page.part()?, when.into());
    Ok(Shown(messages.await?))
}

/// Reads what happened in an exchange: who, what, when, because of what.
///
/// First to last, in pages. Its parties and auditors can read it; to everybody else the exchange
/// does not exist. It never holds what anyone wrote.
#[utoipa::path(
    get, path = "/exchanges/{id}/history", tag = "exchanges", operation_id = "read_history",
    extensions(("x-summary-ja" = json!("交換の経緯を見る"))),
    security(("bearer" = []), ("auditor" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), PageQuery, When),
    responses(
        (status = 200, description = "A page of the history", body = List<HistoryAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_history(
    State(read): State<ReadApi>,
    Inquirer(viewer): Inquirer,
    Path(id): Path<ExchangeId>,
    Query(page): Query<PageQuery>,
    Query(when): Query<When>,
) -> Result<Shown<List<HistoryAnswer>>, Problem> {
    let history = read.history(&viewer, id, page.part()?, when.into());
    Ok(Shown(history.await?))
}

/// Writes in the room (H05).
///
/// While negotiating, a message of the party with the right to decide is agreement to the terms
/// that it names in `terms_version`, unless it says `keep_negotiating` (H25-H27). Where they are
/// not the latest it is refused with `terms-changed`, where it names none with `terms-not-named`.
#[utoipa::path(
    post, path = "/exchanges/{id}/messages", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("メッセージを送る"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = NewMessage,
    responses((status = 200, description = "Posted", body = Accepted), WriteProblems),
)]
pub(crate) async fn post_message(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<NewMessage>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.post_message(&caller, ExchangeId::new(id), body).await?,
    ))
}

/// Proposes terms, and by that agrees to them (H07).
#[utoipa::path(
    post, path = "/exchanges/{id}/terms", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("条件を提案する"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = NewTerms,
    responses((status = 200, description = "Proposed", body = Accepted), WriteProblems),
)]
pub(crate) async fn propose_terms(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<NewTerms>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.propose_terms(&caller, ExchangeId::new(id), body)
            .await?,
    ))
}

/// Agrees to the latest terms by their number (H07, H10-H12); 0 stands for the opening as it was.
///
/// The exchange starts when both have agreed to the same terms.
#[utoipa::path(
    post, path = "/exchanges/{id}/agreement", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("条件に合意する"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = Agreement,
    responses((status = 200, description = "Agreed", body = Accepted), WriteProblems),
)]
pub(crate) async fn agree(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<Agreement>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.agree(&caller, ExchangeId::new(id), body).await?,
    ))
}

/// Ends the negotiation for good (H06, H09).
#[utoipa::path(
    post, path = "/exchanges/{id}/cancellation", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("調整中の交換を取りやめる"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = Option<Cancellation>,
    responses((status = 200, description = "Cancelled", body = Accepted), WriteProblems),
)]
pub(crate) async fn cancel(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    body: Option<Json<Cancellation>>,
) -> Result<Answer, Problem> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.cancel(&caller, ExchangeId::new(id), body).await?,
    ))
}

/// Gives the exchange up while it is in progress (H24).
#[utoipa::path(
    post, path = "/exchanges/{id}/abort", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("交換を中止する"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = Abort,
    responses((status = 200, description = "Aborted", body = Accepted), WriteProblems),
)]
pub(crate) async fn abort(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<Abort>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.abort(&caller, ExchangeId::new(id), body).await?,
    ))
}

/// Reports that one's own part is done (完了を伝える, H21). The second report completes (H23).
#[utoipa::path(
    post, path = "/exchanges/{id}/completion", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("完了を伝える"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    responses((status = 200, description = "Reported", body = Accepted), WriteProblems),
)]
pub(crate) async fn report_completion(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.report_completion(&caller, ExchangeId::new(id)).await?,
    ))
}

/// Writes about the other party (評価, H22).
#[utoipa::path(
    post, path = "/exchanges/{id}/evaluation", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("評価を書く"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = NewEvaluation,
    responses((status = 200, description = "Written", body = Accepted), WriteProblems),
)]
pub(crate) async fn write_evaluation(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    Json(body): Json<NewEvaluation>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.write_evaluation(&caller, ExchangeId::new(id), body)
            .await?,
    ))
}

/// Takes one's own evaluation back (H22).
#[utoipa::path(
    delete, path = "/exchanges/{id}/evaluation", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("評価を取り消す"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    responses((status = 200, description = "Retracted", body = Accepted), WriteProblems),
)]
pub(crate) async fn retract_evaluation(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
) -> Result<Answer, Problem> {
    let caller = caller(&app, who, key.as_ref(), &());
    Ok(Answer::changed(
        app.retract_evaluation(&caller, ExchangeId::new(id)).await?,
    ))
}

/// Sends thanks (ありがとう, H18-H20).
#[utoipa::path(
    post, path = "/exchanges/{id}/thanks", tag = "exchanges", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("「ありがとう」を送る"))),
    params(("id" = Uuid, Path, description = "The exchange"), IdempotencyHeader),
    request_body = Option<NewThanks>,
    responses((status = 200, description = "Sent", body = Accepted), WriteProblems),
)]
pub(crate) async fn send_thanks(
    State(app): State<Commands>,
    who: Member,
    key: Option<IdempotencyKey>,
    Path(id): Path<Uuid>,
    body: Option<Json<NewThanks>>,
) -> Result<Answer, Problem> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let caller = caller(&app, who, key.as_ref(), &body);
    Ok(Answer::changed(
        app.send_thanks(&caller, ExchangeId::new(id), body).await?,
    ))
}
