//! How fast the tree over the entries of a log grows on one core, and what its root costs.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::{hint::black_box, time::Instant};

use meguri_benches::{median, rate};
use meguri_log::{Entry, Frontier};

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

fn main() {
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
