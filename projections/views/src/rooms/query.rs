//! What a party can ask of its rooms; nobody else is answered.

use meguri_events::{ExchangeId, MemberId};
use sqlx::SqliteConnection;

use super::{Evaluation, Exchange, ExchangeStatus, Message, RoomThanks, Terms};
use meguri_engine::{Cell, ViewReader, select};

use crate::{
    column::Column,
    error::QueryError,
    page::{Cursor, PAGE_ITEMS_MAX, Page, before, within_limits},
};

/// Reads rooms.
#[derive(Clone, Debug)]
pub struct RoomQueries(pub(crate) ViewReader);

/// An exchange and its room, as of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// The exchange.
    pub exchange: Exchange,
    /// All proposed terms, first to last.
    pub terms: Vec<Terms>,
    /// The newest messages, newest first; [`RoomQueries::messages`] goes on.
    pub messages: Page<Message>,
    /// What the parties wrote about each other.
    pub evaluations: Vec<Evaluation>,
    /// The thanks they sent.
    pub thanks: Vec<RoomThanks>,
}

impl RoomQueries {
    /// An exchange with its room, for a member who is a party of it.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none, [`QueryError::NotAParty`] for anybody else.
    pub async fn room(&self, id: ExchangeId, asking: MemberId) -> Result<Room, QueryError> {
        let mut moment = self.0.moment().await?;
        let exchange = for_party(&mut moment, id, asking).await?;
        let key = || vec![id.to_cell()];
        let of = "where exchange = ? order by exchange";
        let room = Room {
            exchange,
            terms: select(&mut *moment, &format!("{of}, version"), key()).await?,
            messages: messages(&mut moment, id, None, PAGE_ITEMS_MAX).await?,
            evaluations: select(&mut *moment, &format!("{of}, at, author"), key()).await?,
            thanks: select(&mut *moment, &format!("{of}, at, sender"), key()).await?,
        };
        Ok(room)
    }

    /// Messages of a room, newest first, with the exchange they belong to, for a member who is a
    /// party of it.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none, [`QueryError::NotAParty`] for anybody else.
    pub async fn messages(
        &self,
        id: ExchangeId,
        asking: MemberId,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<(Exchange, Page<Message>), QueryError> {
        let mut moment = self.0.moment().await?;
        let exchange = for_party(&mut moment, id, asking).await?;
        let messages = messages(&mut moment, id, after, within_limits(limit)).await?;
        Ok((exchange, messages))
    }

    /// The exchanges that a member is a party of, newest first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn exchanges_of(
        &self,
        member: MemberId,
        status: Option<ExchangeStatus>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<Exchange>, QueryError> {
        let limit = within_limits(limit);
        let mut cells = vec![member.to_cell(), member.to_cell(), before(after).to_cell()];
        let with_status = if status.is_some() {
            "and status = ?"
        } else {
            ""
        };
        cells.extend(status.map(|status| status.to_cell()));
        cells.push((limit + 1).to_cell());
        let rest = format!(
            "where (opener = ? or asked = ?) and opened < ? {with_status}
             order by opened desc limit ?"
        );
        let exchanges = self.0.select(&rest, cells).await?;
        Ok(Page::of(exchanges, limit, |exchange: &Exchange| {
            exchange.opened
        }))
    }

    /// What is negotiated or in progress between a member and these others, newest first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn open_between(
        &self,
        member: MemberId,
        others: &[MemberId],
    ) -> Result<Vec<Exchange>, QueryError> {
        let (member, many) = (member.to_cell(), vec!["?"; others.len()].join(","));
        let rest = format!(
            "where ((opener = ? and asked in ({many})) or (asked = ? and opener in ({many})))
             and status in ('negotiating', 'in_progress') order by opened desc"
        );
        let others = || others.iter().map(Column::to_cell);
        let mut cells = vec![member.clone()];
        cells.extend(others());
        cells.push(member);
        cells.extend(others());
        Ok(self.0.select(&rest, cells).await?)
    }
}

async fn for_party(
    moment: &mut SqliteConnection,
    id: ExchangeId,
    asking: MemberId,
) -> Result<Exchange, QueryError> {
    let found: Vec<Exchange> = select(moment, "where id = ?", vec![id.to_cell()]).await?;
    let exchange = found.into_iter().next().ok_or(QueryError::NotFound)?;
    if exchange.is_party(asking) {
        Ok(exchange)
    } else {
        Err(QueryError::NotAParty)
    }
}

async fn messages(
    moment: &mut SqliteConnection,
    id: ExchangeId,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<Message>, QueryError> {
    let cells: Vec<Cell> = vec![id.to_cell(), before(after).to_cell(), (limit + 1).to_cell()];
    let rest = "where exchange = ? and position < ? order by position desc limit ?";
    let messages = select(moment, rest, cells).await?;
    Ok(Page::of(messages, limit, |message: &Message| {
        message.position
    }))
}
