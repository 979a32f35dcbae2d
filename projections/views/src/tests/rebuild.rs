//! A view is built anew beside the live one, and takes over without one failed or older read.

use std::{fs, path::Path, time::Duration};

use meguri_events::Event;
use meguri_log::{Log, Position};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::run::{LONG, assert_like_a_fresh_build, live_folder, open};
use meguri_engine::{
    AnyRows, BuildPhase, Decoded, FoldError, RebuildError, RebuildStep, View, ViewSet,
    ViewSettings, ViewState, Views,
};

use crate::Moment;
use crate::{
    catalog::Catalog,
    testing::{
        log,
        story::{member, random_story, registered, requested, thanked},
    },
    thanks::Thanks,
};

async fn rebuild(views: &Views, name: &str) -> Vec<RebuildStep> {
    let mut told = views.rebuild(name).await.unwrap();
    let mut steps = Vec::new();
    while let Some(step) = told.recv().await {
        steps.push(step);
    }
    steps
}

fn switched_at(steps: &[RebuildStep]) -> Option<Position> {
    match steps.last() {
        Some(RebuildStep::Switched { position, .. }) => Some(*position),
        Some(_) | None => None,
    }
}

async fn story_and_views(folder: &Path) -> (Log, Views) {
    let log = log::sqlite(folder).await;
    let position = log::append(&log, &random_story(1, 12)).await;
    let views = open(&log, &folder.join("views")).await;
    views.wait_for_all(position, LONG).await.unwrap();
    (log, views)
}

fn folders(dir: &Path, name: &str) -> Vec<String> {
    let entries = fs::read_dir(dir.join(name))
        .unwrap()
        .map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<_> = folders
        .map(|folder| folder.file_name().into_string().unwrap())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

#[tokio::test]
async fn a_rebuild_tells_how_far_it_is_and_switches() {
    let folder = TempDir::new().unwrap();
    let (log, views) = story_and_views(folder.path()).await;
    let steps = rebuild(&views, "rooms").await;
    let head = log.known_head();
    assert!(
        matches!(steps.first(), Some(RebuildStep::Folded { .. })),
        "{steps:?}"
    );
    for phase in [BuildPhase::Verifying, BuildPhase::Indexing] {
        let position = head;
        assert!(
            steps.contains(&RebuildStep::Phase { phase, position }),
            "{steps:?}"
        );
    }
    assert_eq!(switched_at(&steps), Some(head), "{steps:?}");
    assert_eq!(views.status()[3].build, None);
    assert_like_a_fresh_build(&views, &log).await;
    log::append(&log, &[thanked(1, 2, 1, None)]).await;
    assert_like_a_fresh_build(&views, &log).await;
}

#[tokio::test]
async fn reads_go_on_during_rebuilds_and_never_return_something_older() {
    let folder = TempDir::new().unwrap();
    let (log, views) = story_and_views(folder.path()).await;
    log::append(&log, &[registered(9, "kyuko")]).await;
    let enough = CancellationToken::new();
    let writing = tokio::spawn({
        let (log, views, enough) = (log.clone(), views.clone(), enough.clone());
        async move {
            let mut number = 1_000;
            while !enough.is_cancelled() {
                let events = [requested(number, 2, 9), thanked(number, 2, 9, None)];
                let position = log::append(&log, &events).await;
                views.wait_for("thanks", position, LONG).await.unwrap();
                let page = Moment::live(&views)
                    .thanks()
                    .received(member(9), &[], None, 1)
                    .await
                    .unwrap();
                assert_eq!(page.items[0].position, position, "after {number} thanks");
                number += 1;
            }
            number
        }
    });
    for _ in 0..3 {
        let steps = rebuild(&views, "thanks").await;
        assert!(
            matches!(steps.last(), Some(RebuildStep::Switched { .. })),
            "{steps:?}"
        );
    }
    enough.cancel();
    assert!(writing.await.unwrap() > 1_003, "members wrote all the time");
    assert_like_a_fresh_build(&views, &log).await;
    assert_eq!(
        folders(&folder.path().join("views"), "thanks").len(),
        2,
        "one before is kept"
    );
}

#[tokio::test]
async fn who_asks_for_a_rebuild_and_does_not_listen_hinders_nothing() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let position = log::append(&log, &random_story(1, 20)).await;
    let dir = folder.path().join("views");
    let settings = ViewSettings {
        block_events: 1,
        ..crate::settings()
    };
    let views = Views::open(log.clone(), dir.clone(), settings)
        .await
        .unwrap();
    views.wait_for_all(position, LONG).await.unwrap();
    let mut unheard = views.rebuild("rooms").await.unwrap();
    while folders(&dir, "rooms").len() < 2 || views.status()[3].build.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let position = log::append(&log, &[thanked(1, 2, 1, None)]).await;
    views.wait_for("rooms", position, LONG).await.unwrap();
    let mut last = None;
    while let Some(step) = unheard.recv().await {
        last = Some(step);
    }
    assert!(
        matches!(last, Some(RebuildStep::Switched { .. })),
        "the last step is never lost"
    );
}

#[tokio::test]
async fn only_one_rebuild_of_a_view_runs_at_a_time_and_only_of_a_view_there_is() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let position = log::append(&log, &random_story(1, 60)).await;
    let dir = folder.path().join("views");
    let settings = ViewSettings {
        block_events: 1,
        ..crate::settings()
    };
    let views = Views::open(log.clone(), dir, settings).await.unwrap();
    views.wait_for_all(position, LONG).await.unwrap();
    let first = tokio::spawn({
        let views = views.clone();
        async move { rebuild(&views, "rooms").await }
    });
    while views.status()[3].build.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = rebuild(&views, "rooms").await;
    let reason = "it is being built already".to_owned();
    assert_eq!(second, [RebuildStep::Failed { reason }]);
    assert_eq!(switched_at(&first.await.unwrap()), Some(position));
    let unknown = views.rebuild("nothing").await.map(drop);
    assert_eq!(unknown, Err(RebuildError::UnknownView("nothing".into())));
    views.close().await;
    assert_eq!(
        views.rebuild("rooms").await.map(drop),
        Err(RebuildError::Closed)
    );
}

#[tokio::test]
async fn what_a_crash_leaves_of_a_rebuild_does_no_harm() {
    let folder = TempDir::new().unwrap();
    let (log, views) = story_and_views(folder.path()).await;
    let dir = folder.path().join("views");
    let live = live_folder(&views, &dir, "board");
    views.close().await;

    // Killed while it was built, and while the pointer was written.
    let half = dir
        .join("board")
        .join(format!("{}.2", live.file_name().unwrap().display()));
    fs::create_dir(&half).unwrap();
    fs::write(half.join("view.db"), "").unwrap();
    fs::write(dir.join("board/current.new"), "{\"li").unwrap();
    let views = open(&log, &dir).await;
    assert_eq!(views.status()[0].state, ViewState::Live);
    assert_eq!(
        folders(&dir, "board").len(),
        1,
        "what was never live is gone"
    );
    assert_like_a_fresh_build(&views, &log).await;
    let steps = rebuild(&views, "board").await;
    assert!(matches!(steps.last(), Some(RebuildStep::Switched { .. })));
    views.close().await;

    // Killed after the switch, before the old one was let go.
    let views = open(&log, &dir).await;
    assert_eq!(folders(&dir, "board").len(), 2);
    assert_like_a_fresh_build(&views, &log).await;
    views.close().await;

    // The pointer itself is lost: what was built is taken up again.
    fs::write(dir.join("board/current"), "").unwrap();
    let views = open(&log, &dir).await;
    assert_like_a_fresh_build(&views, &log).await;
}

/// Thanks as a later release declares them.
#[derive(Default)]
struct LaterThanks(Thanks);

impl View for LaterThanks {
    type Fact = Event;
    const NAME: &'static str = Thanks::NAME;
    const VERSION: u32 = Thanks::VERSION + 1;
    const SCHEMA: &'static str = Thanks::SCHEMA;
    const WANTS: &'static [&'static str] = Thanks::WANTS;

    fn keys(&mut self, fact: &Event) {
        self.0.keys(fact);
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        self.0.fold(fact, event)
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        self.0.tables()
    }
}

#[tokio::test]
async fn a_view_of_a_later_release_is_built_in_a_folder_of_its_own_and_the_old_one_is_kept() {
    let folder = TempDir::new().unwrap();
    let (log, views) = story_and_views(folder.path()).await;
    let dir = folder.path().join("views");
    let old = live_folder(&views, &dir, "thanks");
    let rows = super::run::rows(&views, "thanks").await;
    views.close().await;

    let settings = ViewSettings {
        views: ViewSet::of(&Catalog).and::<LaterThanks>(),
        ..crate::settings()
    };
    let views = Views::open(log.clone(), dir.clone(), settings)
        .await
        .unwrap();
    views
        .wait_for("thanks", log.known_head(), LONG)
        .await
        .unwrap();
    assert_eq!(super::run::rows(&views, "thanks").await, rows);
    assert_eq!(views.status()[0].version, 2);
    let new = live_folder(&views, &dir, "thanks");
    assert_ne!(old, new);
    assert!(old.is_dir() && new.is_dir());
    views.close().await;

    // The way back: the old release finds its file, and can be read at once.
    log::append(&log, &[thanked(1, 2, 1, None)]).await;
    let views = open(&log, &dir).await;
    assert_eq!(views.status()[2].state, ViewState::Live);
    assert_like_a_fresh_build(&views, &log).await;
    assert!(old.is_dir() && new.is_dir());
}

#[tokio::test]
async fn when_the_live_file_is_damaged_the_one_before_it_is_live_at_once() {
    let folder = TempDir::new().unwrap();
    let (log, views) = story_and_views(folder.path()).await;
    let dir = folder.path().join("views");
    rebuild(&views, "board").await;
    let built = folders(&dir, "board").pop().unwrap();
    views.close().await;
    fs::write(
        dir.join("board").join(&built).join("view.db"),
        "no database",
    )
    .unwrap();
    log::append(&log, &[thanked(1, 2, 1, None)]).await;
    let views = open(&log, &dir).await;
    assert_eq!(views.status()[0].state, ViewState::Live);
    assert!(!folders(&dir, "board").contains(&built));
    assert_like_a_fresh_build(&views, &log).await;
}
