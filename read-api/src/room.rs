//! One exchange with its room (チャットルーム): for its two parties, and for nobody else.

use meguri_events::{ExchangeId, MemberId};
use meguri_views::rooms::{Evaluation, Exchange, Message, Room, RoomThanks, Terms};
use serde::Serialize;
use utoipa::ToSchema;

use crate::exchange::ExchangeAnswer;
use crate::list::{List, Part};
use crate::names::Names;
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, codes};

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
pub struct TermsAnswer {
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
pub struct MessageAnswer {
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
pub struct EvaluationAnswer {
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
pub struct ThanksSentAnswer {
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
pub struct RoomAnswer {
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

impl ReadApi {
    /// An exchange with its room (H05-H25), for its two parties; for everybody else there is none.
    pub async fn room(
        &self,
        viewer: &Viewer,
        id: ExchangeId,
        fresh: Freshness,
    ) -> Result<Seen<RoomAnswer>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let today = [View::Rooms, View::Profiles];
        let seen = self.views(&[View::Rooms], &today, fresh).await?;
        let mut room = seen.rooms().room(id, member).await?;
        if seen.is_past() {
            let today = self.live().rooms().room(id, member).await?;
            take_back(&mut room.evaluations, today.evaluations);
        }
        let names = Names::of(self, [room.exchange.opener, room.exchange.asked]).await?;
        let version = room.exchange.version.get();
        let answer = RoomAnswer::of(room, member, &names);
        Ok(Seen::versioned(seen.position(), version, answer))
    }

    /// A page of the messages of an exchange, newest first, for its two parties.
    pub async fn messages(
        &self,
        viewer: &Viewer,
        id: ExchangeId,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<MessageAnswer>>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let seen = self.views(&[View::Rooms], &[], fresh).await?;
        let rooms = seen.rooms();
        let (exchange, page) = rooms.messages(id, member, part.after, part.limit).await?;
        let messages = List::of(page, |message| MessageAnswer::of(&exchange, message));
        Ok(Seen::at(seen.position(), messages))
    }
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
