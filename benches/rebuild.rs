//! Rebuilding views from a community of a million events, beside row-by-row replay, and beside the
//! limits of reading the log and of writing the same rows.
//!
//! `cargo bench -p meguri-benches --bench rebuild -- [sqlite] [postgres] [events [weeks]]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use indicatif::ProgressBar;
use meguri::{command_line::DemoArgs, demo};
use meguri_benches::{median, peak_memory_mib, rate, timed};
use meguri_engine::{ViewSettings, Views};
use meguri_events::{Event, Opened};
use meguri_log::{Filter, Kek, Location, Log, LogOptions, Position, SystemClock};
use meguri_test_logs::{Backend, Home};
use sqlx::{
    Connection as _, PgPool, Row as _, SqliteConnection, SqlitePool, sqlite::SqliteConnectOptions,
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const EVENTS: u64 = 1_000_000;
/// The past weeks of a million events: a community that goes on as it is has a longer past.
const WEEKS_A_MILLION: u64 = 8;
/// Events of an exchange of the demo, about.
const EVENTS_AN_EXCHANGE: u64 = 13;
/// Events that row-by-row replay is measured with: all of them would take minutes.
const REPLAYED: i64 = 100_000;

const FOLDING: [&str; 3] = ["board", "profiles", "thanks"];
/// The views that are rows alone; how fast search is built is measured by `--bench search`.
const ROWS_ALONE: [&str; 5] = ["board", "profiles", "thanks", "rooms", "history"];

/// Builds views from nothing, as a node does that has lost its folder; answers events a second.
async fn build(log: &Log, views: &str, names: &[String]) -> f64 {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let settings = ViewSettings {
        views: meguri_views::all().only(&names),
        ..meguri_views::settings()
    };
    let head = log.head().await.unwrap().position;
    let (views, taken) = timed(async {
        let opening = Box::pin(Views::open(log.clone(), views.into(), settings));
        let views = opening.await.unwrap();
        let patience = Duration::from_hours(1);
        views.wait_for_all(head, patience).await.unwrap();
        views
    })
    .await;
    views.close().await;
    per_second(head, taken)
}

#[expect(clippy::cast_possible_truncation, reason = "a bench has fewer events")]
fn per_second(events: Position, taken: Duration) -> f64 {
    rate(events.get() as usize, taken)
}

/// Reads the log and does nothing with it.
async fn read(log: &Log) -> f64 {
    let (last, taken) = timed(async {
        let (mut blocks, mut last) = (log.read_ahead(Position::ZERO, Filter::default()), None);
        while let Some(block) = blocks.next().await {
            last = Some(block.unwrap().up_to);
        }
        last.unwrap()
    })
    .await;
    per_second(last, taken)
}

/// Copies the rows of views that were built into new files, with their indexes, as fast as SQLite
/// can: `insert … select`, without journal and without waiting for the disk.
async fn copy(views: &Path, names: &[&str], events: Position) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let copies = names.iter().map(|name| {
        let view = std::fs::read_dir(views.join(name)).unwrap();
        let view = view.map(|entry| entry.unwrap().path().join("view.db"));
        let from = view.into_iter().find(|path| path.exists()).unwrap();
        copy_file(from, folder.path().join(name))
    });
    let (_, taken) = timed(futures::future::join_all(copies)).await;
    per_second(events, taken)
}

async fn copy_file(from: PathBuf, to: PathBuf) {
    let options = SqliteConnectOptions::new()
        .filename(to)
        .create_if_missing(true);
    let mut copy = SqliteConnection::connect_with(&options).await.unwrap();
    let fast = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -24576";
    sqlx::raw_sql(fast).execute(&mut copy).await.unwrap();
    let attach = format!("attach '{}' as built", from.display());
    run(&mut copy, attach).await;
    let things = "select type, name, sql from built.sqlite_schema where sql is not null
        order by type desc, rowid";
    let things = sqlx::query(things).fetch_all(&mut copy).await.unwrap();
    run(&mut copy, "begin".to_owned()).await;
    for thing in things {
        let (kind, name): (String, String) = (thing.get(0), thing.get(1));
        run(&mut copy, thing.get(2)).await;
        if kind == "table" {
            run(
                &mut copy,
                format!("insert into main.{name} select * from built.{name}"),
            )
            .await;
        }
    }
    run(&mut copy, "commit".to_owned()).await;
}

async fn run(connection: &mut SqliteConnection, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

/// What most would write first: row after row out of the database, each decoded and each written
/// with a statement of its own, a thousand to a transaction; into the one table of `history`.
async fn replay(rows: impl futures::Stream<Item = (i64, Vec<u8>)>) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("history"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let table = "create table event (position integer primary key, stream text, version integer,
        type text, at text, actor text, data text)";
    run(&mut file, table.to_owned()).await;
    let (count, taken) = timed(async {
        let (mut count, mut rows) = (0_usize, std::pin::pin!(rows));
        while let Some((position, header)) = rows.next().await {
            if count.is_multiple_of(1_000) {
                let turn = if count == 0 { "begin" } else { "commit; begin" };
                run(&mut file, turn.to_owned()).await;
            }
            write_one(&mut file, position, &header).await;
            count += 1;
        }
        run(&mut file, "commit".to_owned()).await;
        count
    })
    .await;
    rate(count, taken)
}

async fn write_one(file: &mut SqliteConnection, position: i64, header: &[u8]) {
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
    let schema = u32::try_from(header["schema"].as_u64().unwrap()).unwrap();
    let sections = header["sealed"].as_array().into_iter().flatten();
    let sections: Vec<_> = sections
        .map(|section| (section["section"].as_str().unwrap(), Opened::Erased))
        .collect();
    let data = header["data"].to_string();
    Event::decode(&text("type"), schema, &data, &sections).unwrap();
    sqlx::query("insert into event values (?, ?, ?, ?, ?, ?, ?)")
        .bind(position)
        .bind(text("stream"))
        .bind(header["version"].as_i64())
        .bind(text("type"))
        .bind(text("at"))
        .bind(text("actor"))
        .bind(data)
        .execute(file)
        .await
        .unwrap();
}

const ROWS: &str = "select position, header from events where position <= $1 order by position";

async fn replayed(location: &Location) -> f64 {
    match location {
        Location::Sqlite { log, .. } => {
            let url = format!("sqlite:{}", log.display());
            let pool = SqlitePool::connect(&url).await.unwrap();
            let rows = sqlx::query(ROWS).bind(REPLAYED).fetch(&pool);
            replay(rows.map(|row| row.map(|row| (row.get(0), row.get(1))).unwrap())).await
        }
        Location::Postgres { log, .. } => {
            let pool = PgPool::connect(log).await.unwrap();
            let rows = sqlx::query(ROWS).bind(REPLAYED).fetch(&pool);
            replay(rows.map(|row| row.map(|row| (row.get(0), row.get(1))).unwrap())).await
        }
    }
}

/// Does one thing in a process of its own, so that none of it is left in the memory of another.
fn alone(what: &str, home: &Home, rest: &[&str]) -> String {
    let (log, vault) = match &home.options(Arc::new(SystemClock)).location {
        Location::Sqlite { log, vault } => (log.into(), vault.into()),
        Location::Postgres { log, vault } => (OsString::from(log), OsString::from(vault)),
    };
    let folder = home.folder().as_os_str();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([OsStr::new(what), &log, &vault, folder])
        .args(rest)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Builds views in a process of its own; answers events a second, and the peak of memory in MiB.
fn built(home: &Home, views: &Path, names: &[&str]) -> (f64, f64) {
    let told = alone(
        "--build",
        home,
        &[&[views.to_str().unwrap()], names].concat(),
    );
    let mut figures = told
        .split_whitespace()
        .map(|figure| figure.parse().unwrap());
    (figures.next().unwrap(), figures.next().unwrap())
}

fn options(log: &str, vault: &str, folder: &str) -> LogOptions {
    let location = if log.starts_with("postgres") {
        Location::Postgres {
            log: log.to_owned(),
            vault: vault.to_owned(),
        }
    } else {
        Location::Sqlite {
            log: log.into(),
            vault: vault.into(),
        }
    };
    LogOptions::new(location, Kek::File(Path::new(folder).join("vault.kek")))
}

async fn fill(options: LogOptions, events: u64, weeks: u64) {
    let clock = demo::StoryClock::default();
    let options = LogOptions {
        clock: Arc::new(clock.clone()),
        ..options
    };
    let log = Log::open(&options).await.unwrap();
    let exchanges = events / EVENTS_AN_EXCHANGE;
    let story = DemoArgs {
        members: (exchanges / 8).max(50),
        exchanges,
        weeks,
        seed: 1,
        passwords: false,
    };
    let hidden = ProgressBar::hidden();
    demo::fill(&log, &clock, &story, &hidden).await.unwrap();
    log.close().await;
}

/// One build of what was filled before: events a second, and the peak of memory in MiB.
async fn build_once(options: LogOptions, views: &str, names: &[String]) {
    let log = Log::open(&options).await.unwrap();
    println!("{:.0}", build(&log, views, names).await);
    println!("{:.0}", peak_memory_mib());
    log.close().await;
}

async fn measure(backend: Backend, events: u64, weeks: u64) {
    let home = Home::new(backend);
    alone("--fill", &home, &[&events.to_string(), &weeks.to_string()]);
    let options = home.options(Arc::new(SystemClock));
    let log = Log::open(&options).await.unwrap();
    let head = log.head().await.unwrap().position;
    let (mut three, mut five, mut reading, mut writing) = (vec![], vec![], vec![], vec![]);
    let (mut memory, mut replaying) = (0.0_f64, vec![]);
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let (rate, _) = built(&home, &folder.path().join("three"), &FOLDING);
        three.push(rate);
        let views = folder.path().join("five");
        let (rate, peak) = built(&home, &views, &ROWS_ALONE);
        five.push(rate);
        memory = memory.max(peak);
        reading.push(read(&log).await);
        writing.push(copy(&views, &ROWS_ALONE, head).await);
        replaying.push(replayed(&options.location).await);
    }
    log.close().await;
    println!("{backend:?}, {head} events of {weeks} weeks, median of {ROUNDS}, in events/s");
    println!(
        "  row-by-row replay into one table  {:>9.0}",
        median(replaying)
    );
    println!("  board, profiles and thanks        {:>9.0}", median(three));
    println!("  all five                          {:>9.0}", median(five));
    println!(
        "  limit: reading alone              {:>9.0}",
        median(reading)
    );
    println!(
        "  limit: writing the five's rows    {:>9.0}",
        median(writing)
    );
    println!("  peak memory of building all five  {memory:>9.0} MiB");
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [command, log, vault, folder, rest @ ..] = &wanted[..] {
        let options = options(log, vault, folder);
        match (command.as_str(), rest) {
            ("--fill", [events, weeks]) => {
                return fill(options, events.parse().unwrap(), weeks.parse().unwrap()).await;
            }
            ("--build", [views, names @ ..]) => return build_once(options, views, names).await,
            _ => {}
        }
    }
    let mut numbers = wanted.iter().filter_map(|argument| argument.parse().ok());
    let events = numbers.next().unwrap_or(EVENTS);
    let weeks = numbers
        .next()
        .unwrap_or((events * WEEKS_A_MILLION / EVENTS).max(WEEKS_A_MILLION));
    let named = |name: &str| wanted.iter().any(|argument| argument == name);
    let wants = |name| named(name) || !(named("sqlite") || named("postgres"));
    for (name, backend) in [("sqlite", Backend::Sqlite), ("postgres", Backend::Postgres)] {
        if wants(name) {
            measure(backend, events, weeks).await;
        }
    }
}
