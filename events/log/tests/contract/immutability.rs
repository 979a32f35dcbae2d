//! The database itself refuses to change or delete an event; redaction empties three columns and no
//! more.

use std::{path::Path, sync::Arc};

use meguri_log::{Filter, Location, ManualClock, Position, SectionContent};
use meguri_test_logs::{Backend, Home, on_both_backends};
use sqlx::AssertSqlSafe;

use super::{append, event, sealed};

on_both_backends!(
    the_database_refuses_to_change_or_delete_an_event,
    a_redacted_event_keeps_its_place_and_entry,
    a_section_moved_to_another_event_does_not_open,
);

/// A database, as somebody who has got hold of it uses it.
pub(super) enum Database {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl Database {
    /// That of the log.
    pub(super) async fn of(home: &Home) -> Self {
        match home.options(Arc::new(ManualClock::default())).location {
            Location::Sqlite { log, .. } => Self::sqlite(&log).await,
            Location::Postgres { log, .. } => Self::postgres(&log).await,
        }
    }

    /// That of the vault.
    pub(super) async fn of_vault(home: &Home) -> Self {
        match home.options(Arc::new(ManualClock::default())).location {
            Location::Sqlite { vault, .. } => Self::sqlite(&vault).await,
            Location::Postgres { vault, .. } => Self::postgres(&vault).await,
        }
    }

    async fn sqlite(path: &Path) -> Self {
        let url = format!("sqlite:{}", path.display());
        Self::Sqlite(sqlx::SqlitePool::connect(&url).await.unwrap())
    }

    async fn postgres(url: &str) -> Self {
        Self::Postgres(sqlx::PgPool::connect(url).await.unwrap())
    }

    /// The tables of ours in it.
    pub(super) async fn tables(&self) -> Vec<String> {
        let mut tables = match self {
            Self::Sqlite(pool) => {
                let tables = "select name from sqlite_schema where type = 'table'";
                sqlx::query_scalar(tables).fetch_all(pool).await
            }
            Self::Postgres(pool) => {
                let tables = "select tablename::text from pg_tables where schemaname = 'public'";
                sqlx::query_scalar(tables).fetch_all(pool).await
            }
        }
        .unwrap();
        tables.retain(|table: &String| !table.starts_with('_') && !table.starts_with("sqlite_"));
        tables
    }

    pub(super) async fn run(&self, statement: &str) -> Result<u64, String> {
        let query = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(pool) => {
                let done = sqlx::query(query).execute(pool).await;
                done.map(|done| done.rows_affected())
                    .map_err(|error| error.to_string())
            }
            Self::Postgres(pool) => {
                let done = sqlx::query(query).execute(pool).await;
                done.map(|done| done.rows_affected())
                    .map_err(|error| error.to_string())
            }
        }
    }
}

async fn the_database_refuses_to_change_or_delete_an_event(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([sealed(event("a-1", "Thanked"), "member-1", "{}")]))
        .await
        .unwrap();
    let database = Database::of(&home).await;
    let mut attacks = vec![
        "delete from events",
        "update events set position = 2",
        "update events set stream = 'a-2'",
        "update events set version = 7",
        "update events set type = 'Refused'",
        "update events set entry = substr(entry, 1, 1)",
        "update events set entry = null",
        "update events set header = blind",
        "update events set blind = header",
        "update events set sealed = header",
    ];
    attacks.push(match backend {
        Backend::Sqlite => "insert or replace into events select * from events",
        Backend::Postgres => "truncate events",
    });
    for attack in attacks {
        let refused = database.run(attack).await.unwrap_err();
        assert!(refused.contains("append-only"), "{attack}: {refused}");
    }
    let read = log
        .read_all(Position::ZERO, &Filter::default(), 2)
        .await
        .unwrap()
        .events;
    assert_eq!((read.len(), read[0].event_type()), (1, "Thanked"));
}

async fn a_redacted_event_keeps_its_place_and_entry(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("a-1", "Made"), event("a-1", "Changed")]))
        .await
        .unwrap();
    let before = log
        .read_all(Position::ZERO, &Filter::default(), 2)
        .await
        .unwrap()
        .events;
    let redact = "update events set header = null, blind = null, sealed = null where position = 1";
    assert_eq!(Database::of(&home).await.run(redact).await, Ok(1));
    let after = log
        .read_all(Position::ZERO, &Filter::default(), 2)
        .await
        .unwrap()
        .events;
    assert_eq!(after.len(), 2);
    assert!(after[0].header_text().is_none() && after[0].header().is_none());
    assert_eq!((after[0].stream(), after[0].version().get()), ("a-1", 1));
    assert_eq!(
        (after[0].event_type(), after[0].entry()),
        ("Made", before[0].entry())
    );
    let opened = log.open_events(&after).await.unwrap().next().unwrap();
    assert!(opened.unwrap().is_none());
}

async fn a_section_moved_to_another_event_does_not_open(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for _ in 0..2 {
        log.append(append([sealed(event("a-1", "Thanked"), "member-1", "{}")]))
            .await
            .unwrap();
    }
    let database = Database::of(&home).await;
    let unguarded = match backend {
        Backend::Sqlite => "drop trigger events_are_never_changed",
        Backend::Postgres => "alter table events disable trigger user",
    };
    database.run(unguarded).await.unwrap();
    let swap = "update events set sealed = (select sealed from events where position = 2) \
                where position = 1";
    assert_eq!(database.run(swap).await, Ok(1));
    let read = log
        .read_all(Position::ZERO, &Filter::default(), 2)
        .await
        .unwrap()
        .events;
    let mut opened = log.open_events(&read).await.unwrap();
    assert_eq!(
        opened.next().unwrap().unwrap_err().to_string(),
        r#"section "words" of the event at position 1 is damaged"#
    );
    let second = opened.next().unwrap().unwrap().unwrap();
    assert_eq!(
        second.sections[0].content,
        SectionContent::Plain("{}".into())
    );
}
