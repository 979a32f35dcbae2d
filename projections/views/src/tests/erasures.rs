//! One view that cannot erase holds up no other, and is not served for long.

use std::{path::Path, time::Duration};

use meguri_events::{Event, KeyClass, KeyRange, KeysDestroyed, MemberErased};
use meguri_log::{Log, Position};
use meguri_test_logs::append_raw;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    poison::{open_within, tripped_within},
    run::LONG,
};
use meguri_engine::{ViewState, ViewStatus, Views};

use crate::testing::{
    log,
    story::{member, registered},
};

const LONG_ENOUGH: Duration = Duration::from_hours(1);

fn erasure(number: u128) -> [Event; 2] {
    let keys: Vec<_> = KeyClass::ALL
        .iter()
        .map(|class| KeyRange {
            class: *class,
            last: 1,
        })
        .collect();
    let member = member(number);
    let erased = MemberErased {
        member,
        keys: keys.clone(),
        kept: vec![],
        kept_until: None,
    };
    [erased.into(), KeysDestroyed { member, keys }.into()]
}

/// Waits until a view says something of itself.
async fn until(views: &Views, name: &str, says: impl Fn(&ViewStatus) -> bool) -> ViewStatus {
    let begun = Instant::now();
    loop {
        let status = views.status().into_iter().find(|view| view.name == name);
        let status = status.unwrap();
        if says(&status) {
            return status;
        }
        assert!(begun.elapsed() < LONG, "it never came to that: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_view_does_not_stop_erasure_in_the_views_after_it() {
    let folder = TempDir::new().unwrap();
    let (log, views) = tripped_within(&folder, LONG_ENOUGH).await;
    let head = log.known_head();
    views.wait_for("brittle", head, LONG).await.unwrap_err();
    let due = log::append(&log, &erasure(1)).await;
    until(&views, "profiles", |view| view.erased_up_to == Some(due)).await;
    let brittle = until(&views, "brittle", |view| view.erasure_due == Some(due)).await;
    assert!(brittle.is_stopped(), "{brittle:?}");
    assert_eq!(brittle.erased_up_to, None);
}

#[tokio::test]
async fn a_view_that_cannot_erase_in_time_is_not_served_and_has_nothing_of_it_any_more() {
    let folder = TempDir::new().unwrap();
    let (log, views) = tripped_within(&folder, Duration::from_millis(200)).await;
    let head = log.known_head();
    views.wait_for("brittle", head, LONG).await.unwrap_err();
    let due = log::append(&log, &erasure(1)).await;
    let brittle = until(&views, "brittle", |view| view.erased_up_to == Some(due)).await;
    assert_eq!(brittle.erasure_due, None);
    // It stops at the same event again, with a file that never had what is erased.
    let stopped = |view: &ViewStatus| view.is_stopped();
    until(&views, "brittle", stopped).await;
    assert!(
        views.handle("brittle").unwrap().readers().is_none(),
        "it is read"
    );
    until(&views, "profiles", |view| view.erased_up_to == Some(due)).await;
}

/// An event of this type that nobody can read.
async fn unreadable(log: &Log, event_type: &str) -> Position {
    append_raw(log, &member(1).stream(), event_type, 999, "{}").await
}

async fn profiles(log: &Log, dir: &Path) -> Views {
    open_within(log, dir, LONG_ENOUGH).await
}

#[tokio::test]
async fn an_erasure_that_cannot_be_read_is_not_passed_over_and_holds_up_none_after_it() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let dir = folder.path().join("views");
    let head = log::append(&log, &[registered(1, "aki"), registered(2, "haru")]).await;
    let views = profiles(&log, &dir).await;
    views.wait_for("profiles", head, LONG).await.unwrap();
    let live = super::run::live_folder(&views, &dir, "profiles");
    let position = unreadable(&log, "KeysDestroyed").await;
    until(&views, "profiles", |view| {
        view.erased_up_to == Some(position)
    })
    .await;
    let after = super::run::live_folder(&views, &dir, "profiles");
    assert_ne!(live, after, "it was not built anew");
    let due = log::append(&log, &erasure(2)).await;
    let view = until(&views, "profiles", |view| view.erased_up_to == Some(due)).await;
    assert_eq!(view.state, ViewState::Live);
}
