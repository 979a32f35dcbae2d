//! Given events, then rows: folds the same events in many ways and demands the same rows.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::HashMap, path::Path, sync::Arc};

use meguri_events::{Event, Opened};
use meguri_log::{Entry, Position, Timestamp, Version};
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};
use tempfile::TempDir;
use uuid::Uuid;

use meguri_engine::{
    Cell, Decoded, Facts as _, View, ViewReader, ViewSettings,
    files::{
        proof,
        view_file::{More, ViewFile},
    },
    folding::{
        decode::{Batch, Consumed, Content},
        outcome::Advanced,
        view::{AnyView, ViewOf},
    },
    running::{throttle::Reads, view_handle::ViewHandle},
};

use crate::catalog::Catalog;

pub(crate) mod log;
pub(crate) mod story;

/// When the first event happens; each of the others follows a minute later.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_763_708_523_123_456);

/// The time of the event at this position.
pub(crate) fn at(position: i64) -> Timestamp {
    START.plus_seconds((position - 1) * 60)
}

/// A view of the product as a value.
pub(crate) fn of<V: View<Fact = Event>>() -> Arc<dyn AnyView> {
    Arc::new(ViewOf::<V>::new(&Catalog))
}

/// Events as the feed would hand them out, at positions 1, 2, 3, …
pub(crate) fn decoded(events: &[Event]) -> Vec<Decoded> {
    let mut versions: HashMap<String, Version> = HashMap::new();
    let number = |(index, event): (usize, &Event)| {
        let stream = story::stream_of(event);
        let version = versions.entry(stream).or_default();
        *version = version.next();
        let position = u64::try_from(index + 1).unwrap();
        Decoded {
            position: Position::new(position),
            version: *version,
            stream: story::stream_of(event).into(),
            kind: Catalog.types().kind(event.type_name()).unwrap(),
            id: Uuid::from_u128(u128::from(position)),
            at: at(i64::try_from(position).unwrap()),
            actor: "member-tester".into(),
            acting_for: None,
            correlation: Some(Uuid::from_u128(7)),
            causation: None,
            policy: None,
            data: event.encode().unwrap().data.into(),
            fact: Arc::new(event.clone()),
        }
    };
    events.iter().enumerate().map(number).collect()
}

/// The same event after all its keys were destroyed.
pub(crate) fn erased(event: &Event) -> Event {
    let encoded = event.encode().unwrap();
    let sections: Vec<_> = encoded
        .sections
        .iter()
        .map(|section| (section.name, Opened::Erased))
        .collect();
    Event::decode(encoded.event_type, encoded.schema, &encoded.data, &sections).unwrap()
}

/// The public bytes of the event at this position, as far as tests care.
pub(crate) fn entry(position: Position) -> Entry {
    [position.get().to_le_bytes()[0]; 33]
}

/// A batch of these events, which follow one another.
pub(crate) fn batch(events: &[Decoded]) -> Batch {
    let consumed = |event: &Decoded| Consumed {
        entry: entry(event.position),
        content: Content::Event(Box::new(event.clone())),
    };
    let after = events.first().map_or(0, |first| first.position.get() - 1);
    Batch::new(Position::new(after), events.iter().map(consumed).collect())
}

/// A file into which events were folded, and the way to read it.
pub(crate) struct Folded {
    pub(crate) reader: ViewReader,
    pub(crate) file: ViewFile,
    _folder: TempDir,
}

/// Folds events in one block, one by one, and in random blocks of which some come twice; the rows
/// must be the same each time.
pub(crate) async fn given<V: View<Fact = Event>>(events: &[Event]) -> Folded {
    let view = of::<V>();
    let events = decoded(events);
    let whole = folded(&view, &events, &[events.len().max(1)]).await;
    let rows = rows(&whole.file.readers()).await;
    let single = folded(&view, &events, &[1]).await;
    assert_eq!(self::rows(&single.file.readers()).await, rows, "one by one");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..4 {
        let sizes: Vec<usize> = (0..events.len().max(1))
            .map(|_| random.below(9) + 1)
            .collect();
        let cut = folded(&view, &events, &sizes).await;
        assert_eq!(
            self::rows(&cut.file.readers()).await,
            rows,
            "in blocks of {sizes:?}"
        );
    }
    whole
}

/// An empty file of a view.
pub(crate) async fn new_file(folder: &Path, view: &Arc<dyn AnyView>) -> ViewFile {
    // One reader: its connection stays open, also when the folder is gone.
    let settings = ViewSettings {
        readers: 1,
        ..crate::settings()
    };
    let (view, limits) = (Arc::clone(view), settings.limits());
    ViewFile::open(folder, "view", view, limits).await.unwrap()
}

/// Folds events in blocks of these sizes, over and over. Every third block comes again together
/// with the next, as after a crash whose commit was not heard of.
async fn folded(view: &Arc<dyn AnyView>, events: &[Decoded], sizes: &[usize]) -> Folded {
    let folder = TempDir::new().unwrap();
    let mut file = new_file(folder.path(), view).await;
    let (mut from, mut start) = (0, 0);
    for (count, size) in (0..).zip(sizes.iter().cycle()) {
        let end = (start + size).min(events.len());
        let batch = batch(&events[from..end]);
        // Every other one shares its transaction with the next.
        let more = [More::Follows, More::Unknown][count % 2];
        let outcome = file.advance(&batch, batch.up_to(), more).await.unwrap();
        assert_eq!(outcome, Advanced::Folded);
        // Some of it comes while the file is being built, the rest while it is read.
        if count == 2 {
            file.commit().await.unwrap();
            file.finish().await.unwrap();
        }
        from = if count % 3 == 0 { start } else { end };
        start = end;
        if end == events.len() {
            break;
        }
    }
    file.commit().await.unwrap();
    file.finish().await.unwrap();
    let stored = file.rescan().await.unwrap();
    assert_eq!(
        proof::of_rows(file.certificate(), &stored),
        None,
        "the digest follows the rows"
    );
    let handle = Arc::new(ViewHandle::new(Arc::clone(view), Reads::default()));
    handle.install(file.to_be_read());
    Folded {
        reader: ViewReader::Live(handle),
        file,
        _folder: folder,
    }
}

/// Every row of every table of a view, in the order of the tables and their keys, as text.
pub(crate) async fn rows(file: &SqlitePool) -> Vec<String> {
    let tables = "select name from sqlite_schema
        where type = 'table' and name not like 'sqlite_%'
        and name not in ('certificate', 'content', 'parked')
        order by name";
    let mut found = Vec::new();
    for table in sqlx::query(tables).fetch_all(file).await.unwrap() {
        let table: String = table.get(0);
        let all = format!("select * from {table} order by 1, 2");
        for row in sqlx::query(AssertSqlSafe(all))
            .fetch_all(file)
            .await
            .unwrap()
        {
            let cells: Vec<Cell> = (0..row.len())
                .map(|column| Cell::read(&row, column).unwrap())
                .collect();
            found.push(format!("{table} {cells:?}"));
        }
    }
    found
}

/// How SQLite would answer a query.
pub(crate) async fn plan(file: &SqlitePool, query: &str) -> String {
    let explained = sqlx::query(AssertSqlSafe(format!("explain query plan {query}")));
    let steps = explained.fetch_all(file).await.unwrap();
    steps
        .iter()
        .map(|step| step.get::<String, _>("detail"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Numbers that look random and are the same on every run (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}
