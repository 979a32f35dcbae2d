//! A page of a stream of a member's own, newest first.

use meguri_log::{Direction, Position, Recorded, StreamName, StreamRange, Version};

use crate::list::{Cursor, Part};
use crate::{AnswerError, Freshness, ReadApi};

/// A page of a stream that speaks of the member alone.
pub(crate) struct OwnPage {
    /// The position that the answer has seen.
    pub(crate) head: Position,
    /// Its events, newest first.
    pub(crate) events: Vec<Recorded>,
    /// The `cursor` of the next page.
    pub(crate) next: Option<String>,
}

/// Reads a page.
///
/// # Errors
/// The log cannot be read, or is not there in time.
pub(crate) async fn page(
    api: &ReadApi,
    stream: String,
    part: Part,
    fresh: Freshness,
) -> Result<OwnPage, AnswerError> {
    let head = api.log_at_least(fresh.min_position).await?;
    let stream = StreamName::new(stream).map_err(|error| AnswerError::internal(&error))?;
    let limit = part.limit as usize;
    let newest = StreamRange::newest(limit + 1);
    let from = part.after.and_then(before);
    let range = StreamRange {
        from: from.unwrap_or(newest.from),
        direction: Direction::Backward,
        ..newest
    };
    let mut events = api.log.read_stream(&stream, range).await?;
    let next = events.get(limit);
    let next = next.map(|event| format!("p{:x}", event.version().get()));
    events.truncate(limit);
    Ok(OwnPage { head, events, next })
}

/// The version that a page goes on from: cursors of views are positions, those of streams versions.
fn before(cursor: Cursor) -> Option<Version> {
    let version = u64::from_str_radix(cursor.to_string().strip_prefix('p')?, 16).ok()?;
    Some(Version::new(version))
}
