//! A view that is not what it should be is read no more, and comes back right by itself.

use meguri_events::Event;
use std::cell::Cell;

use super::{
    run::{LONG, rows},
    verify::{assert_back, by_hand, differs, event, forged, renamed},
};
use meguri_engine::{
    AnyRows, Decoded, FoldError, InspectError, Mismatch, RebuildStep, Rows, Verified, View,
    ViewSet, ViewSettings, ViewState, Views,
};

use crate::Moment;
use crate::{
    catalog::Catalog,
    column::table,
    testing::{
        log,
        story::{nickname_changed, registered},
    },
};

#[tokio::test]
async fn a_withdrawn_view_is_not_read_and_comes_back_by_itself() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let expected = rows(&views, "profiles").await;
        by_hand(&views, "profiles", "update member set nickname = 'X'").await;
        assert!(views.prove("profiles").await.unwrap().mismatch.is_some());
        let state = || views.status()[1].state.clone();
        while state() == ViewState::Live {
            tokio::task::yield_now().await;
        }
        assert!(
            matches!(state(), ViewState::Withdrawn { .. }),
            "{:?}",
            state()
        );
        assert!(
            Moment::live(&views)
                .profiles()
                .by_user_name("hanako")
                .await
                .is_err()
        );
        views
            .wait_for("profiles", log.known_head(), LONG)
            .await
            .unwrap();
        assert_eq!(state(), ViewState::Live);
        assert_eq!(rows(&views, "profiles").await, expected);
    })
    .await;
}

#[tokio::test]
async fn who_verifies_hears_how_far_it_is_and_nobody_else_does_it_meanwhile() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        by_hand(&views, "profiles", "update member set nickname = 'X'").await;
        let (steps, mut told) = tokio::sync::mpsc::channel(64);
        let verifying = views.verify("profiles", Some(steps));
        let other = async {
            let first = told.recv().await;
            let refused = views.verify("profiles", None).await;
            assert!(
                matches!(refused, Err(InspectError::Busy("profiles"))),
                "{refused:?}"
            );
            let mut all = Vec::from_iter(first);
            while let Some(step) = told.recv().await {
                all.push(step);
            }
            all
        };
        let (verified, steps) = tokio::join!(verifying, other);
        let position = log.known_head();
        assert!(matches!(
            verified.unwrap(),
            Verified::Differs { differing: 3, .. }
        ));
        let head = position;
        assert!(
            steps.contains(&RebuildStep::Folded { position, head }),
            "{steps:?}"
        );
        assert!(
            steps.contains(&RebuildStep::Comparing { position }),
            "{steps:?}"
        );
        assert!(
            steps.contains(&RebuildStep::Tracing { rows: 3 }),
            "{steps:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_live_before_does_not_come_back_when_a_view_is_withdrawn() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let expected = rows(&views, "profiles").await;
        let wrong = "update member set nickname = 'X'";
        forged(&views, "profiles", wrong).await;
        let mut steps = views.rebuild("profiles").await.unwrap();
        while steps.recv().await.is_some() {}
        forged(&views, "profiles", wrong).await;
        differs(&views, "profiles").await;
        assert_back(&views, "profiles", &expected).await;
    })
    .await;
}

table! {
    /// A number drawn for a member.
    pub struct Drawn in "drawn"
    by {
        /// The position.
        position: u64,
    }
    with {
        /// The number.
        number: u64,
    }
}

/// Draws lots: its rows depend on more than the events.
#[derive(Default)]
struct Lottery {
    drawn: Rows<Drawn>,
}

thread_local! {
    /// Of one test alone: each runs all its tasks on a thread of its own.
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

impl View for Lottery {
    type Fact = Event;
    const NAME: &'static str = "lottery";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str =
        "create table drawn (position integer primary key, number integer not null) strict;";
    const WANTS: &'static [&'static str] = &["MemberRegistered"];

    fn keys(&mut self, _: &Event) {}

    fn fold(&mut self, _: &Event, event: &Decoded) -> Result<(), FoldError> {
        DRAWN.set(DRAWN.get() + 1);
        self.drawn.put(Drawn {
            position: event.position.get(),
            number: DRAWN.get(),
        });
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.drawn]
    }
}

#[tokio::test]
async fn a_fold_that_depends_on_more_than_the_events_is_found() {
    log::on_both(async |log, folder| {
        let events = [
            registered(1, "hanako"),
            nickname_changed(1, "はな"),
            registered(2, "taro"),
        ];
        let position = log::append(&log, &events).await;
        let settings = ViewSettings {
            views: ViewSet::of(&Catalog).and::<Lottery>(),
            ..crate::settings()
        };
        let views = Views::open(log, folder.join("views"), settings)
            .await
            .unwrap();
        views.wait_for_all(position, LONG).await.unwrap();
        assert_eq!(views.prove("lottery").await.unwrap().mismatch, None);
        let (mismatch, _, first) = differs(&views, "lottery").await;
        assert_eq!(mismatch, Mismatch::Differs { differing: 2 });
        let events: Vec<_> = first.iter().map(|row| row.last.clone().unwrap()).collect();
        assert_eq!(
            events,
            [event(1, "MemberRegistered"), event(3, "MemberRegistered")]
        );
    })
    .await;
}
