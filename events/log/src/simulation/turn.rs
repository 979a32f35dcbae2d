//! A transaction that holds the lock of the head's row.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    faults::Fate,
    session::{Held, Session},
    store::{outcomes, recorded},
    tables::{Tables, Write},
};
use crate::{
    clock::Timestamp,
    store::{Batch, Entries, Head, Heads, Outcomes, StoreError, Turn, id_and_time},
    stream::{Position, StreamName},
};

/// What it has learned of the log holds for as long as it has the lock.
pub(super) struct SimulatedTurn {
    session: Session,
    lock: Held,
    head: Head,
}

impl SimulatedTurn {
    /// Waits in line for the lock, and reads where the log ends.
    pub(super) async fn take(mut session: Session) -> Result<Self, StoreError> {
        let fate = session.begin()?;
        session.link.travel().await;
        if fate == Fate::Unsent {
            return Err(session.lose("take turn", "is not sent"));
        }
        let lock = session.lock().await?;
        let head = session.ask("take turn", |tables| Ok(tables.head)).await?;
        session.hear("take turn", fate).await?;
        Ok(Self {
            session,
            lock,
            head,
        })
    }
}

#[async_trait]
impl Turn for SimulatedTurn {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        let read = |tables: &mut Tables| Ok(tables.heads(streams));
        self.session.ask("stream heads in turn", read).await
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        let read = |tables: &mut Tables| {
            let rows = tables.range(position, tables.head.position).iter();
            Ok(rows.map(|row| (row.stream.clone(), row.version)).collect())
        };
        self.session.ask("changed since", read).await
    }

    async fn outcomes(
        &mut self,
        keys: &[[u8; 32]],
        now: Timestamp,
    ) -> Result<Outcomes, StoreError> {
        let read = |tables: &mut Tables| outcomes(tables, keys, now);
        self.session.ask("outcomes in turn", read).await
    }

    async fn event_at(
        &mut self,
        position: Position,
    ) -> Result<Option<(Uuid, Timestamp)>, StoreError> {
        let read = |tables: &mut Tables| {
            let rows: Vec<_> = tables.event(position).cloned().into_iter().collect();
            id_and_time(&recorded(&rows, &[]))
        };
        self.session.ask("event", read).await
    }

    async fn entries_at(&mut self, positions: &[Position]) -> Result<Entries, StoreError> {
        let read = |tables: &mut Tables| {
            let rows = positions.iter().filter_map(|it| tables.event(*it));
            Ok(rows.map(|row| (row.position, row.entry)).collect())
        };
        self.session.ask("entries in turn", read).await
    }

    async fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let Self {
            mut session,
            lock,
            head,
        } = *self;
        if session.write(Write::new(head, batch), Some(lock)).await? {
            return Ok(());
        }
        let reason = "the head moved while its turn was held";
        Err(StoreError::Damaged(reason.into()))
    }

    async fn try_to_write(mut self: Box<Self>) -> Result<(), StoreError> {
        self.session.ask("try to write", |_| Ok(())).await?;
        self.lock.release();
        Ok(())
    }

    async fn release(mut self: Box<Self>) -> Result<(), StoreError> {
        self.session.ask("release", |_| Ok(())).await?;
        self.lock.release();
        Ok(())
    }
}
