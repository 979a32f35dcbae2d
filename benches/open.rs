//! Opening what is sealed, on one core: the hot path of every rebuild of a view that shows words.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::sync::Arc;

use meguri_benches::{median, peak_memory_mib, rate, sealed, timed};
use meguri_log::{Block, Filter, Log, Position, Section, SectionContent, SystemClock};
use meguri_test_logs::{Backend, Home};

/// Enough that the cost of the first use of a key shows, and is not all there is.
const EVENTS: usize = 240_000;
const ROUNDS: usize = 5;

async fn blocks(log: &Log) -> Vec<Block> {
    let (mut blocks, mut ahead) = (
        Vec::new(),
        log.read_ahead(Position::ZERO, Filter::default()),
    );
    while let Some(block) = ahead.next().await {
        blocks.push(block.unwrap());
    }
    blocks
}

/// Opens every section of the log, and answers how many there were.
async fn open(log: &Log, blocks: &[Block]) -> usize {
    let mut sections = 0;
    for block in blocks {
        for opened in log.open_events(&block.events).await.unwrap() {
            let opened = opened.unwrap().unwrap().sections;
            let plain = |section: &Section| matches!(section.content, SectionContent::Plain(_));
            assert!(opened.iter().all(plain));
            sections += opened.len();
        }
    }
    sections
}

async fn on(name: &str, backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    sealed::fill(&log, EVENTS).await;
    log.close().await;
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let log = home.open_with(Arc::new(SystemClock)).await;
        let blocks = blocks(&log).await;
        let before = peak_memory_mib();
        for figures in [&mut first, &mut again] {
            let (sections, taken) = timed(open(&log, &blocks)).await;
            assert_eq!(sections, EVENTS / 2 * 3);
            figures.push(rate(EVENTS, taken));
        }
        memory = memory.max(peak_memory_mib() - before);
        log.close().await;
    }
    let keys = sealed::KEYS;
    println!("{name}, {EVENTS} events under {keys} keys, median of {ROUNDS}");
    println!("  with no key in memory    {:>9.0} events/s", median(first));
    println!("  with all keys in memory  {:>9.0} events/s", median(again));
    println!("  memory taken             {memory:>9.0} MiB");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    on("SQLite", Backend::Sqlite).await;
    on("PostgreSQL", Backend::Postgres).await;
}
