//! A view as of a position holds what the first events make, whatever has happened since.

use std::{sync::Arc, time::Duration};

use meguri_log::{ManualClock, Position, Timestamp};
use meguri_test_logs::{Backend, Home, on_both_backends};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::{
    poison::{MENDED, tripped},
    run::{ALL, LONG, open, rows},
};
use meguri_engine::{AsOf, Past, PastError, RebuildStep, Views};

use crate::testing::{
    self, START, log,
    story::{left, member, nickname_changed, random_story, registered, requested, thanked},
};

async fn rows_of(past: &Past) -> Vec<String> {
    testing::rows(&past.readers()).await
}

on_both_backends!(
    each_view_is_at_every_position_what_it_was_there,
    a_time_means_the_last_event_at_or_before_it,
);

async fn each_view_is_at_every_position_what_it_was_there(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let views = open(&log, &home.folder().join("views")).await;
    views.wait_for_all(Position::ZERO, LONG).await.unwrap();
    // What members saw when the log ended there.
    let mut seen = Vec::new();
    let story = random_story(5, 3);
    for number in 0..=story.len() {
        let position = match number.checked_sub(1) {
            Some(index) => log::append(&log, &story[index..number]).await,
            None => Position::ZERO,
        };
        views.wait_for_all(position, LONG).await.unwrap();
        for name in ALL {
            seen.push((name, position, rows(&views, name).await));
        }
    }
    for (name, position, expected) in seen {
        let past = views.past(name, position, LONG).await.unwrap();
        assert_eq!((past.view(), past.position()), (name, position));
        assert_eq!(rows_of(&past).await, expected, "{name} as of {position}");
    }
    views.close().await;
    log.close().await;
}

async fn a_time_means_the_last_event_at_or_before_it(backend: Backend) {
    let home = Home::new(backend);
    let clock = ManualClock::new(START);
    let log = home.open_with(Arc::new(clock.clone())).await;
    let views = open(&log, &home.folder().join("views")).await;
    for number in [1, 2] {
        log::append(&log, &[registered(number, &format!("m{number}"))]).await;
        clock.advance_seconds(60);
    }
    for (second, expected) in [(-1, 0), (0, 1), (59, 1), (60, 2), (119, 2), (120, 2)] {
        let at = START.plus_seconds(second);
        let position = views.position_of(AsOf::Time(at)).await.unwrap();
        assert_eq!(position, Position::new(expected), "{second} s");
    }
    let past = views
        .past("profiles", Position::new(1), LONG)
        .await
        .unwrap();
    assert_eq!(rows_of(&past).await.len(), 1);
    let tomorrow = views.position_of(AsOf::Time(START.plus_seconds(121))).await;
    assert!(
        matches!(tomorrow, Err(PastError::Future { now }) if now == START.plus_seconds(120)),
        "{tomorrow:?}"
    );
    views.close().await;
    log.close().await;
}

#[test]
fn a_moment_is_written_as_a_position_or_a_time() {
    for (text, expected) in [
        ("0", AsOf::Position(Position::ZERO)),
        ("285", AsOf::Position(Position::new(285))),
        (
            "1970-01-01T00:00:01Z",
            AsOf::Time(Timestamp::from_micros(1_000_000)),
        ),
        (
            "1970-01-01T09:00:01+09:00",
            AsOf::Time(Timestamp::from_micros(1_000_000)),
        ),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
        assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
    }
    for bad in [
        "",
        "-1",
        "+1",
        "1.5",
        "yesterday",
        "2026-11-21",
        "99999999999999999999",
    ] {
        assert!(bad.parse::<AsOf>().is_err(), "{bad}");
    }
}

/// A log and its views after a story, and where the log ends.
async fn after_a_story(folder: &TempDir) -> (meguri_log::Log, Views, Position) {
    let log = log::sqlite(folder.path()).await;
    let head = log::append(&log, &random_story(1, 12)).await;
    let views = open(&log, &folder.path().join("views")).await;
    (log, views, head)
}

#[tokio::test]
async fn what_has_not_happened_has_no_past() {
    let folder = TempDir::new().unwrap();
    let (_log, views, head) = after_a_story(&folder).await;
    let beyond = views.past("board", head.next(), LONG).await;
    assert!(
        matches!(beyond, Err(PastError::Beyond { head: end }) if end == head),
        "{beyond:?}"
    );
    let unknown = views.past("nothing", head, LONG).await;
    assert!(matches!(unknown, Err(PastError::UnknownView(name)) if name == "nothing"));
}

#[tokio::test]
async fn another_process_may_have_written_what_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let (_log, views, _) = after_a_story(&folder).await;
    let other = log::sqlite(folder.path()).await;
    let head = log::append(&other, &[registered(90, "kyuju")]).await;
    let past = views.past("profiles", head, LONG).await.unwrap();
    assert!(rows_of(&past).await.iter().any(|row| row.contains("kyuju")));
}

#[tokio::test]
async fn who_does_not_wait_hears_how_far_it_is_and_the_build_goes_on() {
    let folder = TempDir::new().unwrap();
    let (_log, views, head) = after_a_story(&folder).await;
    let asked = views.past("rooms", head, Duration::ZERO).await;
    let Err(PastError::Building {
        view, position, of, ..
    }) = asked
    else {
        panic!("{asked:?}")
    };
    assert_eq!((view, of), ("rooms", head));
    assert!(position <= head);
    let built = async {
        while views.past("rooms", head, Duration::ZERO).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, built).await.unwrap();
}

#[tokio::test]
async fn who_builds_hears_how_far_it_is_and_what_it_holds() {
    let folder = TempDir::new().unwrap();
    let (_log, views, head) = after_a_story(&folder).await;
    let (steps, mut told) = tokio::sync::mpsc::channel(64);
    let built = views.build_past("thanks", head, Some(steps)).await.unwrap();
    let mut steps_told = Vec::new();
    while let Some(step) = told.recv().await {
        steps_told.push(step);
    }
    assert!(
        steps_told
            .iter()
            .any(|step| matches!(step, RebuildStep::Folded { head: of, .. } if *of == head)),
        "{steps_told:?}"
    );
    views.wait_for("thanks", head, LONG).await.unwrap();
    let live = views.prove("thanks").await.unwrap();
    assert_eq!((built.view.as_str(), built.position), ("thanks", head));
    assert_eq!((built.rows, &built.content), (live.rows, &live.content));
    assert!(built.bytes > 4_096, "{built:?}");
}

#[tokio::test]
async fn a_past_before_the_event_that_stops_a_view_can_be_read_and_one_after_it_says_why_not() {
    let folder = TempDir::new().unwrap();
    let (_log, views) = tripped(&folder).await;
    let (before, after) = (Position::new(2), Position::new(4));
    assert!(views.past("brittle", before, LONG).await.is_ok());
    let stopped = views.past("brittle", after, LONG).await;
    assert!(
        matches!(&stopped, Err(PastError::Stopped { reason }) if reason.contains("position 3")),
        "{stopped:?}"
    );
    // What there was of it goes on from there.
    MENDED.set(true);
    let (steps, mut told) = tokio::sync::mpsc::channel(64);
    let built = views
        .build_past("brittle", after, Some(steps))
        .await
        .unwrap();
    assert_eq!((built.position, built.rows), (after, 2));
    while let Some(step) = told.recv().await {
        let (RebuildStep::Folded { position, .. } | RebuildStep::Phase { position, .. }) = step
        else {
            panic!("{step:?}")
        };
        assert!(position >= before, "{step:?}");
    }
}

/// Whether the past of a view shows a text.
async fn shows(views: &Views, view: &str, position: Position, text: &str) -> bool {
    let past = views.past(view, position, LONG).await.unwrap();
    rows_of(&past).await.iter().any(|row| row.contains(text))
}

#[tokio::test]
async fn what_was_erased_since_is_erased_in_the_past_once_that_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("views");
    let log = log::sqlite(folder.path()).await;
    let events = [
        registered(1, "hanako"),
        registered(2, "taro"),
        requested(7, 1, 2),
        thanked(7, 1, 2, Some("本当に助かりました")),
        nickname_changed(1, "はな"),
        left(1),
    ];
    let position = log::append(&log, &events).await;
    let before = Position::new(position.get() - 1);
    let views = open(&log, &dir).await;
    // Who leaves has erased nothing.
    assert!(shows(&views, "thanks", before, "助かりました").await);
    assert!(shows(&views, "thanks", position, "助かりました").await);
    views.close().await;
    log.close().await;

    let vault = format!("sqlite:{}", folder.path().join("vault.db").display());
    let mut vault = SqliteConnection::connect(&vault).await.unwrap();
    let destroyed = "update vault_keys set wrapped = null, destroyed_at = 1 where subject = ?";
    sqlx::query(destroyed)
        .bind(member(1).stream())
        .execute(&mut vault)
        .await
        .unwrap();
    vault.close().await.unwrap();

    let log = log::sqlite(folder.path()).await;
    let views = open(&log, &dir).await;
    let reading = views.past("thanks", before, LONG).await.unwrap();
    assert!(
        shows(&views, "thanks", before, "助かりました").await,
        "a file is never changed"
    );
    views.forget_past().await.unwrap();
    assert!(
        reading.readers().acquire().await.is_err(),
        "who has it reads no more"
    );
    assert!(!dir.join("thanks").join("as-of").exists());
    assert!(!shows(&views, "thanks", before, "助かりました").await);
    assert_eq!(
        rows_of(&views.past("thanks", before, LONG).await.unwrap())
            .await
            .len(),
        1
    );
}
