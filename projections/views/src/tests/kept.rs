//! What is kept of the past is bounded, shared, and survives what happens to the process.

use std::{fs, path::Path, time::Duration};

use meguri_log::{Log, Position};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::run::{LONG, open, rows};
use meguri_engine::{Past, PastBounds, PastError, ViewSettings, Views};

use crate::testing::{self, log, story::random_story};

fn at(position: u64) -> Position {
    Position::new(position)
}

async fn log_with_a_story(folder: &TempDir, exchanges: u128) -> (Log, Position) {
    let log = log::sqlite(folder.path()).await;
    let head = log::append(&log, &random_story(1, exchanges)).await;
    (log, head)
}

async fn open_with(log: &Log, folder: &TempDir, settings: ViewSettings) -> Views {
    let dir = folder.path().join("views");
    Views::open(log.clone(), dir, settings).await.unwrap()
}

/// The positions of which there is a folder, in order.
fn kept(folder: &TempDir, view: &str) -> Vec<u64> {
    let folders = fs::read_dir(folder.path().join("views").join(view).join("as-of"));
    let names = folders
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut positions: Vec<_> = names
        .map(|name| name.split_once('@').unwrap().1.parse().unwrap())
        .collect();
    positions.sort_unstable();
    positions
}

async fn past(views: &Views, view: &str, position: u64) -> Past {
    views.past(view, at(position), LONG).await.unwrap()
}

#[tokio::test]
async fn only_so_many_files_are_kept_and_the_least_recently_asked_for_goes_first() {
    let folder = TempDir::new().unwrap();
    let (log, _) = log_with_a_story(&folder, 4).await;
    let settings = ViewSettings {
        past: PastBounds {
            files: 3,
            ..PastBounds::default()
        },
        ..crate::settings()
    };
    let views = open_with(&log, &folder, settings).await;
    for position in [10, 11, 12] {
        past(&views, "board", position).await;
    }
    past(&views, "board", 10).await;
    past(&views, "thanks", 20).await;
    assert_eq!(
        (kept(&folder, "board"), kept(&folder, "thanks")),
        (vec![10, 12], vec![20])
    );
    past(&views, "thanks", 21).await;
    assert_eq!(
        (kept(&folder, "board"), kept(&folder, "thanks")),
        (vec![10], vec![20, 21])
    );
}

#[tokio::test]
async fn what_is_read_is_not_removed_and_where_all_is_read_nothing_more_is_built() {
    let folder = TempDir::new().unwrap();
    let (log, _) = log_with_a_story(&folder, 4).await;
    let settings = ViewSettings {
        past: PastBounds {
            files: 2,
            ..PastBounds::default()
        },
        ..crate::settings()
    };
    let views = open_with(&log, &folder, settings).await;
    let read = past(&views, "board", 10).await;
    let before = testing::rows(&read.readers()).await;
    past(&views, "board", 11).await;
    past(&views, "board", 12).await;
    assert_eq!(kept(&folder, "board"), [10, 12]);
    assert_eq!(testing::rows(&read.readers()).await, before);

    let other = past(&views, "board", 12).await;
    let refused = views.past("board", at(13), LONG).await;
    assert!(matches!(refused, Err(PastError::Busy)), "{refused:?}");
    assert!(
        past(&views, "board", 10).await.is(&read),
        "what is there is answered"
    );
    drop(other);
    past(&views, "board", 13).await;
    assert_eq!(kept(&folder, "board"), [10, 13]);
}

#[tokio::test]
async fn files_are_kept_up_to_a_size_and_the_last_however_large_it_is() {
    let folder = TempDir::new().unwrap();
    let (log, head) = log_with_a_story(&folder, 4).await;
    let views = open_with(&log, &folder, crate::settings()).await;
    let one = views.build_past("rooms", head, None).await.unwrap().bytes;
    views.close().await;
    for (bytes, expected) in [(one * 2 + one / 2, 2), (1, 1)] {
        let settings = ViewSettings {
            past: PastBounds { files: 16, bytes },
            ..crate::settings()
        };
        let views = open_with(&log, &folder, settings).await;
        for back in [3, 2, 1] {
            past(&views, "rooms", head.get() - back).await;
        }
        let swept = async {
            while kept(&folder, "rooms").len() > expected {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LONG, swept).await.unwrap();
        assert_eq!(kept(&folder, "rooms").last(), Some(&(head.get() - 1)));
        views.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_ask_for_the_same_share_one_file() {
    let folder = TempDir::new().unwrap();
    let (log, head) = log_with_a_story(&folder, 12).await;
    let views = open_with(&log, &folder, crate::settings()).await;
    let asking = (0..8).map(|_| views.past("rooms", head, LONG));
    let pasts = futures::future::try_join_all(asking).await.unwrap();
    assert!(pasts.iter().all(|past| past.is(&pasts[0])));
    assert_eq!(kept(&folder, "rooms"), [head.get()]);
}

#[tokio::test]
async fn a_live_view_that_is_rebuilt_or_changes_leaves_the_past_of_others_alone() {
    let folder = TempDir::new().unwrap();
    let (log, head) = log_with_a_story(&folder, 4).await;
    let views = open_with(&log, &folder, crate::settings()).await;
    views.wait_for_all(head, LONG).await.unwrap();
    for name in ["thanks", "board"] {
        past(&views, name, 20).await;
        for _ in 0..2 {
            let mut steps = views.rebuild(name).await.unwrap();
            while steps.recv().await.is_some() {}
        }
        assert_eq!(kept(&folder, name), [20], "{name} was rebuilt");
    }
    views.close().await;

    // Thanks as a later release declares them: what was built by the earlier one is gone.
    let settings = ViewSettings {
        views: crate::all().revised("thanks"),
        ..crate::settings()
    };
    let views = open_with(&log, &folder, settings).await;
    assert_eq!(
        (kept(&folder, "thanks"), kept(&folder, "board")),
        (vec![], vec![20])
    );
    past(&views, "thanks", 20).await;
}

/// What is found in the folder of a past after something was done to it while nobody had it.
async fn mistreated(mistreat: impl AsyncFn(&Path)) {
    let folder = TempDir::new().unwrap();
    let (log, head) = log_with_a_story(&folder, 4).await;
    let views = open_with(&log, &folder, crate::settings()).await;
    let expected = testing::rows(&past(&views, "rooms", head.get()).await.readers()).await;
    views.close().await;
    let of_rooms = folder.path().join("views/rooms/as-of");
    let entry = fs::read_dir(of_rooms).unwrap().next().unwrap().unwrap();
    mistreat(&entry.path().join("view.db")).await;
    let views = open_with(&log, &folder, crate::settings()).await;
    let past = past(&views, "rooms", head.get()).await;
    assert_eq!(testing::rows(&past.readers()).await, expected);
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_is_built_anew() {
    mistreated(async |file| fs::write(file, "no database").unwrap()).await;
    mistreated(async |file| fs::remove_file(file).unwrap()).await;
    mistreated(async |file| {
        let mut file = SqliteConnection::connect(&file.display().to_string())
            .await
            .unwrap();
        let altered =
            "update message set text = 'x' where position = (select max(position) from message)";
        let altered = sqlx::query(altered).execute(&mut file).await.unwrap();
        assert_eq!(altered.rows_affected(), 1);
        file.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_past_of_another_log_is_built_anew() {
    let folder = TempDir::new().unwrap();
    for seed in [4, 5] {
        let home = folder.path().join(seed.to_string());
        fs::create_dir(&home).unwrap();
        let log = log::sqlite(&home).await;
        let head = log::append(&log, &random_story(seed, 4)).await;
        let views = open_with(&log, &folder, crate::settings()).await;
        views.wait_for("rooms", head, LONG).await.unwrap();
        let expected = rows(&views, "rooms").await;
        let past = past(&views, "rooms", head.get()).await;
        assert_eq!(
            testing::rows(&past.readers()).await,
            expected,
            "of log {seed}"
        );
        views.close().await;
    }
}

#[test]
fn a_past_whose_builder_is_killed_again_and_again_ends_up_right() {
    let folder = TempDir::new().unwrap();
    let (home, dir) = (folder.path().to_owned(), folder.path().join("views"));
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    let head = runtime().block_on(async {
        let log = log::sqlite(&home).await;
        log::append(&log, &random_story(3, 60)).await
    });
    for life in 0..12 {
        let runtime = runtime();
        runtime.block_on(async {
            let log = log::sqlite(&home).await;
            let views = open(&log, &dir).await;
            let asked = views
                .past("rooms", head, Duration::from_millis(life * 7))
                .await;
            assert!(
                matches!(asked, Ok(_) | Err(PastError::Building { .. })),
                "{asked:?}"
            );
            super::crash::let_go_of_the_index(&views).await;
            std::mem::forget((asked, views));
        });
        runtime.shutdown_background();
        super::crash::wait_for_the_lock(&dir);
    }
    runtime().block_on(async {
        let log = log::sqlite(&home).await;
        let views = open(&log, &dir).await;
        views.wait_for("rooms", head, LONG).await.unwrap();
        let past = past(&views, "rooms", head.get()).await;
        assert_eq!(
            testing::rows(&past.readers()).await,
            rows(&views, "rooms").await
        );
    });
}
