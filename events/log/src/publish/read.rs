//! Reading what is published: checkpoints, tiles, bundles, and proofs made of them.

use std::collections::BTreeMap;

use meguri_proofs::{
    Bundle, Hash, Plan, PlanError, Proof, Tile, VerifierKey, encode_entries, leaf,
};

use super::SignedCheckpoint;
use crate::{log::Log, read::ReadError, recorded::Entry, store::StoreError, stream::Position};

/// Why something is not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// No checkpoint covers it. Wait for the next, or ask for less.
    #[error("the log is published up to {published} events, and this is not in them")]
    NotYet {
        /// The size of the last checkpoint, 0 before the first.
        published: u64,
    },
    /// A checkpoint of this size was never published. Ask for one that was, or for the last.
    #[error("no checkpoint of {size} events was published")]
    NoCheckpoint {
        /// The size that was asked for.
        size: u64,
    },
    /// There is no such proof: an entry after the tree, or a tree that shrinks.
    #[error(transparent)]
    NoProof(#[from] PlanError),
    /// It cannot be read, or was damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// An entry, and what it takes to show that the log has signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The position of the event, which is one more than the index of its entry.
    pub position: Position,
    /// The entry: what is public of the event.
    pub entry: Entry,
    /// The proof that it is in the tree of the checkpoint.
    pub proof: Proof,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl From<StoreError> for PublishedError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Log {
    /// The key by which anyone verifies the checkpoints of this log; none before a
    /// [`Publisher`](super::Publisher) was started on it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn verifier(&self) -> Result<Option<VerifierKey>, ReadError> {
        let known = self.published().verifier().await?;
        let known = known.map(|text| text.parse()).transpose();
        known.map_err(|error| ReadError::Damaged(format!("the verifier key: {error}")))
    }

    /// The last checkpoint that was published.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn latest_checkpoint(&self) -> Result<Option<SignedCheckpoint>, ReadError> {
        Ok(self.published().last_checkpoint().await?)
    }

    /// The published checkpoints of this size and more, the smallest first, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn checkpoints_from(
        &self,
        size: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, ReadError> {
        Ok(self.published().checkpoints_from(size, limit).await?)
    }

    /// The published checkpoint of exactly this size, if there is one.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn checkpoint_of(&self, size: u64) -> Result<Option<SignedCheckpoint>, ReadError> {
        let found = self.checkpoints_from(size, 1).await?.into_iter().next();
        Ok(found.filter(|found| found.tree.size == size))
    }

    /// The hashes of a published tile. Partial ones may be of any width up to what is published.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, PublishedError> {
        let published = self.published_size().await?;
        let there = Tile::in_tree(tile.level(), tile.index(), published);
        if there.is_none_or(|there| there.width() < tile.width()) {
            return Err(PublishedError::NotYet { published });
        }
        Ok(self.load_tile(tile).await?)
    }

    /// The bytes of a published bundle of entries.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, PublishedError> {
        let published = self.published_size().await?;
        let there = Tile::in_tree(0, bundle.index(), published);
        if there.is_none_or(|there| there.width() < bundle.width()) {
            return Err(PublishedError::NotYet { published });
        }
        Ok(self.load_bundle(bundle).await?)
    }

    /// The proof that the event at a position is in the tree of the first `size` events.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn inclusion_proof(
        &self,
        position: Position,
        size: u64,
    ) -> Result<Proof, PublishedError> {
        self.within_published(size).await?;
        // Positions count from 1. Position 0 is no event, so it becomes an entry no tree has.
        let index = position.get().checked_sub(1).unwrap_or(u64::MAX);
        self.proof(&Plan::inclusion(index, size)?).await
    }

    /// The entry of the event at a position and the proof of it, against the checkpoint of this
    /// size, or against the last one.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn inclusion(
        &self,
        position: Position,
        size: Option<u64>,
    ) -> Result<Inclusion, PublishedError> {
        let checkpoint = if let Some(size) = size {
            let found = self.checkpoint_of(size).await?;
            found.ok_or(PublishedError::NoCheckpoint { size })?
        } else {
            let last = self.latest_checkpoint().await?;
            last.ok_or(PublishedError::NotYet { published: 0 })?
        };
        let proof = self.inclusion_proof(position, checkpoint.tree.size).await?;
        let after = position.get().saturating_sub(1);
        let entries = self.entries_between(after, position.get()).await?;
        let [entry] = entries[..] else {
            let missing = format!("the entry at {position} is missing");
            return Err(ReadError::Damaged(missing).into());
        };
        Ok(Inclusion {
            position,
            entry,
            proof,
            checkpoint,
        })
    }

    /// The proof that the tree of the first `to` events begins with that of the first `from`.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn consistency_proof(&self, from: u64, to: u64) -> Result<Proof, PublishedError> {
        self.within_published(to).await?;
        self.proof(&Plan::consistency(from, to)?).await
    }

    pub(super) async fn proof(&self, plan: &Plan) -> Result<Proof, PublishedError> {
        let mut tiles = BTreeMap::new();
        for tile in plan.tiles() {
            tiles.insert(tile, self.load_tile(tile).await?);
        }
        let proof = plan.proof(|tile| tiles.get(&tile).map(Vec::as_slice));
        proof.map_err(|missing| ReadError::Damaged(missing.to_string()).into())
    }

    async fn published_size(&self) -> Result<u64, StoreError> {
        let last = self.published().last_checkpoint().await?;
        Ok(last.map_or(0, |last| last.tree.size))
    }

    async fn within_published(&self, size: u64) -> Result<(), PublishedError> {
        let published = self.published_size().await?;
        if size <= published {
            return Ok(());
        }
        Err(PublishedError::NotYet { published })
    }

    /// The hashes of a tile: a full one as it is kept, a partial one made of what is below it.
    pub(super) async fn load_tile(&self, tile: Tile) -> Result<Vec<Hash>, ReadError> {
        let first = tile.index() * u64::from(meguri_proofs::TILE_WIDTH);
        let bytes = if !tile.is_partial() {
            let kept = self
                .published()
                .full_tile(tile.level(), tile.index())
                .await?;
            kept.unwrap_or_default()
        } else if let Some(level) = tile.level().checked_sub(1) {
            self.published()
                .tile_roots(level, first, tile.width())
                .await?
        } else {
            let entries = self
                .entries_between(first, first + u64::from(tile.width()))
                .await?;
            return Ok(entries.iter().map(|entry| leaf(entry)).collect());
        };
        let hashes = tile.decode(&bytes);
        let hashes = hashes.map_err(|error| ReadError::Damaged(error.to_string()))?;
        Ok(hashes.to_vec())
    }

    /// The bytes of a bundle, made of its entries.
    pub(super) async fn load_bundle(&self, bundle: Bundle) -> Result<Vec<u8>, ReadError> {
        let first = bundle.index() * u64::from(meguri_proofs::TILE_WIDTH);
        let entries = self
            .entries_between(first, first + u64::from(bundle.width()))
            .await?;
        encode_entries(entries).map_err(|error| ReadError::Damaged(error.to_string()))
    }

    /// The entries of the events after one position up to another, all of them.
    pub(super) async fn entries_between(
        &self,
        after: u64,
        up_to: u64,
    ) -> Result<Vec<Entry>, ReadError> {
        let [from, to] = [after, up_to].map(Position::new);
        let entries = self.store().read_entries(from, to).await?;
        if entries.len() as u64 == up_to - after {
            return Ok(entries);
        }
        let missing = format!("entries between {after} and {up_to} are missing");
        Err(ReadError::Damaged(missing))
    }
}
