//! Everything as it is stored.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    store::SimulatedStore,
    tables::{Row, Tables},
};
use crate::{
    audit::store::{
        AuditStore, StoredCheckpoint, StoredIdentity, StoredOutcomes, StoredRow, StoredTile,
    },
    identity,
    publish::store::to_sql,
    store::StoreError,
    stream::Position,
};

impl SimulatedStore {
    async fn look<T>(
        &self,
        what: &str,
        look: impl FnOnce(&mut Tables) -> T + Send,
    ) -> Result<T, StoreError> {
        let mut session = self.0.connect().await?;
        session.ask(what, |tables| Ok(look(tables))).await
    }
}

fn limit(rows: u32) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

fn stored(row: &Row) -> StoredRow {
    StoredRow {
        position: row.position,
        stream: row.stream.as_str().into(),
        version: row.version.to_sql(),
        event_type: row.event_type.clone().into_bytes(),
        header: row.header.clone().map(String::into_bytes),
        blind: row.blind.map(Vec::from),
        entry: row.entry.to_vec(),
        sealed: (!row.sealed.is_empty()).then(|| row.sealed.clone()),
    }
}

/// A row of requests as an audit reads it, on one line.
fn line(key: &[u8; 32], tables: &Tables) -> String {
    let remembered = &tables.outcomes[key];
    let expires_at = remembered.expires_at.map(|at| at.micros().to_string());
    format!(
        "{} {} {} {}",
        hex::encode(key),
        hex::encode(remembered.request),
        expires_at.unwrap_or_default(),
        remembered.outcome
    )
}

#[async_trait]
impl AuditStore for SimulatedStore {
    async fn audit_integrity(&self, _within: Option<Duration>) -> Result<Vec<String>, StoreError> {
        // It has neither pages nor indexes.
        self.look("integrity", |_| Vec::new()).await
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        self.look("rebuild indexes", |_| ()).await
    }

    async fn audit_lookups(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Position>, StoreError> {
        let look = |tables: &mut Tables| {
            let rows = tables.range(after, up_to).iter();
            let unfound = rows.filter(|row| {
                let number = usize::try_from(row.version.get()).unwrap_or(usize::MAX);
                let positions = tables.streams.get(&row.stream);
                let found = positions.and_then(|it| it.get(number.saturating_sub(1)));
                found != Some(&row.position)
            });
            unfound.map(|row| row.position).collect()
        };
        self.look("lookups", look).await
    }

    async fn audit_identities(
        &self,
        after: &[u8],
        most: u32,
    ) -> Result<Vec<StoredIdentity>, StoreError> {
        let look = |tables: &mut Tables| {
            let streams = tables.streams.iter();
            let named = streams.filter(|(stream, _)| {
                let name = stream.as_str().as_bytes();
                name > after && identity::is_named(name)
            });
            let identities = named.map(|(stream, positions)| StoredIdentity {
                stream: stream.as_str().into(),
                version: to_sql(positions.len() as u64),
                position: positions.last().map(|it| it.to_sql()),
            });
            identities.take(limit(most)).collect()
        };
        self.look("identities", look).await
    }

    async fn audit_count(&self) -> Result<u64, StoreError> {
        let look = |tables: &mut Tables| tables.events.len() as u64;
        self.look("count", look).await
    }

    async fn audit_rows(
        &self,
        after: Position,
        up_to: Position,
        most: usize,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let look = |tables: &mut Tables| {
            let rows = tables.range(after, up_to).iter().take(most);
            rows.map(|row| stored(row)).collect()
        };
        self.look("rows", look).await
    }

    async fn audit_tiles(
        &self,
        level: u8,
        from: u64,
        most: u32,
    ) -> Result<Vec<StoredTile>, StoreError> {
        let look = |tables: &mut Tables| {
            let tiles = tables.tiles.range((level, from)..=(level, u64::MAX));
            let tiles = tiles.map(|((_, number), full)| StoredTile {
                number: to_sql(*number),
                hashes: full.hashes.as_flattened().to_vec(),
                root: full.root().to_vec(),
            });
            tiles.take(limit(most)).collect()
        };
        self.look("tiles", look).await
    }

    async fn audit_published(&self) -> Result<u64, StoreError> {
        let look = |tables: &mut Tables| {
            let last = tables.checkpoints.last_key_value();
            last.map_or(0, |(size, _)| *size)
        };
        self.look("published", look).await
    }

    async fn audit_checkpoints(
        &self,
        after: u64,
        most: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let look = |tables: &mut Tables| {
            let found = tables.checkpoints.range(after.saturating_add(1)..);
            let found = found.map(|(size, checkpoint)| StoredCheckpoint {
                size: to_sql(*size),
                root: checkpoint.tree.root.to_vec(),
                note: checkpoint.note.clone().into_bytes(),
            });
            found.take(limit(most)).collect()
        };
        self.look("checkpoints", look).await
    }

    async fn audit_outcomes(
        &self,
        after: &[u8],
        most: u32,
    ) -> Result<Option<StoredOutcomes>, StoreError> {
        let look = |tables: &mut Tables| {
            let keys = tables.outcomes.keys();
            let keys = keys.filter(|key| key.as_slice() > after).take(limit(most));
            let keys: Vec<_> = keys.copied().collect();
            let lines: Vec<_> = keys.iter().map(|key| line(key, tables)).collect();
            keys.last().map(|last| StoredOutcomes {
                last_key: last.to_vec(),
                lines: lines.join("\n").into_bytes(),
            })
        };
        self.look("outcomes of all", look).await
    }
}
