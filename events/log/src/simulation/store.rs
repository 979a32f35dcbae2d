//! The database as the log asks it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    database::Kind,
    link::Link,
    tables::{Remembered, Row, Tables, Write},
    turn::SimulatedTurn,
};
use crate::{
    clock::Timestamp,
    follow::Recent,
    read::{Direction, Filter, StreamRange},
    recorded::{BlockBuilder, Entry, NewRow, Recorded},
    store::{Batch, Blinds, Head, Heads, Outcomes, Store, StoreError, Turn, stored_outcomes},
    stream::{Position, StreamName},
    tree::Frontier,
};

/// How long one who listens rests before listening again (`LISTEN_AGAIN`).
const LISTEN_AGAIN: Duration = Duration::from_millis(500);
/// How often a file is asked whether another process has written (`POLL_EVERY`).
const POLL_EVERY: Duration = Duration::from_millis(20);

/// The log's side of one process's way to the database.
pub(super) struct SimulatedStore(pub(super) Link);

/// Events as readers get them, those of some types without what they say.
pub(super) fn recorded(rows: &[Arc<Row>], bare: &[String]) -> Vec<Recorded> {
    let bytes = rows
        .iter()
        .map(|row| row.header.as_ref().map_or(80, |it| it.len() + 80));
    let mut block = BlockBuilder::with_capacity(rows.len(), bytes.sum());
    for row in rows {
        let is_bare = bare.contains(&row.event_type);
        let new = NewRow {
            position: row.position,
            stream: row.stream.as_str(),
            version: row.version,
            event_type: &row.event_type,
            header: row.header.as_deref().filter(|_| !is_bare),
            entry: row.entry,
        };
        let sealed = if is_bare { &[] } else { row.sealed.as_slice() };
        block.push(new, |target| target.extend_from_slice(sealed));
    }
    block.finish()
}

/// What is remembered under these keys and has not expired.
pub(super) fn outcomes(
    tables: &Tables,
    keys: &[[u8; 32]],
    now: Timestamp,
) -> Result<Outcomes, StoreError> {
    let lives = |it: &&Remembered| it.expires_at.is_none_or(|at| at >= now);
    let rows = keys.iter().filter_map(|key| {
        let remembered = tables.outcomes.get(key).filter(lives)?;
        let (request, outcome) = (remembered.request.to_vec(), remembered.outcome.clone());
        Some((key.to_vec(), request, outcome))
    });
    stored_outcomes(rows.collect())
}

/// The events of a range of one stream.
fn stream_rows(tables: &Tables, stream: &StreamName, range: StreamRange) -> Vec<Arc<Row>> {
    let Some(positions) = tables.streams.get(stream) else {
        return Vec::new();
    };
    let from = usize::try_from(range.from.get()).unwrap_or(usize::MAX);
    let row = |position: &Position| tables.event(*position).cloned();
    match range.direction {
        Direction::Forward => {
            let first = from.saturating_sub(1).min(positions.len());
            let found = positions[first..].iter().take(range.limit);
            found.filter_map(row).collect()
        }
        Direction::Backward => {
            let found = positions[..from.min(positions.len())].iter().rev();
            found.take(range.limit).filter_map(row).collect()
        }
    }
}

#[async_trait]
impl Store for SimulatedStore {
    async fn head(&self) -> Result<Head, StoreError> {
        let mut session = self.0.connect().await?;
        session.ask("head", |tables| Ok(tables.head)).await
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        let mut session = self.0.connect().await?;
        session
            .ask("stream heads", |tables| Ok(tables.heads(streams)))
            .await
    }

    async fn heads_and_end(&self, streams: &[StreamName]) -> Result<(Heads, Head), StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| Ok((tables.heads(streams), tables.head));
        session.ask("stream heads and end", read).await
    }

    async fn outcomes(&self, keys: &[[u8; 32]], now: Timestamp) -> Result<Outcomes, StoreError> {
        let mut session = self.0.connect().await?;
        session
            .ask("outcomes", |tables| outcomes(tables, keys, now))
            .await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| Ok(recorded(&stream_rows(tables, stream, range), &[]));
        session.ask("read stream", read).await
    }

    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| {
            let rows = tables.range(after, up_to).iter();
            let rows = rows.filter(|row| filter.lets_through(&row.stream, &row.event_type));
            let rows: Vec<_> = rows.take(limit).cloned().collect();
            Ok(recorded(&rows, filter.bare_types()))
        };
        session.ask("read block", read).await
    }

    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| {
            let rows = tables.range(after, up_to).iter();
            Ok(rows.map(|row| row.entry).collect())
        };
        session.ask("read entries", read).await
    }

    async fn read_blinds(&self, positions: &[Position]) -> Result<Blinds, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| {
            let rows = positions.iter().filter_map(|it| tables.event(*it));
            let blinds = rows.filter_map(|row| Some((row.position, row.blind?)));
            Ok(blinds.collect())
        };
        session.ask("read blinds", read).await
    }

    async fn kept_frontier(
        &self,
        up_to: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| {
            let kept = tables.frontiers.range(..=up_to).next_back();
            Ok(kept.map(|(position, bytes)| (*position, bytes.clone())))
        };
        session.ask("kept frontier", read).await
    }

    async fn keep_frontiers(&self, frontiers: &[Frontier]) -> Result<(), StoreError> {
        let mut session = self.0.connect().await?;
        let keep = |tables: &mut Tables| {
            let kept = frontiers.iter().map(|it| (it.position(), it.to_bytes()));
            tables.frontiers.extend(kept);
            Ok(())
        };
        session.ask("keep frontiers", keep).await
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        let mut session = self.0.connect().await?;
        session.write(Write::new(known, batch), None).await
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        let turn = SimulatedTurn::take(self.0.connect().await?).await?;
        Ok(Box::new(turn))
    }

    async fn sealed_like(
        &self,
        needle: &str,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<(Position, String)>, StoreError> {
        let mut session = self.0.connect().await?;
        let read = |tables: &mut Tables| {
            let rows = tables.range(after, up_to).iter();
            let rows = rows.filter(|row| !row.sealed.is_empty());
            let headers = rows.filter_map(|row| Some((row.position, row.header.clone()?)));
            let like = headers.filter(|(_, header)| header.contains(needle));
            Ok(like.collect())
        };
        session.ask("sealed like", read).await
    }

    async fn empty_sealed(&self, positions: &[Position]) -> Result<u64, StoreError> {
        let mut session = self.0.connect().await?;
        let empty = |row: &mut Row| !std::mem::take(&mut row.sealed).is_empty();
        session
            .ask("empty sealed", |tables| Ok(tables.empty(positions, empty)))
            .await
    }

    async fn empty_event(&self, position: Position) -> Result<bool, StoreError> {
        let mut session = self.0.connect().await?;
        let empty = |row: &mut Row| {
            let header = row.header.take().is_some();
            let blind = row.blind.take().is_some();
            !std::mem::take(&mut row.sealed).is_empty() || header || blind
        };
        session
            .ask("empty event", |tables| {
                Ok(tables.empty(&[position], empty) > 0)
            })
            .await
    }

    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut session = self.0.connect().await?;
        let forget = |tables: &mut Tables| {
            tables.forget_outcomes(now);
            Ok(())
        };
        session.ask("forget outcomes", forget).await
    }

    async fn watch_head(&self, recent: Arc<Recent>) {
        let database = self.0.database();
        loop {
            // Listens before it looks, so that nothing falls in between.
            let (mut heads, number) = (database.watch_head(), database.state().server.number);
            if recent.look_again(self).await.is_ok() {
                while heads.moved().await.is_ok() {
                    let head = heads.see();
                    match database.kind() {
                        Kind::Postgres => self.0.travel().await,
                        Kind::Sqlite => tokio::time::sleep(POLL_EVERY).await,
                    }
                    self.0.lives().await;
                    if database.state().server.number != number {
                        break;
                    }
                    let missed = database.state().faults.hints_missed;
                    if !database.random().chance(missed) {
                        recent.told(head);
                    }
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn close(&self) {
        self.0.lives().await;
    }
}
