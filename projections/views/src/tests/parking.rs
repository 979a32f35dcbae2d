//! Where the settings say so, a view goes on without a stream that poisons it, and never silently.

use std::path::Path;

use meguri_events::{Event, KeyClass, KeyRange, MemberErased};
use meguri_log::{Log, Position};
use meguri_test_logs::append_raw;
use tempfile::TempDir;

use super::run::{LONG, rows};
use meguri_engine::{OnPoison, Verified, ViewSet, ViewSettings, ViewState, Views, WaitError};

use crate::{
    catalog::Catalog,
    profiles::Profiles,
    testing::{
        log,
        story::{member, nickname_changed, registered, thanked},
    },
};

async fn open(log: &Log, dir: &Path, on_poison: OnPoison) -> Views {
    let settings = ViewSettings {
        on_poison,
        views: ViewSet::of(&Catalog).and::<Profiles>(),
        ..crate::settings()
    };
    Views::open(log.clone(), dir.to_owned(), settings)
        .await
        .unwrap()
}

/// An event that nobody can read, of the stream of a member.
async fn unreadable(log: &Log, number: u128) -> Position {
    append_raw(log, &member(number).stream(), "NicknameChanged", 999, "{}").await
}

#[tokio::test]
async fn a_stream_that_poisons_a_view_is_parked_by_itself_and_shown() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("views");
    let log = log::sqlite(folder.path()).await;
    log::append(&log, &[registered(1, "aki"), registered(2, "haru")]).await;
    let views = open(&log, &dir, OnPoison::ParkStream).await;
    let poison = unreadable(&log, 1).await;
    let later = [
        nickname_changed(1, "left out"),
        nickname_changed(2, "shown"),
        thanked(1, 1, 2, None),
    ];
    let head = log::append(&log, &later).await;
    views.wait_for("profiles", head, LONG).await.unwrap();

    let status = views.status().remove(0);
    assert_eq!(status.state, ViewState::Live);
    assert_eq!((status.parked_streams, status.parked.len()), (1, 1));
    let parked = &status.parked[0];
    assert_eq!(parked.stream, member(1).stream());
    assert_eq!(parked.position, poison);
    assert!(!parked.reason.is_empty());
    let found = rows(&views, "profiles").await.join("\n");
    assert!(
        found.contains("shown") && !found.contains("left out"),
        "{found}"
    );

    // A rebuild leaves out the same, and the certificate says so.
    let verified = views.verify("profiles", None).await.unwrap();
    assert!(matches!(verified, Verified::Equal { .. }), "{verified:?}");
    views.close().await;
    let certified = ViewSet::of(&Catalog)
        .and::<Profiles>()
        .certified(&dir, &log)
        .await;
    let certified = certified.unwrap().remove(0);
    assert_eq!(certified.mismatch, None);
    assert_eq!(certified.parked.len(), 1);

    // It is so at the next start, too, and where parking is off, the view stops instead.
    let views = open(&log, &dir, OnPoison::ParkStream).await;
    views.wait_for("profiles", head, LONG).await.unwrap();
    assert_eq!(views.status()[0].parked_streams, 1);
    views.close().await;
    let views = open(&log, &dir, OnPoison::Stop).await;
    let stopped = views.wait_for("profiles", head, LONG).await;
    assert!(
        matches!(stopped, Err(WaitError::Stopped { .. })),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn an_erasure_in_a_parked_stream_is_folded_all_the_same() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("views");
    let log = log::sqlite(folder.path()).await;
    log::append(&log, &[registered(1, "aki"), registered(2, "haru")]).await;
    let views = open(&log, &dir, OnPoison::ParkStream).await;
    unreadable(&log, 1).await;
    let erased: Event = MemberErased {
        member: member(1),
        keys: vec![KeyRange {
            class: KeyClass::Profile,
            last: 1,
        }],
        kept: vec![],
        kept_until: None,
    }
    .into();
    let head = log::append(&log, &[erased]).await;
    views.wait_for("profiles", head, LONG).await.unwrap();
    let found = rows(&views, "profiles").await.join("\n");
    assert!(!found.contains("aki"), "{found}");
}
