//! Bulk reads of a million events with typed decode, beside what the database gives without the
//! log.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::Command,
    sync::Arc,
};

use futures::{StreamExt, future::join_all};
use meguri_benches::{conditional, median, peak_memory_mib, rate, stream, timed};
use meguri_log::{Append, Kek, Location, Log, LogOptions, Position, Version};
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
        let terms: Terms<'_> = serde_json::from_str(header.data).unwrap();
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

/// The same columns as a block holds.
const ROWS: &str = "select position, type, entry, header, sealed from events order by position";

/// A header as one would declare it.
#[derive(Deserialize)]
struct PlainHeader<'a> {
    #[expect(dead_code, reason = "decoded, as a reader of whole events would")]
    id: uuid::Uuid,
    stream: &'a str,
    version: u64,
    r#type: &'a str,
    schema: u32,
    at: meguri_log::Timestamp,
    actor: &'a str,
    data: Terms<'a>,
}

/// One event of a row, owned as it has to be to leave the row.
struct PlainEvent {
    position: i64,
    event_type: String,
    entry: Vec<u8>,
    header: Vec<u8>,
    sealed: Option<Vec<u8>>,
}

fn decode(event: &PlainEvent, seen: &mut Seen) {
    let header: PlainHeader<'_> = serde_json::from_slice(&event.header).unwrap();
    assert!(event.position > 0 && event.entry.len() == 33 && event.sealed.is_none());
    assert!(event.event_type == header.r#type && header.schema == 1);
    assert!(!header.stream.is_empty() && !header.actor.is_empty() && header.at.micros() > 0);
    seen.events += 1;
    seen.bytes += header.data.to.len() + header.data.mode.len();
    seen.versions += u64::from(header.data.version) + header.version;
}

impl PlainEvent {
    fn of<'r, R: Row>(row: &'r R) -> Self
    where
        usize: sqlx::ColumnIndex<R>,
        i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    {
        Self {
            position: row.get(0),
            event_type: row.get(1),
            entry: row.get(2),
            header: row.get(3),
            sealed: row.get(4),
        }
    }
}

/// Rows of SQLite one by one, decoded.
async fn sqlite_rows(pool: &SqlitePool) -> Seen {
    let (mut seen, mut rows) = (Seen::default(), sqlx::query(ROWS).fetch(pool));
    while let Some(row) = rows.next().await {
        decode(&PlainEvent::of(&row.unwrap()), &mut seen);
    }
    seen
}

/// Rows of PostgreSQL as events that can be kept, not decoded.
async fn postgres_rows(pool: &PgPool) -> usize {
    let (mut bytes, mut rows) = (0, sqlx::query(ROWS).fetch(pool));
    while let Some(row) = rows.next().await {
        bytes += std::hint::black_box(PlainEvent::of(&row.unwrap()))
            .header
            .len();
    }
    bytes
}

/// Rows of PostgreSQL, looked at where sqlx has them and dropped: less than any reader can do with.
async fn postgres_glances(pool: &PgPool) -> usize {
    let (mut bytes, mut rows) = (0, sqlx::query(ROWS).fetch(pool));
    while let Some(row) = rows.next().await {
        bytes += row.unwrap().get::<&[u8], _>(3).len();
    }
    bytes
}

/// Fills a log in a process of its own, so that none of it is left in the memory of this one.
fn filled(backend: Backend) -> (Home, LogOptions) {
    let home = Home::new(backend);
    let options = home.options(Arc::new(meguri_log::SystemClock));
    let (log, vault) = match &options.location {
        Location::Sqlite { log, vault } => (log.into(), vault.into()),
        Location::Postgres { log, vault } => (OsString::from(log), OsString::from(vault)),
    };
    let status = Command::new(std::env::current_exe().unwrap())
        .args([
            OsStr::new("--fill"),
            &log,
            &vault,
            home.folder().as_os_str(),
        ])
        .status();
    assert!(status.unwrap().success());
    (home, options)
}

/// What `--fill` does.
async fn fill_at(log: String, vault: String, folder: PathBuf) {
    let location = if log.starts_with("postgres") {
        Location::Postgres { log, vault }
    } else {
        Location::Sqlite {
            log: log.into(),
            vault: vault.into(),
        }
    };
    let kek = Kek::File(folder.join("vault.kek"));
    let log = Log::open(&LogOptions::new(location, kek)).await.unwrap();
    fill(&log).await;
    log.close().await;
}

async fn sqlite() {
    let (_home, options) = filled(Backend::Sqlite);
    let log = Log::open(&options).await.unwrap();
    let Location::Sqlite { log: path, .. } = options.location else {
        return;
    };
    let pool = SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    let (mut ours, mut raw, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        peak_memory_mib();
        let (seen, taken) = timed(blocks(&log)).await;
        ours.push(rate(EVENTS, taken));
        memory = memory.max(peak_memory_mib());
        let (expected, taken) = timed(sqlite_rows(&pool)).await;
        raw.push(rate(EVENTS, taken));
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
    let (_home, options) = filled(Backend::Postgres);
    let log = Log::open(&options).await.unwrap();
    let Location::Postgres { log: url, .. } = options.location else {
        return;
    };
    let pool = PgPool::connect(&url).await.unwrap();
    sqlx::query("vacuum analyze events")
        .execute(&pool)
        .await
        .unwrap();
    let (mut ours, mut raw, mut glances) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = 0.0_f64;
    for _ in 0..ROUNDS {
        peak_memory_mib();
        let (seen, taken) = timed(blocks(&log)).await;
        ours.push(rate(EVENTS, taken));
        memory = memory.max(peak_memory_mib());
        assert_eq!(seen.events, EVENTS);
        let (bytes, taken) = timed(postgres_rows(&pool)).await;
        raw.push(rate(EVENTS, taken));
        let (also, taken) = timed(postgres_glances(&pool)).await;
        glances.push(rate(EVENTS, taken));
        assert_eq!(bytes, also);
    }
    let ours = median(ours);
    report("PostgreSQL", "plain fetch, kept", ours, median(raw), memory);
    let glances = median(glances);
    println!(
        "  plain fetch, not kept    {glances:>9.0} events/s   {:.2} times",
        ours / glances
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
    if let [_, fill, log, vault, folder] = &wanted[..]
        && fill == "--fill"
    {
        return fill_at(log.clone(), vault.clone(), folder.into()).await;
    }
    let named = |name: &str| wanted.iter().any(|argument| argument == name);
    let wants = |name| named(name) || !(named("sqlite") || named("postgres"));
    if wants("sqlite") {
        sqlite().await;
    }
    if wants("postgres") {
        postgres().await;
    }
}
