//! The tree of the log at any position: grown from its entries, with a frontier kept every 4,096
//! positions.

use crate::{log::Log, read::ReadError, store::StoreError, stream::Position, tree::Frontier};

/// Positions between two frontiers that are kept. The migrations hold the tables against it.
pub(crate) const KEPT_EVERY: u64 = 4_096;
/// Entries read and hashed in one go: a few milliseconds.
const READ_ENTRIES: u64 = 4 * KEPT_EVERY;

/// Why there is no frontier at a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The log does not go so far. Ask again when it does, or ask for less.
    #[error("the log ends at position {head}, before the frontier that was asked for")]
    Beyond {
        /// Where the log ends.
        head: Position,
    },
    /// The entries cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Log {
    /// The frontier of the tree over the first `position` events, redacted or not.
    ///
    /// It is grown from the nearest frontier that is kept at or before the position, and those
    /// passed on the way are kept for the next who asks. They are derived from the entries and
    /// nothing else: deleting them loses nothing, one whose form is broken is not used, and
    /// [`Log::check_frontiers`] finds those that are wrong.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn frontier_at(&self, position: Position) -> Result<Frontier, TreeError> {
        let head = self.head().await?.position;
        if position > head {
            return Err(TreeError::Beyond { head });
        }
        let mut frontier = self.kept_frontier(position).await?.unwrap_or_default();
        while frontier.position() < position {
            let passed = self.grow(&mut frontier, position).await?;
            if let Err(error) = self.keep(&passed).await {
                // They are only a shortcut for the next who asks.
                tracing::warn!(%error, "frontiers of the log cannot be kept");
            }
        }
        Ok(frontier)
    }

    /// Grows the tree anew from all entries of the log, compares every frontier that is kept with
    /// it, and puts right those that differ.
    ///
    /// Answers the positions of those that were wrong: somebody or something has changed the
    /// database. All entries are read: about a second for a million.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn check_frontiers(&self) -> Result<Vec<Position>, ReadError> {
        let head = self.head().await?.position;
        let (mut frontier, mut wrong) = (Frontier::default(), Vec::new());
        while frontier.position() < head {
            let passed = self.grow(&mut frontier, head).await?;
            for right in &passed {
                let kept = self.store().kept_frontier(right.position()).await?;
                let differs = |bytes| bytes != right.to_bytes();
                if kept.is_some_and(|(at, bytes)| at == right.position() && differs(bytes)) {
                    wrong.push(right.position());
                }
            }
            self.keep(&passed).await?;
        }
        Ok(wrong)
    }

    /// The last frontier that is kept at or before a position; none where its form is broken.
    async fn kept_frontier(&self, position: Position) -> Result<Option<Frontier>, ReadError> {
        let kept = self.store().kept_frontier(position).await?;
        Ok(kept.and_then(|(at, bytes)| {
            let frontier = Frontier::from_bytes(&bytes).ok();
            frontier.filter(|frontier| frontier.position() == at)
        }))
    }

    async fn keep(&self, frontiers: &[Frontier]) -> Result<(), StoreError> {
        if frontiers.is_empty() {
            return Ok(());
        }
        self.store().keep_frontiers(frontiers).await
    }

    /// Takes in the next entries, at most up to a position, and answers the frontiers to keep.
    async fn grow(
        &self,
        frontier: &mut Frontier,
        up_to: Position,
    ) -> Result<Vec<Frontier>, ReadError> {
        let after = frontier.position();
        let up_to = up_to.min(Position::new(after.get() + READ_ENTRIES));
        let entries = self.store().read_entries(after, up_to).await?;
        let mut passed = Vec::new();
        for entry in &entries {
            frontier.push(entry);
            if frontier.size().is_multiple_of(KEPT_EVERY) {
                passed.push(frontier.clone());
            }
        }
        if frontier.position() == up_to {
            Ok(passed)
        } else {
            let missing = format!("entries between {after} and {up_to} are missing");
            Err(ReadError::Damaged(missing))
        }
    }
}
