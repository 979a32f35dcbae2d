//! What a run has of the real machine: one thread whose time is made, and a folder in memory.

use std::path::Path;

use meguri_log::answer_on_the_spot;
use tempfile::TempDir;

/// Runs a world to its end on this thread, under paused time: answers of other threads are waited
/// for on the spot.
///
/// # Panics
/// Where the operating system gives no timer.
pub(crate) fn run<F: Future>(world: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("INVARIANT: a runtime without I/O needs nothing");
    let _on_the_spot = answer_on_the_spot();
    runtime.block_on(world)
}

/// A folder whose files are nowhere but in memory, where the machine has such.
///
/// # Panics
/// Where no folder can be made.
pub(crate) fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() {
        TempDir::new_in(shared)
    } else {
        TempDir::new()
    };
    made.expect("INVARIANT: the machine has a folder for the files of a world")
}
