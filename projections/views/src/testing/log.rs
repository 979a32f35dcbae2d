//! A real log for tests, on SQLite or PostgreSQL, and events appended to it.

use std::{path::Path, sync::Arc};

use meguri_events::Event;
use meguri_log::{
    Append, Cause, Kek, Location, Log, LogOptions, ManualClock, NewEvent, NewSection, Position,
};
use uuid::Uuid;

use super::{START, story};

/// A log in two SQLite files.
pub(crate) async fn sqlite(folder: &Path) -> Log {
    let (log, vault) = (folder.join("log.db"), folder.join("vault.db"));
    open(folder, Location::Sqlite { log, vault }).await
}

/// Two empty databases of the PostgreSQL server that the tests share.
pub(crate) async fn databases() -> Location {
    let urls = tokio::task::spawn_blocking(|| {
        let cluster = meguri_postgres_cluster::shared().unwrap();
        (
            cluster.create_database().unwrap(),
            cluster.create_database().unwrap(),
        )
    });
    let (log, vault) = urls.await.unwrap();
    Location::Postgres { log, vault }
}

/// A log in these databases, with its key in this folder.
pub(crate) async fn postgres(folder: &Path, databases: Location) -> Log {
    open(folder, databases).await
}

async fn open(folder: &Path, location: Location) -> Log {
    let mut options = LogOptions::new(location, Kek::File(folder.join("vault.kek")));
    options.clock = Arc::new(ManualClock::new(START));
    Log::open(&options).await.unwrap()
}

/// Appends events in order, a few at a time, and answers the last position.
pub(crate) async fn append(log: &Log, events: &[Event]) -> Position {
    let mut position = Position::ZERO;
    for events in events.chunks(16) {
        let cause = Cause {
            actor: "member-tester".to_owned(),
            ..Cause::default()
        };
        let events = events.iter().map(new_event).collect();
        let append = Append {
            cause,
            events,
            ..Append::default()
        };
        position = log.append(append).await.unwrap().position;
    }
    position
}

fn new_event(event: &Event) -> NewEvent {
    let encoded = event.encode().unwrap();
    let sealed = encoded.sections.into_iter().map(|section| NewSection {
        section: section.name.into(),
        subject: section.subject,
        class: section.class.into(),
        plaintext: section.plaintext,
    });
    NewEvent {
        id: Uuid::now_v7(),
        stream: story::stream_of(event).parse().unwrap(),
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sealed.collect(),
    }
}

/// Runs a test on a log of either kind, each in a folder of its own.
pub(crate) async fn on_both(test: impl AsyncFn(Log, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    test(sqlite(folder.path()).await, folder.path()).await;
    let folder = tempfile::tempdir().unwrap();
    let log = postgres(folder.path(), databases().await).await;
    test(log, folder.path()).await;
}
