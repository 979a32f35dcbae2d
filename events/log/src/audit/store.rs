//! What a backend has to do for an audit: give everything back as it is stored, whatever it is.

use std::time::Duration;

use async_trait::async_trait;

use crate::{store::StoreError, stream::Position};

/// An event as it is stored. Nothing is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRow {
    pub(crate) position: Position,
    pub(crate) stream: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) event_type: Vec<u8>,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) blind: Option<Vec<u8>>,
    pub(crate) entry: Vec<u8>,
    pub(crate) sealed: Option<Vec<u8>>,
}

/// What is kept of a stream that tells who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StoredIdentity {
    pub(crate) stream: Vec<u8>,
    pub(crate) version: i64,
    /// Where the event of this version stands.
    pub(crate) position: Option<i64>,
}

/// A full tile as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StoredTile {
    pub(crate) number: i64,
    pub(crate) hashes: Vec<u8>,
    pub(crate) root: Vec<u8>,
}

/// A checkpoint as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StoredCheckpoint {
    pub(crate) size: i64,
    pub(crate) root: Vec<u8>,
    pub(crate) note: Vec<u8>,
}

/// What is remembered of some requests, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StoredOutcomes {
    /// The key of the last of them.
    pub(crate) last_key: Vec<u8>,
    /// A line for each, in the order of keys: key and digest of the request in hex, when it is
    /// forgotten in microseconds or nothing, and the outcome; a space between them.
    pub(crate) lines: Vec<u8>,
}

/// The part of a backend that is audited.
#[async_trait]
pub(crate) trait AuditStore: Send + Sync + 'static {
    /// What the database itself finds wrong in its pages and indexes, as far as it can look within
    /// this time; nothing where it cannot look at all.
    async fn audit_integrity(&self, within: Option<Duration>) -> Result<Vec<String>, StoreError>;

    /// Makes every index anew from its table.
    async fn rebuild_indexes(&self) -> Result<(), StoreError>;

    /// The events after `after` up to and including `up_to` that are not found by the index of
    /// streams and versions.
    async fn audit_lookups(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Position>, StoreError>;

    /// What is kept of streams that tell who somebody is, those named after `after`, in order, at
    /// most `limit`.
    async fn audit_identities(
        &self,
        after: &[u8],
        limit: u32,
    ) -> Result<Vec<StoredIdentity>, StoreError>;

    /// How many events are stored, at whatever positions.
    async fn audit_count(&self) -> Result<u64, StoreError>;

    /// The events after `after` up to and including `up_to`, in order, those that are there, at
    /// most `limit`.
    async fn audit_rows(
        &self,
        after: Position,
        up_to: Position,
        limit: usize,
    ) -> Result<Vec<StoredRow>, StoreError>;

    /// Full tiles of a level from this number on, in order, at most `limit`.
    async fn audit_tiles(
        &self,
        level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StoredTile>, StoreError>;

    /// The size of the largest checkpoint; 0 where there is none.
    async fn audit_published(&self) -> Result<u64, StoreError>;

    /// Checkpoints larger than `after`, in order, at most `limit`.
    async fn audit_checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError>;

    /// What is remembered of requests whose keys are after this one, in order, at most `limit`;
    /// nothing where there are no more.
    async fn audit_outcomes(
        &self,
        after: &[u8],
        limit: u32,
    ) -> Result<Option<StoredOutcomes>, StoreError>;
}
