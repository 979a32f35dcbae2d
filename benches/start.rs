//! What a start looks at before it serves, on a long log: that the vault is this log's, that both
//! databases are whole, that what is erased is so, and that no key is lost.
//!
//! `cargo bench -p meguri-benches --bench start -- [sqlite] [postgres]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::sync::Arc;

use meguri_benches::{sealed, timed};
use meguri_commands::reapply_erasures;
use meguri_log::SystemClock;
use meguri_test_logs::{Backend, Home};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 1_000_000;

async fn measure(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    sealed::fill(&log, EVENTS).await;
    log.close().await;
    println!(
        "{backend:?}, {EVENTS} events under {} keys, in s",
        sealed::KEYS
    );
    for start in ["first start", "next start"] {
        let (log, opening) = timed(home.open_with(Arc::new(SystemClock))).await;
        let (whole, integrity) = timed(log.check_integrity()).await;
        whole.unwrap();
        let (reapplied, erasures) = timed(reapply_erasures(&log)).await;
        reapplied.unwrap();
        let (lost, keys) = timed(log.lost_keys()).await;
        assert!(lost.unwrap().is_empty());
        for (what, taken) in [
            ("opening, with the vault's log", opening),
            ("integrity of log and vault", integrity),
            ("erasures", erasures),
            ("all keys", keys),
        ] {
            println!("  {start}: {what:<32} {:>7.2}", taken.as_secs_f64());
        }
        log.close().await;
    }
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |name: &str| {
        asked.iter().all(|it| it.starts_with('-')) || asked.iter().any(|it| it == name)
    };
    if wants("sqlite") {
        measure(Backend::Sqlite).await;
    }
    if wants("postgres") {
        measure(Backend::Postgres).await;
    }
}
