//! Conditional appends beside raw inserts of the same rows into the same tables, in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use meguri_benches::{Numbers, STREAMS, conditional, median, rate, stream, timed};
use meguri_log::{
    Kek, Location, Log, LogOptions, PublishOptions, Publisher, SigningKey, Version, Witnesses,
};
use meguri_postgres_cluster::Cluster;
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

const ROUNDS: usize = 5;
const A_ROUND: Duration = Duration::from_secs(3);
const IN_FLIGHT: usize = 256;

/// Streams of a writer, and the versions they have.
type Own = Vec<(meguri_log::StreamName, Version)>;

fn owned(writers: usize) -> Vec<Own> {
    let mut all: Vec<Own> = vec![Vec::new(); writers];
    for number in 0..STREAMS {
        all[number % writers].push((stream(number), Version::ZERO));
    }
    all
}

/// One writer with streams of its own, which no other writer touches.
fn alone() -> Vec<Own> {
    let mut one = owned(1);
    for (stream, _) in &mut one[0] {
        let name = stream.as_str().replace("exchange-", "alone-");
        *stream = name.parse().unwrap();
    }
    one
}

/// Appends for a while with this many in flight; answers the rate.
async fn append(log: &Log, all: &mut [Own]) -> f64 {
    let until = Instant::now() + A_ROUND;
    let (counts, taken) = timed(async {
        let tasks: Vec<_> = all
            .iter_mut()
            .enumerate()
            .map(|(writer, own)| {
                let (log, mut own) = (log.clone(), std::mem::take(own));
                tokio::spawn(async move {
                    let (mut numbers, mut count) = (Numbers::new(writer as u64 + 1), 0);
                    while Instant::now() < until {
                        let index = numbers.below(own.len());
                        let (stream, version) = &mut own[index];
                        log.append(conditional(stream, *version)).await.unwrap();
                        *version = version.next();
                        count += 1;
                    }
                    (own, count)
                })
            })
            .collect();
        let mut total = 0;
        for (task, own) in tasks.into_iter().zip(all) {
            let (back, count) = task.await.unwrap();
            *own = back;
            total += count;
        }
        total
    })
    .await;
    rate(counts, taken)
}

/// The columns of an event as the log would write them.
struct Row {
    stream: String,
    header: Vec<u8>,
}

/// The same while the log is published, as far as it has come before.
async fn publishing(log: &Log, all: &mut [Own], folder: &Path) -> f64 {
    let options = PublishOptions {
        key: SigningKey::File(folder.join("log.key")),
        origin: None,
        interval: Duration::from_secs(1),
        outside: folder.join("checkpoint"),
        elsewhere: Vec::new(),
        keepers: Vec::new(),
        place: folder.join("log.place"),
        last_signed: None,
        witnesses: Witnesses::default(),
    };
    let publisher = Publisher::start(log.clone(), options).await.unwrap();
    let head = log.head().await.unwrap().position.get();
    let mut watch = publisher.watch();
    let level = |latest: &Arc<meguri_log::SignedCheckpoint>| latest.tree.size >= head;
    let reached = watch.wait_for(|now| now.latest.as_ref().is_some_and(level));
    drop(reached.await.unwrap());
    let rate = append(log, all).await;
    publisher.close().await;
    rate
}

fn row(number: i64, numbers: &mut Numbers) -> Row {
    let stream = stream(numbers.below(STREAMS));
    let id = uuid::Uuid::now_v7();
    let open = format!(r#"{{"id":"{id}","stream":"{stream}","version":{number},"#);
    let header = open + HEADER_END;
    Row {
        stream: stream.to_string(),
        header: header.into_bytes(),
    }
}

/// What follows the version in a header of about 300 bytes.
const HEADER_END: &str = concat!(
    r#""type":"TermsProposed","schema":1,"at":"2026-11-21T07:02:03.123456Z","#,
    r#""actor":"member-0192f0c0","data":{"to":"member-0192f0c0-0000-7000-8000-000000000000","#,
    r#""mode":"online","version":3}}"#
);
const BLIND: [u8; 32] = [7; 32];
const ENTRY: [u8; 33] = [1; 33];

/// Raw `UNNEST` batches of 100 into the log's own table, on one connection.
async fn raw_unnest(pool: &PgPool, next: &mut i64) -> f64 {
    let mut connection = pool.acquire().await.unwrap();
    let (mut numbers, until, mut count) = (Numbers::new(99), Instant::now() + A_ROUND, 0);
    let ((), taken) = timed(async {
        while Instant::now() < until {
            let rows: Vec<Row> = (0..100).map(|n| row(*next + n, &mut numbers)).collect();
            let positions: Vec<i64> = (*next..*next + 100).collect();
            sqlx::query(
                "insert into events \
                 (position, stream, version, type, header, blind, entry, sealed) \
                 select * from unnest($1::bigint[], $2::text[], $1::bigint[], $3::text[], \
                 $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])",
            )
            .bind(positions)
            .bind(
                rows.iter()
                    .map(|row| row.stream.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(vec!["TermsProposed"; 100])
            .bind(
                rows.iter()
                    .map(|row| row.header.as_slice())
                    .collect::<Vec<_>>(),
            )
            .bind(vec![BLIND.as_slice(); 100])
            .bind(vec![ENTRY.as_slice(); 100])
            .bind(vec![None::<&[u8]>; 100])
            .execute(&mut *connection)
            .await
            .unwrap();
            *next += 100;
            count += 100;
        }
    })
    .await;
    rate(count, taken)
}

async fn raw_insert(pool: &PgPool, number: i64, numbers: &mut Numbers) {
    let row = row(number, numbers);
    sqlx::query("insert into events values ($1, $2, $1, 'TermsProposed', $3, $4, $5, null)")
        .bind(number)
        .bind(row.stream)
        .bind(row.header)
        .bind(BLIND.as_slice())
        .bind(ENTRY.as_slice())
        .execute(pool)
        .await
        .unwrap();
}

/// Raw inserts of single rows, each a transaction, with 32 connections.
async fn raw_single(pool: &PgPool, first: i64) -> f64 {
    let until = Instant::now() + A_ROUND;
    let (counts, taken) = timed(futures::future::join_all((0..32).map(|writer| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut numbers = Numbers::new(writer);
            let (mut number, mut count) = (first + i64::try_from(writer).unwrap() * 1_000_000, 0);
            while Instant::now() < until {
                raw_insert(&pool, number, &mut numbers).await;
                number += 1;
                count += 1;
            }
            count
        })
    })))
    .await;
    rate(counts.into_iter().map(Result::unwrap).sum(), taken)
}

/// A log on this cluster, and connections to the tables of another, filled without the log.
async fn on_postgres(cluster: &Cluster) -> (Log, PgPool) {
    let kek = std::env::temp_dir().join(format!("meguri-bench-{}.kek", std::process::id()));
    let open = async || {
        let [log, vault] = [(); 2].map(|()| cluster.create_database().unwrap());
        let url = log.clone();
        let options = LogOptions::new(Location::Postgres { log, vault }, Kek::File(kek.clone()));
        let log = Log::open(&options).await.unwrap();
        std::fs::remove_file(&kek).unwrap();
        (log, url)
    };
    let (log, _) = open().await;
    let (beside, url) = open().await;
    beside.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(32)
        .test_before_acquire(false);
    (log, pool.connect(&url).await.unwrap())
}

async fn postgres() {
    let cluster = Cluster::start().unwrap();
    let (log, raw) = on_postgres(&cluster).await;
    let (mut next, mut all, mut one) = (1, owned(IN_FLIGHT), alone());
    append(&log, &mut all).await;
    let folder = tempfile::tempdir().unwrap();
    let mut figures: [Vec<f64>; 6] = Default::default();
    for round in 0..ROUNDS {
        figures[0].push(append(&log, &mut all).await);
        figures[5].push(publishing(&log, &mut all, folder.path()).await);
        figures[1].push(raw_unnest(&raw, &mut next).await);
        let first = 1_000_000_000 * (i64::try_from(round).unwrap() + 1);
        figures[2].push(raw_single(&raw, first).await);
        figures[3].push(append(&log, &mut one).await);
        figures[4].push(raw_alone(&raw, first + 500_000_000).await);
    }
    let [ours, unnest, single, alone, raw_alone, published] = figures.map(median);
    println!("PostgreSQL, median of {ROUNDS} rounds of {A_ROUND:?}");
    report("raw UNNEST of 100, 1 connection", unnest, "events/s");
    report("raw INSERT, 32 connections", single, "events/s");
    report(&format!("log, {IN_FLIGHT} in flight"), ours, "events/s");
    report("    of raw UNNEST", ours / unnest, "");
    report("    of raw INSERT", ours / single, "");
    report_published(published, ours);
    report_alone(raw_alone, alone);
}

async fn raw_alone(pool: &PgPool, first: i64) -> f64 {
    let (until, mut numbers, mut number) = (Instant::now() + A_ROUND, Numbers::new(5), first);
    let ((), taken) = timed(async {
        while Instant::now() < until {
            raw_insert(pool, number, &mut numbers).await;
            number += 1;
        }
    })
    .await;
    rate(usize::try_from(number - first).unwrap(), taken)
}

/// The log's own bulk statement with rows that are ready: a transaction of `batch` rows.
async fn raw_values(pool: &SqlitePool, next: &mut i64, batch: usize) -> f64 {
    let (mut numbers, until, mut count) = (Numbers::new(99), Instant::now() + A_ROUND, 0);
    let ((), taken) = timed(async {
        while Instant::now() < until {
            let mut transaction = pool.begin_with("begin immediate").await.unwrap();
            let mut left = batch;
            while left > 0 {
                let rows = left.min(100);
                let values = vec!["(?,?,?,?,?,?,?,?)"; rows].join(",");
                let statement = format!("insert into events values {values}");
                let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
                for _ in 0..rows {
                    let row = row(*next, &mut numbers);
                    query = query
                        .bind(*next)
                        .bind(row.stream)
                        .bind(*next)
                        .bind("TermsProposed")
                        .bind(row.header)
                        .bind(BLIND.as_slice())
                        .bind(ENTRY.as_slice())
                        .bind(None::<&[u8]>);
                    *next += 1;
                }
                query.execute(&mut *transaction).await.unwrap();
                left -= rows;
            }
            transaction.commit().await.unwrap();
            count += batch;
        }
    })
    .await;
    rate(count, taken)
}

async fn sqlite() {
    let homes = [(), ()].map(|()| meguri_test_logs::Home::new(meguri_test_logs::Backend::Sqlite));
    let log = homes[0].open().await;
    homes[1].open().await.close().await;
    let Location::Sqlite { log: path, .. } = homes[1].options(Arc::clone(log.clock())).location
    else {
        return;
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false);
    let raw = pool.connect_with(options).await.unwrap();
    let (mut next, mut all, mut one) = (1, owned(IN_FLIGHT), alone());
    append(&log, &mut all).await;
    let folder = tempfile::tempdir().unwrap();
    let mut figures: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        figures[0].push(append(&log, &mut all).await);
        figures[4].push(publishing(&log, &mut all, folder.path()).await);
        figures[1].push(raw_values(&raw, &mut next, IN_FLIGHT).await);
        figures[2].push(append(&log, &mut one).await);
        figures[3].push(raw_values(&raw, &mut next, 1).await);
    }
    let [ours, values, alone, raw_alone, published] = figures.map(median);
    println!("SQLite, synchronous=FULL, median of {ROUNDS} rounds of {A_ROUND:?}");
    report(
        &format!("raw VALUES, {IN_FLIGHT} rows a transaction"),
        values,
        "events/s",
    );
    report(&format!("log, {IN_FLIGHT} in flight"), ours, "events/s");
    report("    of raw VALUES", ours / values, "");
    report_published(published, ours);
    report_alone(raw_alone, alone);
}

/// Prints one figure: its name, its value, its unit.
fn report(name: &str, value: f64, unit: &str) {
    let decimals = if unit == "events/s" { 0 } else { 3 };
    println!("  {name:<36}{value:>9.decimals$} {unit}");
}

/// Prints how fast it is while the log is published.
fn report_published(published: f64, alone: f64) {
    report("log, while it is published", published, "events/s");
    report("    of the log by itself", published / alone, "");
}

/// Prints how long one writer alone waits, given commits a second.
fn report_alone(raw: f64, log: f64) {
    report("raw INSERT, alone", 1_000.0 / raw, "ms");
    report("log, alone", 1_000.0 / log, "ms");
    report("    of raw INSERT", raw / log, "");
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().collect();
    let named = |name: &str| wanted.iter().any(|argument| argument == name);
    let wants = |name| named(name) || !(named("sqlite") || named("postgres"));
    if wants("sqlite") {
        sqlite().await;
    }
    if wants("postgres") {
        postgres().await;
    }
}
