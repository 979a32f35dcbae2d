//! How fast the tree over the entries grows: in memory on one core, and from what a log stores.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{hint::black_box, time::Instant};

use meguri_benches::{conditional, median, rate, stream, timed};
use meguri_log::{Append, Entry, Frontier, Position, Version};
use meguri_test_logs::{Backend, Home};

const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 5;

/// Entries that differ in more than their first bytes.
fn entries() -> Vec<Entry> {
    let mut hash = Frontier::default().root().0;
    let entry = |index: usize| {
        hash.rotate_left(1);
        hash[..8].copy_from_slice(&index.to_be_bytes());
        let mut entry = [1; 33];
        entry[1..].copy_from_slice(&hash);
        entry
    };
    (0..EVENTS).map(entry).collect()
}

fn in_memory() {
    let entries = entries();
    let (mut extended, mut roots) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut frontier = Frontier::default();
        let start = Instant::now();
        frontier.extend(black_box(&entries));
        extended.push(rate(EVENTS, start.elapsed()));
        let start = Instant::now();
        for _ in 0..1_000 {
            black_box(black_box(&frontier).root());
        }
        roots.push(rate(1_000, start.elapsed()));
    }
    println!("Tree over {EVENTS} entries, median of {ROUNDS}");
    println!(
        "  entries taken in         {:>9.0} events/s",
        median(extended)
    );
    println!("  roots                    {:>9.0} roots/s", median(roots));
}

/// The tree of a whole log, from its entries alone and from what is kept of it.
async fn stored(name: &str, backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for first in (0..EVENTS).step_by(1_000) {
        let numbers = first..first + 1_000;
        let events = numbers.flat_map(|number| conditional(&stream(number), Version::ZERO).events);
        let append = Append {
            events: events.collect(),
            ..conditional(&stream(0), Version::ZERO)
        };
        let conditions = Vec::new();
        log.append(Append {
            conditions,
            ..append
        })
        .await
        .unwrap();
    }
    let (mut anew, mut kept) = (Vec::new(), Vec::new());
    let before_last_kept = Position::new(EVENTS as u64 / 4_096 * 4_096 - 1);
    for _ in 0..ROUNDS {
        let (wrong, taken) = timed(log.check_frontiers()).await;
        assert_eq!(wrong.unwrap(), []);
        anew.push(rate(EVENTS, taken));
        let (frontier, taken) = timed(log.frontier_at(before_last_kept)).await;
        assert_eq!(frontier.unwrap().position(), before_last_kept);
        kept.push(taken.as_secs_f64() * 1_000.0);
    }
    println!("{name}, {EVENTS} events, median of {ROUNDS}");
    println!("  tree from all entries    {:>9.0} events/s", median(anew));
    println!(
        "  frontier at a position   {:>9.1} ms at worst",
        median(kept)
    );
}

#[tokio::main]
async fn main() {
    in_memory();
    stored("SQLite", Backend::Sqlite).await;
    stored("PostgreSQL", Backend::Postgres).await;
}
