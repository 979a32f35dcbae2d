//! One exchange with its room (チャットルーム): for its two parties, and for nobody else.

use axum::extract::State;
use meguri_engine::AsOf;
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Member, Path, Problem, Query, ReadProblems};
use meguri_views::Moment;
use meguri_views::{
    rooms::Evaluation, rooms::Exchange, rooms::Message, rooms::Room, rooms::RoomThanks,
    rooms::Terms,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::exchange::ExchangeAnswer;
use crate::freshness::{Seen, When};
use crate::list::List;
use crate::names::Names;
use crate::views::{View, refusal};
use crate::{ReadApi, asker, codes, freshness, list};

/// Which of the two parties a member is.
fn side(exchange: &Exchange, member: MemberId) -> &'static str {
    if member == exchange.opener {
        "opener"
    } else {
        "asked"
    }
}

/// Proposed terms (H07). Their words are null once they are erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TermsAnswer {
    /// Their number: 1, 2, …
    version: u32,
    /// Who proposed them, and by that agreed to them.
    #[schema(schema_with = codes::side)]
    by: &'static str,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// How help is given.
    #[schema(schema_with = codes::mode)]
    mode: &'static str,
    /// Whether something is done in return.
    has_return: bool,
    /// What is going to be done.
    what: Option<String>,
    /// When it is going to be done.
    when: Option<String>,
    /// What is done in return.
    #[serde(rename = "return")]
    in_return: Option<String>,
}

/// A message in the room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageAnswer {
    /// Its position in the log.
    position: u64,
    /// Who wrote.
    #[schema(schema_with = codes::side)]
    by: &'static str,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// 調整中の状態のまま投稿する: the message agreed to nothing (H26).
    keep_negotiating: bool,
    /// What was written; null once it is erased.
    text: Option<String>,
}

/// Words about the other party (評価, H22).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvaluationAnswer {
    /// Who wrote.
    #[schema(schema_with = codes::side)]
    by: &'static str,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// What was written; null once it is erased or retracted.
    words: Option<String>,
    /// When the author took it back, RFC 3339.
    #[schema(format = DateTime)]
    retracted_at: Option<String>,
}

/// Thanks that a party sent (ありがとう, H18, H19).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThanksSentAnswer {
    /// Who was helped and thanks.
    #[schema(schema_with = codes::side)]
    by: &'static str,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// What was written; null if nothing was, or once it is erased.
    words: Option<String>,
    /// Whether something was written that nobody can read any more.
    erased: bool,
}

/// An exchange with all that was said and agreed in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomAnswer {
    #[serde(flatten)]
    exchange: ExchangeAnswer,
    /// All proposed terms, first to last.
    terms: Vec<TermsAnswer>,
    /// The newest messages, newest first; `next` goes on with `GET …/messages`.
    messages: List<MessageAnswer>,
    /// What the parties wrote about each other.
    evaluations: Vec<EvaluationAnswer>,
    /// The thanks they sent.
    thanks: Vec<ThanksSentAnswer>,
}

impl TermsAnswer {
    fn of(exchange: &Exchange, terms: Terms) -> Self {
        Self {
            version: terms.version,
            by: side(exchange, terms.proposer),
            at: terms.at.to_string(),
            mode: terms.mode.code(),
            has_return: terms.has_return,
            what: terms.what,
            when: terms.timing,
            in_return: terms.in_return,
        }
    }
}

impl MessageAnswer {
    fn of(exchange: &Exchange, message: Message) -> Self {
        Self {
            position: message.position.get(),
            by: side(exchange, message.author),
            at: message.at.to_string(),
            keep_negotiating: message.keep_negotiating,
            text: message.text,
        }
    }
}

impl EvaluationAnswer {
    fn of(exchange: &Exchange, evaluation: Evaluation) -> Self {
        Self {
            by: side(exchange, evaluation.author),
            at: evaluation.at.to_string(),
            words: evaluation.words,
            retracted_at: evaluation.retracted_at.map(|at| at.to_string()),
        }
    }
}

impl ThanksSentAnswer {
    fn of(exchange: &Exchange, thanks: RoomThanks) -> Self {
        Self {
            by: side(exchange, thanks.sender),
            at: thanks.at.to_string(),
            words: thanks.words,
            erased: thanks.erased,
        }
    }
}

impl RoomAnswer {
    fn of(room: Room, reader: MemberId, names: &Names) -> Self {
        let exchange = &room.exchange;
        let terms = room
            .terms
            .into_iter()
            .map(|one| TermsAnswer::of(exchange, one))
            .collect();
        let messages = List::of(room.messages, |one| MessageAnswer::of(exchange, one));
        let evaluations = room
            .evaluations
            .into_iter()
            .map(|one| EvaluationAnswer::of(exchange, one))
            .collect();
        let thanks = room
            .thanks
            .into_iter()
            .map(|one| ThanksSentAnswer::of(exchange, one))
            .collect();
        Self {
            exchange: ExchangeAnswer::of(room.exchange, reader, names),
            terms,
            messages,
            evaluations,
            thanks,
        }
    }
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
    State(api): State<ReadApi>,
    member: Member,
    Path(id): Path<ExchangeId>,
    Query(when): Query<When>,
) -> Result<Seen<RoomAnswer>, Problem> {
    let member = asker::id_of(&member)?;
    let (then, today) = ([View::Rooms], [View::Rooms, View::Profiles]);
    let seen = api
        .views(&then, &today, when.min_position, when.as_of)
        .await?;
    let mut room = seen.rooms().room(id, member).await.map_err(refusal)?;
    if seen.is_past() {
        let today = Moment::live(&api.views)
            .rooms()
            .room(id, member)
            .await
            .map_err(refusal)?;
        take_back(&mut room.evaluations, today.evaluations);
    }
    let names = Names::of(&api, [room.exchange.opener, room.exchange.asked]).await?;
    let version = room.exchange.version.get();
    Ok(Seen::versioned(
        seen.position(),
        version,
        RoomAnswer::of(room, member, &names),
    ))
}

/// What an author has retracted since (H22) is shown as retracted in the past, too.
fn take_back(then: &mut [Evaluation], today: Vec<Evaluation>) {
    for retracted in today.into_iter().filter(|one| one.retracted_at.is_some()) {
        let same = then.iter_mut().find(|one| one.author == retracted.author);
        if let Some(same) = same {
            *same = retracted;
        }
    }
}

/// Which messages of a room are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "freshness::as_of")]
    #[param(schema_with = codes::as_of)]
    as_of: Option<AsOf>,
}

/// Reads the messages of an exchange, newest first.
///
/// Only the two parties of the exchange can read them.
#[utoipa::path(
    get, path = "/exchanges/{id}/messages", tag = "exchanges", operation_id = "read_messages",
    extensions(("x-summary-ja" = json!("部屋のメッセージを読む"))),
    security(("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The exchange"), MessagesQuery),
    responses(
        (status = 200, description = "A page of messages", body = List<MessageAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_messages(
    State(api): State<ReadApi>,
    member: Member,
    Path(id): Path<ExchangeId>,
    Query(query): Query<MessagesQuery>,
) -> Result<Seen<List<MessageAnswer>>, Problem> {
    let member = asker::id_of(&member)?;
    let cursor = list::cursor(query.cursor.as_deref())?;
    let seen = api
        .views(&[View::Rooms], &[], query.min_position, query.as_of)
        .await?;
    let found = seen.rooms().messages(id, member, cursor, query.limit).await;
    let (exchange, page) = found.map_err(refusal)?;
    Ok(Seen::at(
        seen.position(),
        List::of(page, |message| MessageAnswer::of(&exchange, message)),
    ))
}
