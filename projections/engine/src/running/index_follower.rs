//! Keeping the index of what is read up to date with its rows, while members read and write.

use std::{sync::Arc, time::Duration};

use meguri_log::{Log, Position};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    files::view_file::Indexed,
    running::{backoff::Backoff, view_handle::ViewHandle},
};

/// A commit costs as much for one post as for a thousand: whoever waits for the next one waits so
/// long at most, and then for the commit.
const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// Follows the rows for as long as it is polled, and tells the handle how far one can read. Without
/// an index it waits for ever.
pub async fn keep_caught_up(
    indexed: Option<Indexed>,
    handle: Arc<ViewHandle>,
    log: Log,
    mut rows: watch::Receiver<Position>,
    stop: CancellationToken,
) {
    let Some(Indexed { index, readers }) = indexed else {
        return std::future::pending().await;
    };
    let mut backoff = Backoff::new(stop);
    loop {
        let begun = Instant::now();
        let mut committed = false;
        match index.catch_up(&readers).await {
            Ok(caught_up) => {
                backoff.reset();
                committed = caught_up.committed;
                handle.reached(caught_up.position, log.known_head());
            }
            Err(trouble) => {
                backoff.wait("an index does not catch up", &trouble).await;
                rows.mark_changed();
            }
        }
        if rows.changed().await.is_err() {
            return std::future::pending().await;
        }
        if committed {
            sleep_until(begun + COMMIT_EVERY).await;
        }
    }
}
