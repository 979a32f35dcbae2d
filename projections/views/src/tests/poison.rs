//! An event that cannot be folded stops one view, loudly, and nothing else; nothing is skipped.

use std::cell::Cell;

use meguri_events::Event;
use meguri_log::Position;
use meguri_test_logs::append_raw;
use tempfile::TempDir;

use super::run::LONG;
use meguri_engine::{
    AnyRows, Decoded, FoldError, Rows, View, ViewSet, ViewSettings, ViewState, ViewStatus, Views,
    WaitError, files::view_file::More,
};

use crate::{
    catalog::Catalog,
    column::{Column, table},
    profiles::Profiles,
    testing::{
        decoded, log, of,
        story::{left, nickname_changed, registered},
    },
};

table! {
    /// How many events there were of a type.
    pub struct Counted in "counted"
    by {
        /// The type.
        event_type: String,
    }
    with {
        /// How many.
        count: u64,
    }
}

/// Counts events, and trips over one type until it is mended.
#[derive(Default)]
struct Brittle {
    counted: Rows<Counted>,
}

thread_local! {
    /// Of one test alone: each runs all its tasks on a thread of its own.
    pub(super) static MENDED: Cell<bool> = const { Cell::new(false) };
}

impl View for Brittle {
    type Fact = Event;
    const NAME: &'static str = "brittle";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str =
        "create table counted (event_type text primary key, count integer not null) strict;";
    const WANTS: &'static [&'static str] = &["MemberRegistered", "NicknameChanged"];

    fn keys(&mut self, fact: &Event) {
        self.counted.ask(fact.type_name().to_owned());
    }

    fn fold(&mut self, _: &Event, event: &Decoded) -> Result<(), FoldError> {
        assert!(
            event.kind.name() != "NicknameChanged" || MENDED.get(),
            "nicknames are too much"
        );
        match self.counted.row(&event.kind.name().to_owned()) {
            Ok(counted) => counted.count += 1,
            Err(_) => {
                self.counted.put(Counted {
                    event_type: event.kind.name().to_owned(),
                    count: 1,
                });
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.counted]
    }
}

async fn open(log: &meguri_log::Log, dir: &std::path::Path) -> Views {
    open_within(log, dir, crate::settings().erase_within).await
}

/// The same, where a view has so long to erase.
pub(super) async fn open_within(
    log: &meguri_log::Log,
    dir: &std::path::Path,
    erase_within: std::time::Duration,
) -> Views {
    let settings = ViewSettings {
        erase_within,
        views: ViewSet::of(&Catalog).and::<Brittle>().and::<Profiles>(),
        ..crate::settings()
    };
    Views::open(log.clone(), dir.to_owned(), settings)
        .await
        .unwrap()
}

async fn counted(views: &Views, event_type: &str) -> Option<u64> {
    let readers = views.handle("brittle").unwrap().readers().unwrap();
    let rows: Vec<Counted> = meguri_engine::folding::row::select(
        &readers,
        "where event_type = ?",
        vec![event_type.to_owned().to_cell()],
    )
    .await
    .unwrap();
    rows.first().map(|row| row.count)
}

/// Two members, a nickname, a third member: the brittle view stops before the nickname.
pub(super) async fn tripped(folder: &TempDir) -> (meguri_log::Log, Views) {
    tripped_within(folder, crate::settings().erase_within).await
}

/// The same, where a view has so long to erase.
pub(super) async fn tripped_within(
    folder: &TempDir,
    erase_within: std::time::Duration,
) -> (meguri_log::Log, Views) {
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let views = open_within(&log, &dir, erase_within).await;
    views.wait_for_all(Position::ZERO, LONG).await.unwrap();
    let events = [
        registered(1, "hanako"),
        registered(2, "taro"),
        nickname_changed(1, "はな"),
        registered(3, "jiro"),
    ];
    log::append(&log, &events).await;
    (log, views)
}

#[tokio::test]
async fn a_panicking_fold_stops_its_view_at_that_event_while_others_go_on() {
    let folder = TempDir::new().unwrap();
    let (log, views) = tripped(&folder).await;
    views
        .wait_for("profiles", log.known_head(), LONG)
        .await
        .unwrap();
    let waited = views.wait_for("brittle", log.known_head(), LONG).await;
    let Err(WaitError::Stopped {
        view,
        reached,
        reason,
    }) = waited
    else {
        panic!("the view did not stop: {waited:?}")
    };
    assert_eq!((view, reached), ("brittle", Position::new(2)));
    assert!(reason.contains("NicknameChanged at position 3"), "{reason}");
    assert!(reason.contains("nicknames are too much"), "{reason}");
    let brittle = &views.status()[0];
    assert_eq!(
        brittle.state,
        ViewState::Stopped {
            position: Position::new(3),
            reason
        }
    );
    assert_eq!((brittle.position, brittle.lag), (Position::new(2), 2));
    assert_eq!(
        counted(&views, "MemberRegistered").await,
        Some(2),
        "what came before is kept"
    );
    assert_eq!(views.status()[1].state, ViewState::Live);
}

#[tokio::test]
async fn another_process_is_told_of_a_stopped_view_too() {
    let folder = TempDir::new().unwrap();
    let (log, views) = tripped(&folder).await;
    let head = log.known_head();
    views.wait_for("brittle", head, LONG).await.unwrap_err();
    let brittle = views.status().swap_remove(0);
    let sent = serde_json::to_string(&brittle).unwrap();
    let told: ViewStatus = serde_json::from_str(&sent).unwrap();
    assert_eq!(told, brittle);
}

#[tokio::test]
async fn a_stopped_view_stays_stopped_until_it_is_mended_and_then_skips_nothing() {
    let folder = TempDir::new().unwrap();
    let (log, views) = tripped(&folder).await;
    let head = log.known_head();
    views.wait_for("brittle", head, LONG).await.unwrap_err();

    // A rebuild meets the same event, says so, and leaves what there is.
    let mut steps = views.rebuild("brittle").await.unwrap();
    let mut last = None;
    while let Some(step) = steps.recv().await {
        last = Some(step);
    }
    assert!(
        format!("{last:?}").contains("NicknameChanged at position 3"),
        "{last:?}"
    );
    assert_eq!(counted(&views, "MemberRegistered").await, Some(2));
    views.close().await;

    let views = open(&log, &folder.path().join("views")).await;
    let stopped = views.wait_for("brittle", head, LONG).await;
    assert!(matches!(stopped, Err(WaitError::Stopped { .. })));
    views.close().await;
    MENDED.set(true);
    let views = open(&log, &folder.path().join("views")).await;
    views.wait_for("brittle", head, LONG).await.unwrap();
    assert_eq!(counted(&views, "MemberRegistered").await, Some(3));
    assert_eq!(counted(&views, "NicknameChanged").await, Some(1));
}

#[tokio::test]
async fn a_type_that_the_catalog_does_not_know_stops_every_view() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    log::append(&log, &[registered(1, "hanako")]).await;
    append_raw(&log, "member-x", "FromTheFuture", 1, "{}").await;
    let position = log::append(&log, &[registered(2, "taro")]).await;

    let views = super::run::open(&log, &folder.path().join("views")).await;
    for name in super::run::ALL {
        let Err(WaitError::Stopped { reason, .. }) = views.wait_for(name, position, LONG).await
        else {
            panic!("{name} did not stop")
        };
        assert!(reason.contains("position 2: FromTheFuture"), "{reason}");
    }
}

#[tokio::test]
async fn a_damaged_section_stops_the_views_that_want_the_event_and_no_others() {
    use meguri_engine::folding::{decode::Content, facts::Facts as _, outcome::Advanced};

    use crate::{
        testing::{batch, new_file},
        thanks::Thanks,
    };
    let events = decoded(&[registered(1, "hanako"), left(1), registered(2, "taro")]);
    let mut batch = batch(&events);
    batch.events[2].content = Content::Undecodable {
        kind: Catalog.types().kind("MemberRegistered"),
        reason: "section \"profile\" is damaged".into(),
        stream: None,
    };
    let folder = TempDir::new().unwrap();
    let mut file = new_file(&folder.path().join("a"), &of::<Profiles>()).await;
    let Advanced::Stopped(poison) = file
        .advance(&batch, batch.up_to(), More::Unknown)
        .await
        .unwrap()
    else {
        panic!("it was folded")
    };
    assert_eq!(
        (poison.position, file.position()),
        (Position::new(3), Position::new(2))
    );
    let mut file = new_file(&folder.path().join("b"), &of::<Thanks>()).await;
    let outcome = file
        .advance(&batch, batch.up_to(), More::Unknown)
        .await
        .unwrap();
    assert_eq!(outcome, Advanced::Folded);
    assert_eq!(file.position(), Position::new(3));
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_takes_nothing_with_it_of_what_waited_beside_it() {
    use meguri_engine::folding::outcome::Advanced;

    use crate::testing::{batch, new_file};
    let events = decoded(&[
        registered(1, "hanako"),
        registered(2, "taro"),
        nickname_changed(1, "はな"),
    ]);
    let parts = [
        batch(&events[..1]),
        batch(&events[1..2]),
        batch(&events[2..]),
    ];
    let folder = TempDir::new().unwrap();
    let mut file = new_file(folder.path(), &of::<Brittle>()).await;
    file.commit().await.unwrap();
    file.finish().await.unwrap();
    let mut outcomes = Vec::new();
    for (part, more) in [(0, More::Follows), (1, More::Follows), (2, More::Unknown)] {
        let part = &parts[part];
        outcomes.push(file.advance(part, part.up_to(), more).await.unwrap());
    }
    assert_eq!(
        outcomes,
        [Advanced::Folded, Advanced::Folded, Advanced::Rewound]
    );
    assert_eq!(file.position(), Position::ZERO);

    for part in &parts[..2] {
        let outcome = file.advance(part, part.up_to(), More::Unknown).await;
        assert_eq!(outcome.unwrap(), Advanced::Folded);
    }
    let last = file
        .advance(&parts[2], parts[2].up_to(), More::Unknown)
        .await;
    let Advanced::Stopped(poison) = last.unwrap() else {
        panic!("it was folded")
    };
    let stands = (poison.position, file.position());
    assert_eq!(stands, (Position::new(3), Position::new(2)));
}
