//! History: everything that happened in one exchange, who did it, when, and because of what.

use std::sync::Arc;

use meguri_events::{Event, ExchangeEvent, ExchangeId, MemberId};
use meguri_log::{Position, Timestamp, Version};
use uuid::Uuid;

use super::rooms::exchange_of;
use meguri_engine::{AnyRows, Decoded, FoldError, Rows, View, ViewReader, select};

use crate::{
    column::{Column, table},
    error::QueryError,
    page::{Cursor, Page, within_limits},
};

table! {
    /// One event of an exchange.
    pub struct HistoryEntry in "event"
    by {
        /// Where it stands in the log.
        position: Position,
    }
    with {
        /// The exchange.
        exchange: ExchangeId,
        /// Its version in the exchange's stream.
        version: Version,
        /// What happened, such as `ThanksSent`.
        event_type: Arc<str>,
        /// The event's id.
        id: Uuid,
        /// When.
        at: Timestamp,
        /// Who did it: `member-…`, `operator-…`, `policy-…` or `system`.
        actor: Arc<str>,
        /// For whom, where that is somebody else.
        acting_for: Option<Arc<str>>,
        /// The id of the first command of the chain.
        correlation: Option<Uuid>,
        /// The id of the event or command that led to this one.
        causation: Option<Uuid>,
        /// The version of the policy in force.
        policy: Option<u32>,
        /// The open data: a JSON object, as it stands in the log.
        data: Arc<str>,
    }
}

table! {
    /// Who may see the history of an exchange.
    pub struct Parties in "party"
    by {
        /// The exchange.
        exchange: ExchangeId,
    }
    with {
        /// Who opened it.
        opener: MemberId,
        /// Who was asked.
        asked: MemberId,
    }
}

/// The view.
#[derive(Default)]
pub struct History {
    events: Rows<HistoryEntry>,
    parties: Rows<Parties>,
}

impl View for History {
    type Fact = Event;
    const NAME: &'static str = "history";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("history.sql");
    const WANTS: &'static [&'static str] = ExchangeEvent::TYPES;

    fn keys(&mut self, _: &Event) {}

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        let Event::Exchange(happened) = fact else {
            return Ok(());
        };
        let exchange = exchange_of(happened);
        let parties = match happened {
            ExchangeEvent::ExchangeRequested(opening) => Some((opening.requester, opening.owner)),
            ExchangeEvent::ExchangeApplied(opening) => Some((opening.applicant, opening.poster)),
            _ => None,
        };
        if let Some((opener, asked)) = parties {
            self.parties.put(Parties {
                exchange,
                opener,
                asked,
            });
        }
        self.events.put(HistoryEntry {
            position: event.position,
            exchange,
            version: event.version,
            event_type: event.kind.name().into(),
            id: event.id,
            at: event.at,
            actor: event.actor.clone(),
            acting_for: event.acting_for.clone(),
            correlation: event.correlation,
            causation: event.causation,
            policy: event.policy,
            data: event.data.clone(),
        });
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.events, &mut self.parties]
    }
}

/// Reads histories.
#[derive(Clone, Debug)]
pub struct HistoryQueries(pub(crate) ViewReader);

/// Who asks for a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// A member, who sees the exchanges it is a party of.
    Member(MemberId),
    /// An auditor, who sees all.
    Auditor,
}

impl HistoryQueries {
    /// What happened in an exchange, first to last.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none, [`QueryError::NotAParty`] for a member who is
    /// not one of the two.
    pub async fn of(
        &self,
        exchange: ExchangeId,
        asking: Asking,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<HistoryEntry>, QueryError> {
        let mut moment = self.0.moment().await?;
        let key = vec![exchange.to_cell()];
        let parties: Vec<Parties> = select(&mut *moment, "where exchange = ?", key).await?;
        let parties = parties.first().ok_or(QueryError::NotFound)?;
        if let Asking::Member(member) = asking
            && member != parties.opener
            && member != parties.asked
        {
            return Err(QueryError::NotAParty);
        }
        let limit = within_limits(limit);
        let after = after.map_or(Position::ZERO, |Cursor(position)| position);
        let cells = vec![exchange.to_cell(), after.to_cell(), (limit + 1).to_cell()];
        let rest = "where exchange = ? and position > ? order by position limit ?";
        let events = select(&mut *moment, rest, cells).await?;
        Ok(Page::of(events, limit, |event: &HistoryEntry| {
            event.position
        }))
    }
}
