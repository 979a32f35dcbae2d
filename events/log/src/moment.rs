//! Where the log stood at a moment: found by halving, for the time of events never goes back.

use crate::{
    clock::Timestamp,
    log::Log,
    read::{Filter, ReadError},
    recorded::Recorded,
    stream::Position,
};

/// Events read at a time where those nearest to a position were redacted.
const LOOK_BACK: u64 = 1_000;

impl Log {
    /// The last position whose event was appended at or before this moment;
    /// [`Position::ZERO`] where there is none.
    ///
    /// The time of a redacted event went with its header: it counts as appended together with the
    /// event before it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn position_at(&self, at: Timestamp) -> Result<Position, ReadError> {
        let head = self.head().await?;
        if head.at <= at {
            return Ok(head.position);
        }
        // INVARIANT: the event at `before`, if any, was appended by then, and that at `after`, if
        // any, was not.
        let (mut before, mut after) = (0, head.position.get());
        while before + 1 < after {
            let middle = before.midpoint(after);
            if self.was_appended_by(at, before, middle).await? {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(Position::new(before))
    }

    /// Whether the event at `position` was appended at or before a moment, as that at `before` was.
    async fn was_appended_by(
        &self,
        at: Timestamp,
        before: u64,
        position: u64,
    ) -> Result<bool, ReadError> {
        let (mut up_to, mut step) = (position, 1);
        while up_to > before {
            let after = up_to.saturating_sub(step).max(before);
            let range = (Position::new(after), Position::new(up_to));
            let block = self
                .read_range(range.0, range.1, &Filter::default())
                .await?;
            if let Some(header) = block.events.iter().rev().find_map(Recorded::header) {
                return Ok(header?.at <= at);
            }
            (up_to, step) = (after, LOOK_BACK);
        }
        Ok(true)
    }
}
