//! Keeping the index of what is read level with its rows, while members read and write.

use std::{sync::Arc, time::Duration};

use meguri_log::{Log, Position};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{patience::Patience, slot::Slot, store::Indexed};

/// A commit costs as much for one post as for a thousand: whoever waits for the next one waits so
/// long at most, and then for the commit.
const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// Follows the rows for as long as it is polled, and tells the slot how far one can read. Without
/// an index it waits for ever.
pub(crate) async fn keep_level(
    indexed: Option<Indexed>,
    slot: Arc<Slot>,
    log: Log,
    mut rows: watch::Receiver<Position>,
    stop: CancellationToken,
) {
    let Some(Indexed { index, readers }) = indexed else {
        return std::future::pending().await;
    };
    let mut patience = Patience::new(stop);
    loop {
        let begun = Instant::now();
        let mut committed = false;
        match index.level(&readers).await {
            Ok(level) => {
                patience.reset();
                committed = level.committed;
                slot.reached(level.position, log.known_head());
            }
            Err(trouble) => {
                patience.wait("an index is not level", &trouble).await;
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
