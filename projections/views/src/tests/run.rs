//! Views on a real log: they follow it, keep what they have, and belong to one process at a time.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use meguri_log::{Log, Position};
use tempfile::TempDir;

use meguri_engine::{OpenViewsError, View, ViewSettings, ViewState, Views, WaitError};

use crate::Moment;
use crate::{
    board::Board,
    history::History,
    profiles::Profiles,
    rooms::Rooms,
    search::Search,
    testing::{
        log,
        story::{member, random_story, registered},
    },
    thanks::Thanks,
};

/// Long enough for anything that happens at all, on a machine that is busy with other tests.
pub(super) const LONG: Duration = Duration::from_secs(30);

pub(super) const ALL: [&str; 6] = [
    Board::NAME,
    Profiles::NAME,
    Thanks::NAME,
    Rooms::NAME,
    History::NAME,
    Search::NAME,
];

pub(super) async fn open(log: &Log, dir: &Path) -> Views {
    let settings = ViewSettings {
        block_events: 7,
        ..crate::settings()
    };
    Views::open(log.clone(), dir.to_owned(), settings)
        .await
        .unwrap()
}

/// The rows of one view as they are read now.
pub(super) async fn rows(views: &Views, name: &str) -> Vec<String> {
    crate::testing::rows(&views.handle(name).unwrap().readers().unwrap()).await
}

/// Demands that every view has the rows of a build from nothing.
pub(super) async fn assert_like_a_fresh_build(views: &Views, log: &Log) {
    let folder = TempDir::new().unwrap();
    let fresh = open(log, folder.path()).await;
    fresh.wait_for_all(log.known_head(), LONG).await.unwrap();
    views.wait_for_all(log.known_head(), LONG).await.unwrap();
    for name in ALL {
        let expected = rows(&fresh, name).await;
        assert!(!expected.is_empty(), "{name} is empty");
        assert_eq!(rows(views, name).await, expected, "{name}");
    }
    fresh.close().await;
}

/// Half of a story is there before the views are, the other half comes while they live.
async fn views_follow(log: Log, folder: &Path) {
    let story = random_story(1, 12);
    let (before, after) = story.split_at(story.len() / 2);
    log::append(&log, before).await;
    let views = open(&log, &folder.join("views")).await;
    for event in after {
        log::append(&log, std::slice::from_ref(event)).await;
    }
    assert_like_a_fresh_build(&views, &log).await;
    for name in ALL {
        let mut steps = views.rebuild(name).await.unwrap();
        while steps.recv().await.is_some() {}
    }
    assert_like_a_fresh_build(&views, &log).await;
    for status in views.status() {
        assert_eq!(status.state, ViewState::Live, "{}", status.name);
        assert_eq!(
            (status.lag, status.position),
            (0, log.known_head()),
            "{}",
            status.name
        );
        assert_eq!((status.version > 0, status.fingerprint.len()), (true, 16));
    }
    views.close().await;
    log.close().await;
}

#[tokio::test]
async fn views_follow_the_log_on_sqlite() {
    let folder = TempDir::new().unwrap();
    views_follow(log::sqlite(folder.path()).await, folder.path()).await;
}

#[tokio::test]
async fn views_follow_the_log_on_postgres() {
    let folder = TempDir::new().unwrap();
    let log = log::postgres(folder.path(), log::databases().await).await;
    views_follow(log, folder.path()).await;
}

/// Another process is another handle on the same log, which shares nothing with this one.
async fn views_follow_others(log: Log, other: Log, folder: &Path) {
    let views = open(&log, &folder.join("views")).await;
    let position = log::append(&other, &random_story(4, 4)).await;
    views.wait_for_all(position, LONG).await.unwrap();
    log::append(&log, &[registered(7, "nanako")]).await;
    let position = log::append(&other, &[registered(8, "hachiro")]).await;
    views.wait_for_all(position, LONG).await.unwrap();
    assert!(
        Moment::live(&views)
            .profiles()
            .by_user_name("hachiro")
            .await
            .is_ok()
    );
    assert_like_a_fresh_build(&views, &log).await;
}

#[tokio::test]
async fn views_follow_what_another_process_appends_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let other = log::sqlite(folder.path()).await;
    views_follow_others(log, other, folder.path()).await;
}

#[tokio::test]
async fn views_follow_what_another_process_appends_on_postgres() {
    let folder = TempDir::new().unwrap();
    let databases = log::databases().await;
    let log = log::postgres(folder.path(), databases.clone()).await;
    let other = log::postgres(folder.path(), databases).await;
    views_follow_others(log, other, folder.path()).await;
}

#[tokio::test]
async fn what_people_typed_lies_in_a_folder_for_the_user_of_the_process_alone() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let _views = open(&log, &dir).await;
    assert_eq!(
        fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[tokio::test]
async fn random_stories_give_the_same_rows_however_they_are_cut() {
    for seed in 1..4 {
        let story = random_story(seed, 15);
        crate::testing::given::<Board>(&story).await;
        crate::testing::given::<Profiles>(&story).await;
        crate::testing::given::<Thanks>(&story).await;
        crate::testing::given::<Rooms>(&story).await;
        crate::testing::given::<History>(&story).await;
    }
}

#[tokio::test]
async fn a_reader_that_waits_for_a_position_sees_what_happened_there() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let views = open(&log, &folder.path().join("views")).await;
    for number in 1..40 {
        let position = log::append(&log, &[registered(number, &format!("m{number}"))]).await;
        views.wait_for("profiles", position, LONG).await.unwrap();
        assert!(
            Moment::live(&views)
                .profiles()
                .by_id(member(number))
                .await
                .is_ok(),
            "member {number}"
        );
    }
}

#[tokio::test]
async fn waiting_for_what_has_not_happened_ends_in_time_and_tells_how_far_it_is() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let position = log::append(&log, &[registered(1, "hanako")]).await;
    let views = open(&log, &folder.path().join("views")).await;
    views.wait_for_all(position, LONG).await.unwrap();
    let short = Duration::from_millis(20);
    let waited = views.wait_for("board", position.next(), short).await;
    assert_eq!(
        waited,
        Err(WaitError::TooSlow {
            view: "board",
            reached: position
        })
    );
    let unknown = views.wait_for("nothing", position, short).await;
    assert_eq!(unknown, Err(WaitError::UnknownView("nothing".into())));
}

#[tokio::test]
async fn after_a_restart_views_are_read_at_once_and_go_on_where_they_were() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let position = log::append(&log, &random_story(2, 6)).await;
    let views = open(&log, &dir).await;
    views.wait_for_all(position, LONG).await.unwrap();
    views.close().await;
    log::append(&log, &[registered(77, "saburo")]).await;
    let views = open(&log, &dir).await;
    assert!(
        views
            .status()
            .iter()
            .all(|status| status.state == ViewState::Live)
    );
    assert!(
        views
            .status()
            .iter()
            .all(|status| status.position >= position)
    );
    assert_like_a_fresh_build(&views, &log).await;
}

#[tokio::test]
async fn a_second_process_does_not_get_the_folder_before_the_first_lets_go() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let views = open(&log, &dir).await;
    let second = Views::open(log.clone(), dir.clone(), crate::settings()).await;
    assert!(matches!(second, Err(OpenViewsError::Owned(_))));
    views.close().await;
    open(&log, &dir).await.close().await;
}

/// A view's folder with something done to it while nobody had it.
async fn mistreated(mistreat: impl Fn(&Path)) {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let position = log::append(&log, &random_story(3, 6)).await;
    let views = open(&log, &dir).await;
    views.wait_for_all(position, LONG).await.unwrap();
    let board = live_folder(&views, &dir, "board");
    views.close().await;
    mistreat(&board);
    let views = open(&log, &dir).await;
    assert_like_a_fresh_build(&views, &log).await;
    views.close().await;
}

/// The folder of a view that has never been rebuilt.
pub(super) fn live_folder(views: &Views, dir: &Path, name: &str) -> std::path::PathBuf {
    let readers = views.handle(name).unwrap().readers().unwrap();
    let options = readers.connect_options();
    let live = options.get_filename().parent().unwrap();
    assert!(live.starts_with(dir), "{live:?}");
    live.to_owned()
}

#[tokio::test]
async fn a_folder_that_was_deleted_grows_back() {
    mistreated(|board| fs::remove_dir_all(board).unwrap()).await;
    mistreated(|board| fs::remove_dir_all(board.parent().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_any_more_is_built_anew() {
    mistreated(|board| fs::write(board.join("view.db"), "not a database ".repeat(999)).unwrap())
        .await;
    mistreated(|board| fs::write(board.join("view.db"), "").unwrap()).await;
}

#[tokio::test]
async fn a_view_of_another_log_is_built_anew() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("views");
    for (name, seed) in [("one", 4), ("other", 5), ("shorter", 6)] {
        let home = folder.path().join(name);
        fs::create_dir(&home).unwrap();
        let log = log::sqlite(&home).await;
        let exchanges = if name == "shorter" { 2 } else { 6 };
        log::append(&log, &random_story(seed, exchanges)).await;
        let views = open(&log, &dir).await;
        assert_like_a_fresh_build(&views, &log).await;
        views.close().await;
        log.close().await;
    }
}

#[tokio::test]
async fn views_of_an_empty_log_can_be_read_and_are_empty() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let views = open(&log, &folder.path().join("views")).await;
    views.wait_for_all(Position::ZERO, LONG).await.unwrap();
    let thanks = Moment::live(&views)
        .thanks()
        .received(member(1), &[], None, 10)
        .await
        .unwrap();
    assert_eq!((thanks.items.len(), thanks.next), (0, None));
}
