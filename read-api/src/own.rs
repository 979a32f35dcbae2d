//! Lists of a member's own, newest first: which page is asked for, and a page of a stream.

use meguri_http::{Problem, kinds};
use meguri_log::{Direction, Position, Recorded, StreamName, StreamRange, Version};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::views::log_unavailable;
use crate::{ReadApi, freshness, list};

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnQuery {
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub(crate) cursor: Option<String>,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub(crate) min_position: Option<u64>,
}

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
/// 400 for a cursor that no page has given out; 503 where the log cannot be read, or is not there
/// in time.
pub(crate) async fn page(
    api: &ReadApi,
    stream: String,
    query: &OwnQuery,
) -> Result<OwnPage, Problem> {
    list::cursor(query.cursor.as_deref())?;
    let head = api.log_at_least(query.min_position).await?;
    let stream = StreamName::new(stream).map_err(|error| {
        tracing::error!(%error, "a member has no such stream");
        Problem::new(kinds::INTERNAL)
    })?;
    let limit = query.limit as usize;
    let newest = StreamRange::newest(limit + 1);
    let from = query.cursor.as_deref().and_then(before);
    let range = StreamRange {
        from: from.unwrap_or(newest.from),
        direction: Direction::Backward,
        ..newest
    };
    let events = api.log.read_stream(&stream, range).await;
    let mut events = events.map_err(|error| log_unavailable(&error))?;
    let next = events.get(limit);
    let next = next.map(|event| format!("p{:x}", event.version().get()));
    events.truncate(limit);
    Ok(OwnPage { head, events, next })
}

/// The version that a page goes on from; cursors are checked before.
fn before(cursor: &str) -> Option<Version> {
    let version = u64::from_str_radix(cursor.strip_prefix('p')?, 16).ok()?;
    Some(Version::new(version))
}
