//! Bulk reads of a million events with typed decode, beside what the database gives without the
//! log.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::sync::Arc;

use futures::{StreamExt, future::join_all};
use meguri_benches::{conditional, median, peak_memory_mib, rate, stream, timed};
use meguri_log::{Append, Location, Log, Position, Version};
use meguri_test_logs::{Backend, Home};
use serde::Deserialize;
use sqlx::{PgPool, Row, SqlitePool};

const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 5;

/// The open data of the events, typed as a view would have it.
#[derive(Deserialize)]
struct Terms<'a> {
    to: &'a str,
    mode: &'a str,
    version: u32,
}

/// What every way of reading has to know of each event.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    events: usize,
    bytes: usize,
    versions: u64,
}

impl Seen {
    fn add(&mut self, header: &meguri_log::Header<'_>) {
        let terms: Terms<'_> = serde_json::from_str(header.data.get()).unwrap();
        self.events += 1;
        self.bytes += terms.to.len() + terms.mode.len();
        self.versions += u64::from(terms.version) + header.version.get();
    }
}

/// Fills a log: one stream an event and a thousand events an append.
async fn fill(log: &Log) {
    for start in (0..EVENTS).step_by(10_000) {
        let appends = (start..start + 10_000).step_by(1_000).map(|first| {
            let mut events = Vec::new();
            for number in first..first + 1_000 {
                events.extend(conditional(&stream(number), Version::ZERO).events);
            }
            let cause = conditional(&stream(0), Version::ZERO).cause;
            log.append(Append {
                cause,
                events,
                ..Append::default()
            })
        });
        for appended in join_all(appends).await {
            appended.unwrap();
        }
    }
}

/// Blocks of the log, decoded.
async fn blocks(log: &Log) -> Seen {
    let mut seen = Seen::default();
    let mut blocks = log.read_ahead(Position::ZERO, meguri_log::Filter::default());
    while let Some(block) = blocks.next().await {
        for event in &block.unwrap().events {
            seen.add(&event.header().unwrap().unwrap());
        }
    }
    seen
}

const HEADERS: &str = "select position, header from events order by position";

fn decode(header: &[u8], seen: &mut Seen) {
    seen.add(&serde_json::from_slice(header).unwrap());
}

/// Rows of SQLite one by one, decoded.
async fn sqlite_rows(pool: &SqlitePool) -> Seen {
    let (mut seen, mut rows) = (Seen::default(), sqlx::query(HEADERS).fetch(pool));
    while let Some(row) = rows.next().await {
        decode(row.unwrap().get(1), &mut seen);
    }
    seen
}

/// Rows of PostgreSQL, not decoded: the bytes alone.
async fn postgres_rows(pool: &PgPool) -> usize {
    let (mut bytes, mut rows) = (0, sqlx::query(HEADERS).fetch(pool));
    while let Some(row) = rows.next().await {
        bytes += row.unwrap().get::<&[u8], _>(1).len();
    }
    bytes
}

async fn sqlite() {
    let home = Home::new(Backend::Sqlite);
    let log = home.open().await;
    fill(&log).await;
    let Location::Sqlite { log: path, .. } = home.options(Arc::clone(log.clock())).location else {
        return;
    };
    let pool = SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    let (mut ours, mut raw, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (expected, taken) = timed(sqlite_rows(&pool)).await;
        raw.push(rate(EVENTS, taken));
        peak_memory_mib();
        let (seen, taken) = timed(blocks(&log)).await;
        ours.push(rate(EVENTS, taken));
        memory = memory.max(peak_memory_mib());
        assert_eq!(seen, expected);
    }
    report(
        "SQLite",
        "row by row, decoded",
        median(ours),
        median(raw),
        memory,
    );
}

async fn postgres() {
    let home = Home::new(Backend::Postgres);
    let log = home.open().await;
    fill(&log).await;
    let Location::Postgres { log: url, .. } = home.options(Arc::clone(log.clock())).location else {
        return;
    };
    let pool = PgPool::connect(&url).await.unwrap();
    sqlx::query("vacuum analyze events")
        .execute(&pool)
        .await
        .unwrap();
    let (mut ours, mut raw, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (bytes, taken) = timed(postgres_rows(&pool)).await;
        assert!(bytes > EVENTS * 100);
        raw.push(rate(EVENTS, taken));
        peak_memory_mib();
        let (seen, taken) = timed(blocks(&log)).await;
        ours.push(rate(EVENTS, taken));
        memory = memory.max(peak_memory_mib());
        assert_eq!(seen.events, EVENTS);
    }
    report(
        "PostgreSQL",
        "plain fetch of bytea",
        median(ours),
        median(raw),
        memory,
    );
}

fn report(backend: &str, raw_name: &str, ours: f64, raw: f64, memory: f64) {
    println!("{backend}, {EVENTS} events, median of {ROUNDS}");
    println!("  {raw_name:<24} {raw:>9.0} events/s");
    println!(
        "  log in blocks, decoded   {ours:>9.0} events/s   {:.2} times",
        ours / raw
    );
    println!("  peak memory of the read  {memory:>9.0} MiB");
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().collect();
    let wants = |name: &str| {
        let named = |other: &&str| wanted.iter().any(|argument| argument == other);
        named(&name) || !["sqlite", "postgres"].iter().any(|other| named(other))
    };
    if wants("sqlite") {
        sqlite().await;
    }
    if wants("postgres") {
        postgres().await;
    }
}
