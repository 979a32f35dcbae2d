//! Exchanges, from the opening to thanks (H02-H25).

mod body;

use async_trait::async_trait;
use meguri_domain::{
    ActiveMember, Aggregate, Blocking, Claim, Exchange, ExchangeError, MessageText, Opening, Post,
    Reason, ReturnText, Terms, WhatText, WhenText, Words,
};
use meguri_events::{ExchangeEvent, ExchangeId, Mode, PostId, Timestamp};
use meguri_log::StreamName;

pub use body::{
    Abort, Agreement, Cancellation, NewEvaluation, NewExchange, NewMessage, NewTerms, NewThanks,
};

use crate::handle::{Attempt, Decision, Done, stream};
use crate::{Caller, CommandError, Commands, claims};

impl Commands {
    /// Opens an exchange: a request for help on an Offer (H02), an application on a Need (H04).
    ///
    /// # Errors
    /// Refused on one's own or a closed post, in a mode it does not allow, and while the opener
    /// has an open exchange on it; hidden where opener or author blocks the other (C12).
    pub async fn open_exchange(
        &self,
        caller: &Caller,
        post: PostId,
        new: NewExchange,
    ) -> Result<Done, CommandError> {
        let message = MessageText::parse(&new.message)?;
        let exchange = ExchangeId::new(self.ids().next());
        self.run(
            caller,
            &OpenExchange {
                exchange,
                post,
                mode: new.mode,
                message,
            },
        )
        .await
    }

    /// Writes in the room; for the party with the right to decide that is agreement to the
    /// terms that it names, unless it says `keep_negotiating` (H25-H27).
    ///
    /// # Errors
    /// Refused once the exchange is over, and where it agrees to other terms than the latest;
    /// hidden from strangers, as all that follow.
    pub async fn post_message(
        &self,
        caller: &Caller,
        id: ExchangeId,
        new: NewMessage,
    ) -> Result<Done, CommandError> {
        let text = MessageText::parse(&new.text)?;
        let (keep, terms) = (new.keep_negotiating, new.terms_version);
        let decide = |it: &Exchange, by, _| it.post_message(by, text.clone(), keep, terms);
        self.on_exchange("post_message", caller, id, decide).await
    }

    /// Proposes terms, and by that agrees to them (H07).
    ///
    /// # Errors
    /// Refused after the negotiation, and in a mode that was not allowed at the opening (H15).
    pub async fn propose_terms(
        &self,
        caller: &Caller,
        id: ExchangeId,
        new: NewTerms,
    ) -> Result<Done, CommandError> {
        let terms = Terms {
            what: WhatText::parse(&new.what)?,
            when: WhenText::parse_optional(new.when.as_deref())?,
            mode: new.mode,
            in_return: ReturnText::parse_optional(new.in_return.as_deref())?,
        };
        let decide = |it: &Exchange, by, _| it.propose_terms(by, terms.clone());
        self.on_exchange("propose_terms", caller, id, decide).await
    }

    /// Agrees to the latest terms; the exchange starts when both have (H07, H10-H12).
    ///
    /// # Errors
    /// Refused for any other terms, and after the negotiation.
    pub async fn agree(
        &self,
        caller: &Caller,
        id: ExchangeId,
        terms: Agreement,
    ) -> Result<Done, CommandError> {
        let decide = |it: &Exchange, by, _| it.agree(by, terms.terms_version);
        self.on_exchange("agree", caller, id, decide).await
    }

    /// Ends the negotiation for good (H06, H09).
    ///
    /// # Errors
    /// Refused after the negotiation.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: ExchangeId,
        why: Cancellation,
    ) -> Result<Done, CommandError> {
        let reason = Reason::parse_optional(why.reason.as_deref())?;
        let decide = |it: &Exchange, by, _| it.cancel(by, reason.clone());
        self.on_exchange("cancel", caller, id, decide).await
    }

    /// Gives the exchange up while it is in progress (H24).
    ///
    /// # Errors
    /// Refused unless in progress.
    pub async fn abort(
        &self,
        caller: &Caller,
        id: ExchangeId,
        why: Abort,
    ) -> Result<Done, CommandError> {
        let reason = Reason::parse(&why.reason)?;
        let decide = |it: &Exchange, by, _| it.abort(by, reason.clone());
        self.on_exchange("abort", caller, id, decide).await
    }

    /// Reports that one's own part is done (完了を伝える, H21, H23).
    ///
    /// # Errors
    /// Refused a second time, and unless in progress.
    pub async fn report_completion(
        &self,
        caller: &Caller,
        id: ExchangeId,
    ) -> Result<Done, CommandError> {
        let decide = |it: &Exchange, by, now| it.report_completion(by, now);
        self.on_exchange("report_completion", caller, id, decide)
            .await
    }

    /// Writes about the other party (評価, H22).
    ///
    /// # Errors
    /// Refused a second time, before the partner has reported completion, and when it is over.
    pub async fn write_evaluation(
        &self,
        caller: &Caller,
        id: ExchangeId,
        new: NewEvaluation,
    ) -> Result<Done, CommandError> {
        let words = Words::parse(&new.words)?;
        let decide = |it: &Exchange, by, now| it.write_evaluation(by, words.clone(), now);
        self.on_exchange("write_evaluation", caller, id, decide)
            .await
    }

    /// Takes one's own evaluation back (H22).
    ///
    /// # Errors
    /// Refused when there is none.
    pub async fn retract_evaluation(
        &self,
        caller: &Caller,
        id: ExchangeId,
    ) -> Result<Done, CommandError> {
        let decide = |it: &Exchange, by, _| it.retract_evaluation(by);
        self.on_exchange("retract_evaluation", caller, id, decide)
            .await
    }

    /// Sends thanks (ありがとう, H18-H20).
    ///
    /// # Errors
    /// Refused a second time (H19), to who has not helped or not reported completion (H18).
    pub async fn send_thanks(
        &self,
        caller: &Caller,
        id: ExchangeId,
        new: NewThanks,
    ) -> Result<Done, CommandError> {
        let words = Words::parse_optional(new.words.as_deref())?;
        let decide = |it: &Exchange, by, now| it.send_thanks(by, words.clone(), now);
        self.on_exchange("send_thanks", caller, id, decide).await
    }

    async fn on_exchange<F>(
        &self,
        name: &'static str,
        caller: &Caller,
        id: ExchangeId,
        decide: F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Exchange, ActiveMember, Timestamp) -> Result<Vec<ExchangeEvent>, ExchangeError>
            + Send
            + Sync,
    {
        self.run(caller, &OnExchange { name, id, decide }).await
    }

    /// A policy acts on an exchange, on nobody's order.
    pub(crate) async fn follow_up<F>(
        &self,
        name: &'static str,
        caller: &Caller,
        id: ExchangeId,
        decide: F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Exchange, Timestamp) -> Vec<ExchangeEvent> + Send + Sync,
    {
        self.run(caller, &FollowUp { name, id, decide }).await
    }
}

struct OpenExchange {
    exchange: ExchangeId,
    post: PostId,
    mode: Mode,
    message: MessageText,
}

#[async_trait]
impl Decision for OpenExchange {
    fn name(&self) -> &'static str {
        match self.post {
            PostId::Need(_) => "apply_to_help",
            PostId::Offer(_) => "request_help",
        }
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let exchange = stream(self.exchange.stream())?;
        attempt.about(&exchange);
        attempt.create::<Exchange>(&exchange);
        let post = attempt.load::<Post>(&stream(self.post.stream())?).await?;
        let post = post.ok_or(CommandError::NotFound)?;
        let opener = attempt.acting().await?;
        let author = attempt.member(post.author()).await?;
        // One stream for both directions: the append holds only while nobody has blocked.
        let pair = stream(opener.id().block_stream(post.author()))?;
        let blocking = attempt.load::<Blocking>(&pair).await?.unwrap_or_default();
        let events = Exchange::open(Opening {
            exchange: self.exchange,
            post: &post,
            author: &author,
            opener,
            blocking: &blocking,
            mode: self.mode,
            message: self.message.clone(),
        })?;
        let claim = claims::open_exchange(attempt.vault(), self.post, opener.id())?;
        let held = attempt.load::<Claim>(&claim).await?;
        let taken = Claim::take_open_exchange(held.as_ref(), opener.id(), self.exchange)?;
        attempt.record(&exchange, events);
        attempt.record(&claim, taken);
        Ok(())
    }
}

struct OnExchange<F> {
    name: &'static str,
    id: ExchangeId,
    decide: F,
}

#[async_trait]
impl<F> Decision for OnExchange<F>
where
    F: Fn(&Exchange, ActiveMember, Timestamp) -> Result<Vec<ExchangeEvent>, ExchangeError>
        + Send
        + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let (stream, exchange) = loaded(attempt, self.id).await?;
        let by = attempt.acting().await?;
        let events = (self.decide)(&exchange, by, attempt.now())?;
        record(attempt, &stream, exchange, events).await
    }
}

struct FollowUp<F> {
    name: &'static str,
    id: ExchangeId,
    decide: F,
}

#[async_trait]
impl<F> Decision for FollowUp<F>
where
    F: Fn(&Exchange, Timestamp) -> Vec<ExchangeEvent> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let (stream, exchange) = loaded(attempt, self.id).await?;
        let events = (self.decide)(&exchange, attempt.now());
        record(attempt, &stream, exchange, events).await
    }
}

async fn loaded(
    attempt: &mut Attempt<'_>,
    id: ExchangeId,
) -> Result<(StreamName, Exchange), CommandError> {
    let stream = stream(id.stream())?;
    attempt.about(&stream);
    let exchange = attempt
        .load::<Exchange>(&stream)
        .await?
        .ok_or(CommandError::NotFound)?;
    Ok((stream, exchange))
}

/// Records what happens in an exchange; what ends it also releases its claim (H05, H08).
async fn record(
    attempt: &mut Attempt<'_>,
    stream: &StreamName,
    exchange: Exchange,
    events: Vec<ExchangeEvent>,
) -> Result<(), CommandError> {
    let (was_open, post, opener) = (exchange.is_open(), exchange.post(), exchange.opener());
    let after = events.iter().fold(Some(exchange), Exchange::evolve);
    let ends = was_open && !after.is_some_and(|exchange| exchange.is_open());
    attempt.record(stream, events);
    if ends {
        let claim = claims::open_exchange(attempt.vault(), post, opener)?;
        if let Some(held) = attempt.load::<Claim>(&claim).await? {
            attempt.record(&claim, held.release(opener)?);
        }
    }
    Ok(())
}
