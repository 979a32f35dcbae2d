//! Thanks (ありがとう): received and sent, with their words where those are not erased (H18-H20).

use meguri_events::{Event, ExchangeEvent, ExchangeId, MemberId, Sealed};
use meguri_log::{Position, Timestamp};

use meguri_engine::{AnyRows, Decoded, FoldError, Rows, View, ViewReader, list};

use crate::{
    column::{Column, table},
    error::QueryError,
    page::{Cursor, Page, before, within_limits},
};

table! {
    /// Gratitude of a member who was helped.
    pub struct ThanksGiven in "thanks"
    by {
        /// The position of the event.
        position: Position,
    }
    with {
        /// For which exchange.
        exchange: ExchangeId,
        /// Who was helped and thanks.
        sender: MemberId,
        /// Who helped.
        receiver: MemberId,
        /// When.
        at: Timestamp,
        /// What was written, if anything (H18).
        words: Option<String> => Message of sender,
        /// Whether something was written that nobody can read any more.
        erased: bool,
    }
    once erased |thanks, _at, taken| { thanks.erased |= taken; }
}

/// The view.
#[derive(Default)]
pub struct Thanks {
    thanks: Rows<ThanksGiven>,
}

impl View for Thanks {
    type Fact = Event;
    const NAME: &'static str = "thanks";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("thanks.sql");
    const WANTS: &'static [&'static str] = &["ThanksSent", "MemberErased"];

    fn keys(&mut self, _: &Event) {}

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        if let Event::Exchange(ExchangeEvent::ThanksSent(thanks)) = fact {
            self.thanks.put(ThanksGiven {
                position: event.position,
                exchange: thanks.exchange,
                sender: thanks.from,
                receiver: thanks.to,
                at: event.at,
                words: thanks
                    .words
                    .as_ref()
                    .and_then(Sealed::text)
                    .map(str::to_owned),
                erased: thanks.words.as_ref().is_some_and(Sealed::is_erased),
            });
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.thanks]
    }
}

/// Reads thanks.
#[derive(Clone, Debug)]
pub struct ThanksQueries(pub(crate) ViewReader);

impl ThanksQueries {
    /// What this member was thanked for, newest first, but for what these senders wrote.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn received(
        &self,
        by: MemberId,
        not_senders: &[MemberId],
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<ThanksGiven>, QueryError> {
        self.page("receiver", by, not_senders, after, limit).await
    }

    /// What this member has thanked for, newest first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn sent(
        &self,
        by: MemberId,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<ThanksGiven>, QueryError> {
        self.page("sender", by, &[], after, limit).await
    }

    async fn page(
        &self,
        side: &'static str,
        member: MemberId,
        not_senders: &[MemberId],
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<ThanksGiven>, QueryError> {
        let limit = within_limits(limit);
        let rest = format!(
            "where {side} = ? and position < ?
            and sender not in (select value from json_each(?))
            order by position desc limit ?"
        );
        let cells = vec![
            member.to_cell(),
            before(after).to_cell(),
            list(not_senders.iter().map(Column::to_cell)),
            (limit + 1).to_cell(),
        ];
        let thanks = self.0.select(&rest, cells).await?;
        Ok(Page::of(thanks, limit, |thanks: &ThanksGiven| {
            thanks.position
        }))
    }
}
