//! Tiles and checkpoints, and the right to publish.

use std::path::Path;

use async_trait::async_trait;

use super::{
    database::Kind,
    session::{Held, Session},
    store::SimulatedStore,
    tables::{Publishing, Tables},
};
use crate::{
    publish::{
        SignedCheckpoint, TURN_EVERY,
        place::DatabasePlace,
        store::{FullTile, Press, PublishStore},
    },
    store::StoreError,
};

impl SimulatedStore {
    async fn read<T>(
        &self,
        what: &str,
        read: impl FnOnce(&mut Tables) -> T + Send,
    ) -> Result<T, StoreError> {
        let mut session = self.0.connect().await?;
        session.ask(what, |tables| Ok(read(tables))).await
    }
}

#[async_trait]
impl PublishStore for SimulatedStore {
    async fn verifier(&self) -> Result<Option<String>, StoreError> {
        let read = |tables: &mut Tables| tables.publishing.verifier.clone();
        self.read("verifier", read).await
    }

    async fn keep_verifier(&self, verifier: &str) -> Result<(), StoreError> {
        let keep = |publishing: &mut Publishing| {
            publishing.verifier.get_or_insert_with(|| verifier.into());
        };
        self.read("keep verifier", |tables| tables.publish(keep))
            .await
    }

    fn require_in_place(&self) -> Result<(), StoreError> {
        // Nobody takes it away from under a process.
        Ok(())
    }

    fn is_in_a_file(&self) -> bool {
        false
    }

    async fn copy_to(&self, _path: &Path) -> Result<(), StoreError> {
        let reason = "a database in memory is not copied to a file";
        Err(StoreError::Refused(reason.into()))
    }

    async fn place(&self) -> Result<DatabasePlace, StoreError> {
        self.read("place", |_| ()).await?;
        Ok(DatabasePlace {
            identity: self.0.database().place(),
            address: self.0.database().place(),
            is_shared: self.0.database().kind() == Kind::Postgres,
        })
    }

    async fn kept_place(&self) -> Result<Option<String>, StoreError> {
        let read = |tables: &mut Tables| tables.publishing.place.clone();
        self.read("kept place", read).await
    }

    async fn keep_place(&self, identity: &str) -> Result<(), StoreError> {
        let keep = |publishing: &mut Publishing| publishing.place = Some(identity.into());
        self.read("keep place", |tables| tables.publish(keep)).await
    }

    async fn vault_generation(&self) -> Result<i64, StoreError> {
        let read = |tables: &mut Tables| tables.publishing.vault_generation;
        self.read("vault generation", read).await
    }

    async fn keep_vault_generation(&self, generation: i64) -> Result<(), StoreError> {
        let keep = |publishing: &mut Publishing| {
            publishing.vault_generation = publishing.vault_generation.max(generation);
        };
        self.read("keep vault generation", |tables| tables.publish(keep))
            .await
    }

    async fn signed(&self) -> Result<Option<String>, StoreError> {
        let read = |tables: &mut Tables| tables.publishing.signed.clone();
        self.read("signed", read).await
    }

    async fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let read = |tables: &mut Tables| {
            let last = tables.checkpoints.last_key_value();
            last.map(|(_, checkpoint)| checkpoint.clone())
        };
        self.read("last checkpoint", read).await
    }

    async fn checkpoints_from(
        &self,
        size: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let read = |tables: &mut Tables| {
            let found = tables.checkpoints.range(size..).take(limit);
            found.map(|(_, checkpoint)| checkpoint.clone()).collect()
        };
        self.read("checkpoints", read).await
    }

    async fn full_tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let read = |tables: &mut Tables| {
            let full = tables.tiles.get(&(level, number));
            full.map(|full| full.hashes.as_flattened().to_vec())
        };
        self.read("full tile", read).await
    }

    async fn tile_roots(&self, level: u8, first: u64, count: u16) -> Result<Vec<u8>, StoreError> {
        let end = first.saturating_add(u64::from(count));
        let read = |tables: &mut Tables| {
            let tiles = tables.tiles.range((level, first)..(level, end));
            tiles.flat_map(|(_, full)| full.root()).collect()
        };
        self.read("tile roots", read).await
    }

    async fn wait_for_press(&self) -> Result<Box<dyn Press>, StoreError> {
        let mut session = self.0.connect().await?;
        loop {
            session.ask("ask for the press", |_| Ok(())).await?;
            if let Some(held) = session.try_press() {
                return Ok(Box::new(SimulatedPress {
                    session,
                    _held: held,
                }));
            }
            tokio::time::sleep(TURN_EVERY).await;
        }
    }
}

/// INVARIANT: everything is written through the session that has the lock, so that nothing is by
/// who has lost it.
struct SimulatedPress {
    session: Session,
    _held: Held,
}

#[async_trait]
impl Press for SimulatedPress {
    async fn keep_tiles(&mut self, tiles: &[FullTile]) -> Result<u64, StoreError> {
        let keep = |tables: &mut Tables| Ok(tables.keep_tiles(tiles));
        self.session.ask("keep tiles", keep).await
    }

    async fn keep_signed(&mut self, note: &str) -> Result<(), StoreError> {
        let keep = |publishing: &mut Publishing| publishing.signed = Some(note.into());
        let keep = |tables: &mut Tables| {
            tables.publish(keep);
            Ok(())
        };
        self.session.ask("keep signed", keep).await
    }

    async fn keep_checkpoint(
        &mut self,
        after: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<bool, StoreError> {
        let keep = |tables: &mut Tables| Ok(tables.keep_checkpoint(after, checkpoint));
        self.session.ask("keep checkpoint", keep).await
    }
}
