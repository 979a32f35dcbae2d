//! What a backend has to do for publishing: keep tiles and checkpoints, and let one process at a
//! time write them.

use std::path::Path;

use async_trait::async_trait;
use meguri_proofs::{Hash, Tile, Tree, root};

use super::{SignedCheckpoint, place::DatabasePlace};
use crate::store::StoreError;

/// What a row of the table of checkpoints is read as: size, root, note.
pub(crate) type CheckpointRow = (i64, Vec<u8>, String);

/// A full tile to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullTile {
    pub(crate) tile: Tile,
    pub(crate) hashes: Vec<Hash>,
}

impl FullTile {
    /// The hash that stands for it one level up.
    pub(crate) fn root(&self) -> Hash {
        root(&self.hashes)
    }
}

/// The part of a backend that keeps what is published.
#[async_trait]
pub(crate) trait PublishStore: Send + Sync + 'static {
    /// The verifier key of the one key that signs for this log, once it is known.
    async fn verifier(&self) -> Result<Option<String>, StoreError>;

    /// Makes this key the one that signs for this log, unless there is one already.
    async fn keep_verifier(&self, verifier: &str) -> Result<(), StoreError>;

    /// Whether it is a file.
    fn is_in_a_file(&self) -> bool;

    /// Refuses where it is a file, and that is not where it was opened any more: what is written
    /// beside it by its path would be written beside another one, or where nothing belongs.
    fn require_in_place(&self) -> Result<(), StoreError>;

    /// Copies the file as it is at one moment.
    async fn copy_to(&self, path: &Path) -> Result<(), StoreError>;

    /// Where this database is.
    async fn place(&self) -> Result<DatabasePlace, StoreError>;

    /// Where it was when that was written down in it: the identity of its place.
    async fn kept_place(&self) -> Result<Option<String>, StoreError>;

    /// Writes down in it where it is.
    async fn keep_place(&self, identity: &str) -> Result<(), StoreError>;

    /// The highest generation of the vault that this log was opened with.
    async fn vault_generation(&self) -> Result<i64, StoreError>;

    /// Remembers a generation of the vault, unless a higher one is known.
    async fn keep_vault_generation(&self, generation: i64) -> Result<(), StoreError>;

    /// The last note that was signed, and perhaps not published.
    async fn signed(&self) -> Result<Option<String>, StoreError>;

    /// The largest checkpoint that is published.
    async fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, StoreError>;

    /// Checkpoints of this size and more, the smallest first.
    async fn checkpoints_from(
        &self,
        size: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError>;

    /// The hashes of a full tile, one behind the other, if it is kept.
    async fn full_tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The roots of so many full tiles of a level from this one on, one behind the other; fewer
    /// where they are not kept.
    async fn tile_roots(&self, level: u8, first: u64, count: u16) -> Result<Vec<u8>, StoreError>;

    /// Waits until nobody else publishes, in whatever process.
    async fn wait_for_press(&self) -> Result<Box<dyn Press>, StoreError>;
}

/// The right to publish: nobody else has it for as long as this is held.
#[async_trait]
pub(crate) trait Press: Send {
    /// Keeps full tiles durably; of those that are there already nothing is changed.
    ///
    /// Answers how many were new.
    async fn keep_tiles(&mut self, tiles: &[FullTile]) -> Result<u64, StoreError>;

    /// Keeps a note that is signed, before anybody else sees it.
    async fn keep_signed(&mut self, note: &str) -> Result<(), StoreError>;

    /// Publishes a checkpoint if the last one is of size `after` (0 where there is none), and says
    /// whether it did.
    async fn keep_checkpoint(
        &mut self,
        after: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<bool, StoreError>;
}

/// A checkpoint as it is stored, checked in its form.
pub(crate) fn stored_checkpoint(row: CheckpointRow) -> Result<SignedCheckpoint, StoreError> {
    let (size, root, note) = row;
    let damaged = || StoreError::Damaged(format!("the checkpoint of size {size} is not one"));
    Ok(SignedCheckpoint {
        tree: Tree {
            size: u64::try_from(size).map_err(|_| damaged())?,
            root: root.try_into().map_err(|_| damaged())?,
        },
        note,
    })
}

/// A number of a tile or a size as SQL has it; none is so large in a log.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
