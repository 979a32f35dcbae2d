//! Rooms (チャットルーム): an exchange with all that was said and agreed in it, for its parties only.

use meguri_events::{
    Event, ExchangeApplied, ExchangeEvent, ExchangeId, ExchangeRequested, MemberId, Mode, Modes,
    PostId, Sealed,
};

use meguri_engine::{AnyRows, Decoded, FoldError, Rows, View};

use crate::catalog::joined;

mod query;
mod rows;

pub use query::{Room, RoomQueries};
pub use rows::{Evaluation, Exchange, ExchangeStatus, Message, RoomThanks, Terms, UnknownStatus};

/// The view.
#[derive(Default)]
pub struct Rooms {
    exchanges: Rows<Exchange>,
    terms: Rows<Terms>,
    messages: Rows<Message>,
    evaluations: Rows<Evaluation>,
    thanks: Rows<RoomThanks>,
}

const WANTS: [&str; ExchangeEvent::TYPES.len() + 1] =
    joined(&[ExchangeEvent::TYPES, &["MemberErased"]]);

impl View for Rooms {
    type Fact = Event;
    const NAME: &'static str = "rooms";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("rooms.sql");
    const WANTS: &'static [&'static str] = &WANTS;

    fn keys(&mut self, fact: &Event) {
        let Event::Exchange(exchange) = fact else {
            return;
        };
        self.exchanges.ask(exchange_of(exchange));
        if let ExchangeEvent::EvaluationRetracted(event) = exchange {
            self.evaluations.ask((event.exchange, event.by));
        }
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        let Event::Exchange(happened) = fact else {
            return Ok(());
        };
        match happened {
            ExchangeEvent::ExchangeRequested(opening) => self.open(event, &opening.into()),
            ExchangeEvent::ExchangeApplied(opening) => self.open(event, &opening.into()),
            ExchangeEvent::MessagePosted(_)
            | ExchangeEvent::EvaluationWritten(_)
            | ExchangeEvent::EvaluationRetracted(_)
            | ExchangeEvent::ThanksSent(_) => self.speak(event, happened)?,
            ExchangeEvent::TermsProposed(_)
            | ExchangeEvent::TermsAgreed(_)
            | ExchangeEvent::ExchangeStarted(_) => self.agree(event, happened)?,
            ExchangeEvent::ExchangeCancelled(_)
            | ExchangeEvent::ExchangeAborted(_)
            | ExchangeEvent::CompletionReported(_)
            | ExchangeEvent::CompletionReminded(_)
            | ExchangeEvent::ExchangeCompleted(_) => self.end(event, happened)?,
        }
        let exchange = self.exchanges.row(&exchange_of(happened))?;
        exchange.version = event.version;
        exchange.changed_at = event.at;
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![
            &mut self.exchanges,
            &mut self.terms,
            &mut self.messages,
            &mut self.evaluations,
            &mut self.thanks,
        ]
    }
}

/// What either way of opening an exchange says (H05, H08).
struct Opening<'a> {
    exchange: ExchangeId,
    post: PostId,
    opener: MemberId,
    asked: MemberId,
    mode: Mode,
    allowed: Modes,
    no_return_needed: bool,
    title: Option<&'a Sealed<String>>,
    message: &'a Sealed<String>,
}

impl<'a> From<&'a ExchangeRequested> for Opening<'a> {
    fn from(event: &'a ExchangeRequested) -> Self {
        Self {
            exchange: event.exchange,
            post: event.offer.into(),
            opener: event.requester,
            asked: event.owner,
            mode: event.mode,
            allowed: event.allowed,
            no_return_needed: event.no_return_needed,
            title: event.title.as_ref(),
            message: &event.message,
        }
    }
}

impl<'a> From<&'a ExchangeApplied> for Opening<'a> {
    fn from(event: &'a ExchangeApplied) -> Self {
        Self {
            exchange: event.exchange,
            post: event.need.into(),
            opener: event.applicant,
            asked: event.poster,
            mode: event.mode,
            allowed: event.allowed,
            no_return_needed: event.no_return_needed,
            title: event.title.as_ref(),
            message: &event.message,
        }
    }
}

impl Rooms {
    fn open(&mut self, event: &Decoded, opening: &Opening<'_>) {
        self.exchanges.put(rows::opened(event, opening));
        self.say(
            event,
            opening.exchange,
            opening.opener,
            opening.message,
            false,
        );
    }

    fn say(
        &mut self,
        event: &Decoded,
        exchange: ExchangeId,
        author: MemberId,
        text: &Sealed<String>,
        keep_negotiating: bool,
    ) {
        self.messages.put(Message {
            exchange,
            position: event.position,
            author,
            at: event.at,
            keep_negotiating,
            text: text.text().map(str::to_owned),
        });
    }

    /// Words: messages, evaluations (H22) and thanks (H18).
    fn speak(&mut self, event: &Decoded, happened: &ExchangeEvent) -> Result<(), FoldError> {
        match happened {
            ExchangeEvent::MessagePosted(said) => {
                self.say(
                    event,
                    said.exchange,
                    said.by,
                    &said.text,
                    said.keep_negotiating,
                );
            }
            ExchangeEvent::EvaluationWritten(written) => self.evaluations.put(Evaluation {
                exchange: written.exchange,
                author: written.by,
                about: written.about,
                at: event.at,
                words: written.words.text().map(str::to_owned),
                retracted_at: None,
            }),
            ExchangeEvent::EvaluationRetracted(retracted) => {
                let evaluation = self.evaluations.row(&(retracted.exchange, retracted.by))?;
                evaluation.words = None;
                evaluation.retracted_at = Some(event.at);
            }
            ExchangeEvent::ThanksSent(thanks) => self.thanks.put(RoomThanks {
                exchange: thanks.exchange,
                sender: thanks.from,
                at: event.at,
                words: thanks
                    .words
                    .as_ref()
                    .and_then(Sealed::text)
                    .map(str::to_owned),
                erased: thanks.words.as_ref().is_some_and(Sealed::is_erased),
            }),
            _ => {}
        }
        Ok(())
    }

    /// Terms and who stands by which (H07, H10-H12).
    fn agree(&mut self, event: &Decoded, happened: &ExchangeEvent) -> Result<(), FoldError> {
        match happened {
            ExchangeEvent::TermsProposed(proposed) => {
                let exchange = self.exchanges.row(&proposed.exchange)?;
                exchange.terms_version = proposed.version;
                exchange.mode = proposed.mode;
                exchange.has_return = Some(proposed.has_return);
                *exchange.agreed_by(proposed.by)? = Some(proposed.version);
                let words = proposed.terms.known();
                self.terms.put(Terms {
                    exchange: proposed.exchange,
                    version: proposed.version,
                    proposer: proposed.by,
                    at: event.at,
                    mode: proposed.mode,
                    has_return: proposed.has_return,
                    what: words.map(|words| words.what.clone()),
                    timing: words.and_then(|words| words.when.clone()),
                    in_return: words.and_then(|words| words.in_return.clone()),
                });
            }
            ExchangeEvent::TermsAgreed(agreed) => {
                let exchange = self.exchanges.row(&agreed.exchange)?;
                *exchange.agreed_by(agreed.by)? = Some(agreed.version);
            }
            ExchangeEvent::ExchangeStarted(started) => {
                let exchange = self.exchanges.row(&started.exchange)?;
                exchange.status = ExchangeStatus::InProgress;
                exchange.agreed_version = Some(started.version);
                exchange.mode = started.mode;
                exchange.has_return = Some(started.has_return);
                exchange.started_at = Some(event.at);
            }
            _ => {}
        }
        Ok(())
    }

    /// How it ends: well (H21, H23, H44), before it began (H06, H09), or given up (H24).
    fn end(&mut self, event: &Decoded, happened: &ExchangeEvent) -> Result<(), FoldError> {
        let exchange = self.exchanges.row(&exchange_of(happened))?;
        match happened {
            ExchangeEvent::CompletionReported(reported) => {
                *exchange.reported_by(reported.by)? = Some(event.at);
            }
            ExchangeEvent::CompletionReminded(_) => exchange.reminded_at = Some(event.at),
            ExchangeEvent::ExchangeCompleted(completed) => {
                exchange.status = ExchangeStatus::Completed;
                exchange.completed_by_policy = completed.by_policy;
                exchange.open_until = Some(rows::stored_time(completed.open_until));
                exchange.ended_at = Some(event.at);
            }
            ExchangeEvent::ExchangeCancelled(ended) => {
                exchange.status = ExchangeStatus::Cancelled;
                exchange.ended(event, ended.by, ended.reason_code, ended.reason.as_ref());
            }
            ExchangeEvent::ExchangeAborted(ended) => {
                exchange.status = ExchangeStatus::Aborted;
                exchange.ended(event, ended.by, ended.reason_code, ended.reason.as_ref());
            }
            _ => {}
        }
        Ok(())
    }
}

/// The exchange that an event happened in.
pub(crate) fn exchange_of(event: &ExchangeEvent) -> ExchangeId {
    match event {
        ExchangeEvent::ExchangeRequested(event) => event.exchange,
        ExchangeEvent::ExchangeApplied(event) => event.exchange,
        ExchangeEvent::MessagePosted(event) => event.exchange,
        ExchangeEvent::TermsProposed(event) => event.exchange,
        ExchangeEvent::TermsAgreed(event) => event.exchange,
        ExchangeEvent::ExchangeStarted(event) => event.exchange,
        ExchangeEvent::ExchangeCancelled(event) => event.exchange,
        ExchangeEvent::CompletionReported(event) => event.exchange,
        ExchangeEvent::CompletionReminded(event) => event.exchange,
        ExchangeEvent::ExchangeCompleted(event) => event.exchange,
        ExchangeEvent::ExchangeAborted(event) => event.exchange,
        ExchangeEvent::EvaluationWritten(event) => event.exchange,
        ExchangeEvent::EvaluationRetracted(event) => event.exchange,
        ExchangeEvent::ThanksSent(event) => event.exchange,
    }
}
