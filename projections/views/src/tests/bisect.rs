//! What goes wrong while a view is built is caught, and the event is found from which on it did.

use std::{
    fs,
    path::{Path, PathBuf},
};

use meguri_events::Event;
use meguri_log::{Filter, Log, Position};

use super::{damage::profiles, run::LONG, verify::event};
use meguri_engine::{
    Bisected, Mismatch, Other, Verified, View, ViewState, Views,
    files::view_file::{More, ViewFile},
    folding::{
        decode::{Batch, Consumed, Content, decode},
        outcome::Advanced,
    },
};

use crate::{
    catalog::Catalog,
    profiles::Profiles,
    testing::{
        log, of,
        story::{nickname_changed, registered, whole_exchange},
    },
    thanks::Thanks,
};

/// A file of a view that was built from these events of the log, as they come.
async fn built<V: View<Fact = Event>>(
    log: &Log,
    dir: &Path,
    change: impl Fn(&mut Vec<Consumed>),
) -> ViewFile {
    let view = of::<V>();
    let block = log
        .read_all(Position::ZERO, &Filter::default(), 1_000)
        .await
        .unwrap();
    let mut batch = decode(log, &Catalog, view.kinds(), Position::ZERO, &block)
        .await
        .unwrap();
    change(&mut batch.events);
    let stem = format!("{}-{}", view.version(), view.fingerprint());
    let dir = dir.join(V::NAME);
    let mut file = ViewFile::open(&dir, &stem, view, crate::settings().limits())
        .await
        .unwrap();
    let batch = Batch::new(Position::ZERO, batch.events);
    let folded = file
        .advance(&batch, batch.up_to(), More::Unknown)
        .await
        .unwrap();
    assert_eq!(folded, Advanced::Folded);
    file.commit().await.unwrap();
    file.finish().await.unwrap();
    let current = format!(r#"{{"live":"{stem}","previous":null}}"#);
    fs::write(dir.join("current"), current).unwrap();
    file
}

/// The same event once more.
fn again(consumed: &Consumed) -> Consumed {
    let Content::Event(event) = &consumed.content else {
        panic!("nobody wants it")
    };
    Consumed {
        entry: consumed.entry,
        content: Content::Event(event.clone()),
    }
}

/// Two members; the first takes another name, and then they help each other.
fn renamed_and_helped() -> Vec<meguri_events::Event> {
    let mut story = vec![
        registered(1, "hanako"),
        registered(2, "taro"),
        nickname_changed(1, "はな"),
    ];
    story.extend(whole_exchange(1, 1, 2));
    story
}

/// Demands that a file which consumed other events is not served, and that what is, is right.
async fn assert_not_served(log: &Log, dir: &Path) {
    let views = profiles(log, dir).await;
    let ViewState::Withdrawn { reason } = views.status()[0].state.clone() else {
        panic!("it is served")
    };
    assert!(reason.contains("it has consumed the tree"), "{reason}");
    views
        .wait_for("profiles", log.known_head(), LONG)
        .await
        .unwrap();
    let verified = views.verify("profiles", None).await.unwrap();
    assert!(matches!(verified, Verified::Equal { .. }), "{verified:?}");
}

#[tokio::test]
async fn an_event_that_was_skipped_or_consumed_twice_in_a_build_is_found_at_the_start() {
    log::on_both(async |log, folder| {
        log::append(&log, &renamed_and_helped()).await;
        let dir = folder.join("skipped");
        built::<Profiles>(&log, &dir, |events| drop(events.remove(2))).await;
        assert_not_served(&log, &dir).await;
        // Also one that the view does not want.
        let dir = folder.join("unwanted");
        built::<Profiles>(&log, &dir, |events| drop(events.remove(3))).await;
        assert_not_served(&log, &dir).await;
        let dir = folder.join("twice");
        built::<Profiles>(&log, &dir, |events| {
            events.insert(3, again(&events[2]));
            events.pop();
        })
        .await;
        assert_not_served(&log, &dir).await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_folded_twice_stops_a_view_whose_rows_are_made_once() {
    log::on_both(async |log, folder| {
        let head = log::append(&log, &renamed_and_helped()).await;
        let mut file = built::<Thanks>(&log, folder, |_| {}).await;
        let block = log
            .read_all(Position::ZERO, &Filter::default(), 1_000)
            .await
            .unwrap();
        let view = of::<Thanks>();
        let batch = decode(&log, &Catalog, view.kinds(), Position::ZERO, &block);
        let batch = batch.await.unwrap();
        let twice = Batch::new(head, vec![again(batch.events.last().unwrap())]);
        let stopped = file
            .advance(&twice, twice.up_to(), More::Unknown)
            .await
            .unwrap();
        let Advanced::Stopped(poison) = stopped else {
            panic!("it was folded: {stopped:?}")
        };
        assert!(
            poison.reason.contains("its row is there already"),
            "{}",
            poison.reason
        );
    })
    .await;
}

async fn bisected(views: &Views, other: &Other) -> Bisected {
    views.bisect("profiles", other, None).await.unwrap()
}

#[tokio::test]
async fn an_event_whose_effect_is_missing_is_found_as_the_first_after_which_builds_differ() {
    log::on_both(async |log, folder| {
        let head = log::append(&log, &renamed_and_helped()).await;
        let dir = folder.join("views");
        let file = built::<Profiles>(&log, &dir, |events| events[2].content = Content::Unwanted);
        let path = file.await.database();
        let views = profiles(&log, &dir).await;
        views.wait_for("profiles", head, LONG).await.unwrap();
        assert_eq!(
            views.prove("profiles").await.unwrap().mismatch,
            None,
            "it is right in itself"
        );
        for other in [Other::Live, Other::File { path }] {
            let Bisected::Differs {
                position,
                differing,
                watched,
                first,
                exact,
                rows,
                mismatch,
            } = bisected(&views, &other).await
            else {
                panic!("{other:?} is equal")
            };
            assert_eq!((position, differing, watched, mismatch), (head, 1, 1, None));
            assert_eq!(first, Some(event(3, "NicknameChanged")));
            assert!(exact);
            assert_eq!(rows[0].row.changes()[0].0, "nickname");
            assert_ne!(rows[0].last, first, "others have touched it since");
        }
        assert!(matches!(
            views.verify("profiles", None).await.unwrap(),
            Verified::Differs {
                mismatch: Mismatch::Differs { differing: 1 },
                ..
            }
        ));
        views.retry("profiles").await.unwrap_err();
        views.wait_for("profiles", head, LONG).await.unwrap();
        let rows = 2;
        assert_eq!(
            bisected(&views, &Other::Live).await,
            Bisected::Equal {
                position: head,
                rows
            }
        );
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_never_consumed_is_found_though_all_others_have_moved() {
    log::on_both(async |log, folder| {
        let head = log::append(&log, &renamed_and_helped()).await;
        let beside = folder.join("beside");
        let file = built::<Profiles>(&log, &beside, |events| drop(events.remove(2))).await;
        let path = file.database();
        let views = profiles(&log, &folder.join("views")).await;
        views.wait_for("profiles", head, LONG).await.unwrap();
        let Bisected::Differs {
            position,
            first,
            exact,
            mismatch,
            ..
        } = bisected(&views, &Other::File { path }).await
        else {
            panic!("it is equal")
        };
        assert_eq!(position.next(), head);
        assert_eq!((first, exact), (Some(event(3, "NicknameChanged")), true));
        assert!(
            matches!(mismatch, Some(Mismatch::Root { .. })),
            "{mismatch:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn only_a_file_of_the_view_and_of_this_log_can_be_bisected() {
    log::on_both(async |log, folder| {
        let short = log::append(&log, &[registered(1, "hanako")]).await;
        let views = profiles(&log, &folder.join("views")).await;
        views.wait_for("profiles", short, LONG).await.unwrap();
        let refused = async |path: PathBuf| {
            let other = Other::File { path };
            let refused = views.bisect("profiles", &other, None).await;
            refused.unwrap_err().to_string()
        };
        let other = built::<Thanks>(&log, &folder.join("other"), |_| {})
            .await
            .database();
        let reason = refused(other).await;
        assert!(
            reason.ends_with("cannot be compared: it is of the view thanks"),
            "{reason}"
        );
        let longer = built::<Profiles>(&log, &folder.join("longer"), |events| {
            events.push(again(&events[0]));
        })
        .await;
        let reason = refused(longer.database()).await;
        assert!(
            reason.contains("it has consumed 2 events, and the log has 1"),
            "{reason}"
        );
        let text = folder.join("text");
        fs::write(&text, "no database ".repeat(999)).unwrap();
        let reason = refused(text).await;
        assert!(reason.contains("file is not a database"), "{reason}");
        let previous = views.bisect("profiles", &Other::Previous, None).await;
        let reason = previous.unwrap_err().to_string();
        assert_eq!(
            reason,
            "the view profiles has no earlier file to compare with"
        );
    })
    .await;
}
