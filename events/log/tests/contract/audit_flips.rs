//! Any byte of any stored column that is changed is named by an audit, at 500 places.

use std::fmt::Write as _;

use meguri_log::{Finding, FindingKind, Place, Position};
use meguri_test_logs::{Backend, Home, on_both_backends};
use sqlx::AssertSqlSafe;

use super::{
    append,
    audit::{audit, erase_and_redact, two_people_write},
    audit_requests::request,
    event,
    immutability::Database,
    publish_refusals::unguarded,
};

on_both_backends!(
    a_changed_byte_of_any_column_is_named,
    a_changed_byte_of_any_column_is_named_after_an_erasure_and_a_redaction,
    a_changed_byte_of_what_is_remembered_of_a_request_is_named,
);

/// How many places are tried in each of both tests and on each backend: 500 on each.
const PLACES: usize = 250;

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
}
use Kind::{Bytes, Number, Text};

/// Table, its key, a column, and how it is stored. What is remembered of requests has no number for
/// a key, and a test of its own.
const COLUMNS: [(&str, &str, &str, Kind); 19] = [
    ("events", "position", "position", Number),
    ("events", "position", "stream", Text),
    ("events", "position", "version", Number),
    ("events", "position", "type", Text),
    ("events", "position", "header", Bytes),
    ("events", "position", "blind", Bytes),
    ("events", "position", "entry", Bytes),
    ("events", "position", "sealed", Bytes),
    ("log_head", "position", "position", Number),
    ("log_head", "position", "tail", Bytes),
    ("log_head", "position", "at", Number),
    ("tiles", "number", "level", Number),
    ("tiles", "number", "number", Number),
    ("tiles", "number", "hashes", Bytes),
    ("tiles", "number", "root", Bytes),
    ("checkpoints", "size", "size", Number),
    ("checkpoints", "size", "root", Bytes),
    ("checkpoints", "size", "note", Text),
    // There is one row.
    ("signing_key", "1", "verifier", Text),
];

/// The same places in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

impl Database {
    /// The keys of the rows that have something in this column.
    async fn keys(&self, table: &str, key: &str, column: &str) -> Vec<i64> {
        let sql = format!(
            "select cast({key} as bigint) as key from {table} where {column} is not null \
             order by key"
        );
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
        }
        .unwrap()
    }

    /// One value as bytes; a number as its eight.
    async fn value(&self, table: &str, key: &str, row: i64, column: &str, kind: Kind) -> Vec<u8> {
        let read = match (self, kind) {
            (Self::Sqlite(_), Text | Bytes) => format!("cast({column} as blob)"),
            (Self::Postgres(_), Text) => format!("convert_to({column}, 'UTF8')"),
            (Self::Postgres(_), Number) => format!("{column}::bigint"),
            _ => column.to_owned(),
        };
        let sql = AssertSqlSafe(format!("select {read} from {table} where {key} = {row}"));
        match (self, kind) {
            (Self::Sqlite(pool), Number) => {
                let number: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
                number.to_be_bytes().to_vec()
            }
            (Self::Sqlite(pool), _) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            (Self::Postgres(pool), Number) => {
                let number: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
                number.to_be_bytes().to_vec()
            }
            (Self::Postgres(pool), _) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// A value as a literal of this database.
    fn literal(&self, kind: Kind, value: &[u8]) -> String {
        let mut hex = String::new();
        for byte in value {
            write!(hex, "{byte:02x}").unwrap();
        }
        match (self, kind) {
            (_, Number) => i64::from_be_bytes(value.try_into().unwrap()).to_string(),
            (Self::Sqlite(_), Text) => format!("cast(x'{hex}' as text)"),
            (Self::Sqlite(_), Bytes) => format!("x'{hex}'"),
            (Self::Postgres(_), Text) => format!("convert_from('\\x{hex}', 'UTF8')"),
            (Self::Postgres(_), Bytes) => format!("'\\x{hex}'::bytea"),
        }
    }
}

/// Whether a finding points to what was changed there.
fn names(finding: &Finding, table: &str, row: i64) -> bool {
    let row = u64::try_from(row).unwrap();
    match (table, finding.place) {
        ("events", Place::Event(position)) => position.get() == row,
        ("events", Place::Events(first, last)) => first.get() <= row && row <= last.get(),
        ("tiles", Place::Event(position)) => position <= Position::new(256),
        // An end that moved contradicts the events, or what was published.
        (table, place) => matches!(
            (table, place),
            ("tiles", Place::Tile(..))
                | ("checkpoints", Place::Checkpoint(_))
                | (
                    "log_head",
                    Place::Head | Place::Events(..) | Place::Checkpoint(_)
                )
                // It is no key, or another than that which signed.
                | ("signing_key", Place::Head | Place::Checkpoint(_))
        ),
    }
}

async fn flip_everywhere(home: &Home, backend: Backend) {
    let log = home.open().await;
    let database = unguarded(home, backend).await;
    assert_eq!(audit(home, &log).await.1, [], "sound before");
    let (mut dice, mut stored) = (Dice(7), 0);
    for place in 0..PLACES {
        let (table, key, column, kind) = COLUMNS[place % COLUMNS.len()];
        let keys = database.keys(table, key, column).await;
        let row = keys[dice.below(keys.len())];
        let value = database.value(table, key, row, column, kind).await;
        let mut changed = value.clone();
        let byte = dice.below(value.len());
        // A low bit, so that a text stays a text that PostgreSQL takes.
        changed[byte] ^= 1;
        let set = |key_is: &str, value: &[u8]| {
            let literal = database.literal(kind, value);
            format!("update {table} set {column} = {literal} where {key_is}")
        };
        let here = format!("{key} = {row}");
        // Where it cannot be stored at all, nobody has changed it.
        let Ok(1) = database.run(&set(&here, &changed)).await else {
            continue;
        };
        stored += 1;
        let (_, findings) = audit(home, &log).await;
        let named = findings.iter().any(|finding| names(finding, table, row));
        assert!(
            named,
            "{table}.{column} of {row}, byte {byte}: {findings:?}"
        );
        let there = if key == column {
            format!("{key} = {}", database.literal(kind, &changed))
        } else {
            here
        };
        assert_eq!(database.run(&set(&there, &value)).await, Ok(1));
    }
    assert!(stored * 10 > PLACES * 9, "{stored} were stored");
    assert_eq!(audit(home, &log).await.1, [], "sound after");
}

async fn a_changed_byte_of_any_column_is_named(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    log.close().await;
    flip_everywhere(&home, backend).await;
}

async fn a_changed_byte_of_any_column_is_named_after_an_erasure_and_a_redaction(backend: Backend) {
    let home = Home::new(backend);
    erase_and_redact(&home, backend).await;
    flip_everywhere(&home, backend).await;
}

async fn a_changed_byte_of_what_is_remembered_of_a_request_is_named(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("b-1", "Made")])).await.unwrap();
    log.append(request(0)).await.unwrap();
    let database = Database::of(&home).await;
    let table = "request_keys";
    for (column, kind) in [
        ("key", Bytes),
        ("request", Bytes),
        ("outcome", Text),
        ("expires_at", Number),
    ] {
        // There is one row.
        let value = database.value(table, "1", 1, column, kind).await;
        let set = |value: &[u8]| {
            let literal = database.literal(kind, value);
            format!("update {table} set {column} = {literal}")
        };
        for byte in 0..value.len() {
            let mut changed = value.clone();
            changed[byte] ^= 1;
            assert_eq!(database.run(&set(&changed)).await, Ok(1));
            let (_, findings) = audit(&home, &log).await;
            let kinds: Vec<_> = findings.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [FindingKind::Outcome], "{column}, byte {byte}");
        }
        assert_eq!(database.run(&set(&value)).await, Ok(1));
    }
    assert_eq!(audit(&home, &log).await.1, [], "sound after");
}

/// Header, blind and entry of an event.
pub(super) async fn bytes_of(home: &Home, position: i64) -> [Vec<u8>; 3] {
    let database = Database::of(home).await;
    let [mut header, mut blind, mut entry] = [vec![], vec![], vec![]];
    for (column, value) in [
        ("header", &mut header),
        ("blind", &mut blind),
        ("entry", &mut entry),
    ] {
        *value = database
            .value("events", "position", position, column, Bytes)
            .await;
    }
    [header, blind, entry]
}

/// Puts these in place of those of an event.
pub(super) async fn put(database: &Database, position: i64, bytes: &[Vec<u8>; 3]) {
    let [header, blind, entry] = bytes;
    let literal = |value: &[u8]| database.literal(Bytes, value);
    let set = format!(
        "update events set header = {}, blind = {}, entry = {} where position = {position}",
        literal(header),
        literal(blind),
        literal(entry)
    );
    assert_eq!(database.run(&set).await, Ok(1));
}
