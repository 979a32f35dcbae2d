//! Tasks that break off outside of any fold: what is live goes on, and nothing wrong is served.

use std::{cell::Cell, path::Path, sync::Arc, time::Duration};

use meguri_events::Event;
use meguri_log::Log;
use tempfile::TempDir;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::run::{LONG, rows};
use meguri_engine::{
    AnyRows, Decoded, Facts as _, FoldError, RebuildError, RebuildStep, Rows, View, ViewSet,
    ViewSettings, ViewState, Views,
    files::view_dir::ViewDir,
    running::{
        feed::Feed,
        projector::{End, Projector, Role},
        rebuilds::Rebuilds,
        throttle::{Reads, Throttle},
        view_handle::ViewHandle,
        worker::{REST, Worker},
    },
};

use crate::{
    catalog::Catalog,
    column::table,
    profiles::Profiles,
    testing::{
        log, of,
        story::{random_story, registered},
    },
};

table! {
    /// A member.
    pub struct Named in "named"
    by {
        /// Who.
        name: String,
    }
    with {
        /// Nothing.
        rest: u64,
    }
}

/// Lists members, and breaks off where no fold is guarded, while it is told to.
#[derive(Default)]
struct Fragile {
    named: Rows<Named>,
}

thread_local! {
    /// Of one test alone: each runs all its tasks on a thread of its own.
    static BREAKS: Cell<bool> = const { Cell::new(false) };
}

impl View for Fragile {
    type Fact = Event;
    const NAME: &'static str = "fragile";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str =
        "create table named (name text primary key, rest integer not null) strict;";
    const WANTS: &'static [&'static str] = &["MemberRegistered"];

    fn keys(&mut self, _: &Event) {}

    fn fold(&mut self, _: &Event, event: &Decoded) -> Result<(), FoldError> {
        let name = event.id.to_string();
        self.named.put(Named { name, rest: 0 });
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        assert!(!BREAKS.get(), "it is fragile");
        vec![&mut self.named]
    }
}

async fn fragile(log: &Log, dir: &Path) -> Views {
    let settings = ViewSettings {
        views: ViewSet::of(&Catalog).and::<Fragile>(),
        ..crate::settings()
    };
    Views::open(log.clone(), dir.to_owned(), settings)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_build_that_breaks_off_leaves_what_is_live_alone() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let head = log::append(&log, &[registered(1, "aki"), registered(2, "haru")]).await;
    let views = fragile(&log, &folder.path().join("views")).await;
    views.wait_for("fragile", head, LONG).await.unwrap();

    BREAKS.set(true);
    let mut steps = views.rebuild("fragile").await.unwrap();
    let mut last = None;
    while let Some(step) = steps.recv().await {
        last = Some(step);
    }
    BREAKS.set(false);
    assert!(
        matches!(&last, Some(RebuildStep::Failed { reason }) if reason.contains("broke off")),
        "{last:?}"
    );
    assert_eq!(views.status()[0].state, ViewState::Live);
    assert_eq!(views.status()[0].build, None);
    let refused = views.retry("fragile").await;
    assert!(
        matches!(refused, Err(RebuildError::Refused(_))),
        "its file would be opened twice: {refused:?}"
    );
    let head = log::append(&log, &[registered(3, "natsu")]).await;
    views.wait_for("fragile", head, LONG).await.unwrap();
    assert_eq!(rows(&views, "fragile").await.len(), 3);

    let mut steps = views.rebuild("fragile").await.unwrap();
    while let Some(step) = steps.recv().await {
        last = Some(step);
    }
    assert!(
        matches!(last, Some(RebuildStep::Switched { .. })),
        "{last:?}"
    );
}

#[tokio::test]
async fn a_live_view_that_breaks_off_says_so_and_goes_on_by_itself() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let views = fragile(&log, &folder.path().join("views")).await;
    let head = log::append(&log, &[registered(1, "aki")]).await;
    views.wait_for("fragile", head, LONG).await.unwrap();

    BREAKS.set(true);
    let head = log::append(&log, &[registered(2, "haru")]).await;
    views.wait_for("fragile", head, LONG).await.unwrap_err();
    let ViewState::Stopped { reason, .. } = views.status()[0].state.clone() else {
        panic!("{:?}", views.status())
    };
    assert!(reason.contains("it is fragile"), "{reason}");
    BREAKS.set(false);
    let begun = Instant::now();
    while views.status()[0].state != ViewState::Live {
        assert!(begun.elapsed() < LONG, "{:?}", views.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    views.wait_for("fragile", head, LONG).await.unwrap();
    assert_eq!(rows(&views, "fragile").await.len(), 2);
}

/// What shares the reading of a log whose log is closed hears why, once.
#[tokio::test]
async fn files_that_are_built_together_hear_of_a_failure_and_do_not_ask_at_once_again() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    log::append(&log, &random_story(1, 4)).await;
    let tasks = TaskTracker::new();
    let throttle = Throttle::new(log.clone(), Reads::default(), 40);
    let stop = CancellationToken::new();
    let rebuilds = Rebuilds::start(log.clone(), &Catalog, throttle, stop.clone(), &tasks);
    log.close().await;
    let mut batches = rebuilds.join(
        meguri_log::Position::ZERO,
        Catalog.types().kinds(Profiles::WANTS),
    );
    let came = tokio::time::timeout(LONG, batches.recv()).await.unwrap();
    assert!(matches!(came, Some(Err(_))), "{:?}", came.map(Result::err));
    stop.cancel();
}

/// A worker of a view on this log that has nothing yet, and a file that is built to its end.
async fn first_build(log: &Log, dir: &Path) -> (Worker, Projector) {
    let view = of::<Profiles>();
    let limits = crate::settings().limits();
    let handle = Arc::new(ViewHandle::new(Arc::clone(&view), Reads::default()));
    let view_dir = ViewDir::open(dir, Arc::clone(&view), limits).unwrap();
    let stop = CancellationToken::new();
    let throttle = Throttle::new(log.clone(), Reads::default(), 40);
    let tasks = TaskTracker::new();
    let rebuilds = Rebuilds::start(log.clone(), &Catalog, throttle, stop.clone(), &tasks);
    let (_, asked) = mpsc::channel(1);
    let mut projector = Projector {
        file: view_dir.fresh().await.unwrap(),
        handle: Arc::clone(&handle),
        log: log.clone(),
        rebuilds: rebuilds.clone(),
        stop: stop.clone(),
        block_events: 100,
        until: None,
        replaces: None,
        rows: tokio::sync::watch::Sender::default(),
        role: Role::Build(None),
    };
    let built = projector.build().await;
    assert!(matches!(built, End::CaughtUp), "{built:?}");
    let worker = Worker {
        handle,
        view_dir,
        log: log.clone(),
        feed: Feed::new(&ViewSet::of(&Catalog).and::<Profiles>()),
        rebuilds,
        block_events: 100,
        stop,
        asked,
        live: None,
        build: None,
        checker: None,
        check_turns: Arc::new(Semaphore::new(1)),
        goes_on: None,
        rest: REST,
    };
    (worker, projector)
}

#[tokio::test]
async fn a_first_file_that_does_not_hold_what_the_log_says_is_never_served() {
    let folder = TempDir::new().unwrap();
    let one = folder.path().join("one");
    std::fs::create_dir(&one).unwrap();
    let log = log::sqlite(&one).await;
    log::append(&log, &random_story(1, 8)).await;
    let (mut worker, projector) = first_build(&log, &folder.path().join("views")).await;
    // Between its proof and the switch, the log has become another one.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = log::sqlite(&other).await;
    log::append(&other, &random_story(2, 8)).await;
    worker.log = other;
    worker.switch(projector).await;
    assert!(worker.handle.readers().is_none(), "it is served");
    assert!(worker.build.is_some(), "it is not built anew");
    let standing = worker.handle.standing().borrow().clone();
    assert_eq!(standing.live, None);
}
