//! Thanks (ありがとう): received and sent, with their words where those are not erased (H18-H20).

use meguri_events::{Event, ExchangeEvent, ExchangeId, KeyClass, MemberId, Sealed};
use meguri_log::{Position, Timestamp};

use crate::{
    engine::{
        folding::{
            cell::Column,
            decode::{Decoded, erases},
            row::{list, table},
            table::{AnyRows, FoldError, Rows},
            view::View,
        },
        reading::{QueryError, Reader},
    },
    views::page::{Cursor, Page, before, within_limits},
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
        words: Option<String>,
        /// Whether something was written that nobody can read any more.
        erased: bool,
    }
}

/// The view.
#[derive(Default)]
pub struct Thanks {
    thanks: Rows<ThanksGiven>,
}

impl View for Thanks {
    const NAME: &'static str = "thanks";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("thanks.sql");
    const WANTS: &'static [&'static str] = &["ThanksSent", "MemberErased"];

    fn keys(&mut self, event: &Decoded) {
        if let Some(erased) = event.erasure() {
            self.thanks.ask_where("sender", &erased.member);
        }
    }

    fn fold(&mut self, event: &Decoded) -> Result<(), FoldError> {
        if let Event::Exchange(ExchangeEvent::ThanksSent(thanks)) = &event.event {
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
        if event
            .erasure()
            .is_some_and(|erased| erases(erased, KeyClass::Message))
        {
            self.thanks.change_asked(|thanks| {
                let had_words = thanks.words.take().is_some();
                thanks.erased |= had_words;
                had_words
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
pub struct ThanksQueries(pub(crate) Reader);

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
            list(not_senders),
            (limit + 1).to_cell(),
        ];
        let thanks = self.0.select(&rest, cells).await?;
        Ok(Page::of(thanks, limit, |thanks: &ThanksGiven| {
            thanks.position
        }))
    }
}
