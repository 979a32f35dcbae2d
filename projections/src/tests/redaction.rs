//! Events that rest on what was redacted are passed over, and no others.

use meguri_events::{EntryHex, Event, EventRedacted};
use meguri_log::Position;

use super::run::{LONG, open};
use crate::{
    testing::{
        log,
        story::{need_closed, need_edited, need_posted, registered},
    },
    views::WaitError,
};

/// What a redaction of the need's first event says.
fn redacted(need: u128, position: Position) -> Event {
    let stream = crate::testing::story::need(need).stream();
    EventRedacted {
        position: position.get(),
        stream: stream.parse().unwrap(),
        version: 1,
        event_type: "NeedPosted".parse().unwrap(),
        entry: EntryHex::new(&[0; 33]),
        order: "2026-wa-1".parse().unwrap(),
    }
    .into()
}

#[tokio::test]
async fn what_rests_on_a_redacted_event_is_passed_over_and_nothing_else() {
    log::on_both(async |log, folder| {
        log::append(&log, &[registered(1, "hanako")]).await;
        let posted = log::append(&log, &[need_posted(1, 1, "棚", &[])]).await;
        log::append(&log, &[redacted(1, posted)]).await;
        log.empty_event(posted).await.unwrap();
        let edited = [need_edited(1, 1, "本棚", &[]), need_closed(1, 1)];
        let closed = log::append(&log, &edited).await;
        let views = open(&log, &folder.join("views")).await;
        for view in ["board", "search"] {
            views.wait_for(view, closed, LONG).await.unwrap();
        }
        // Nobody has posted this one, and nothing of it was redacted.
        let unknown = log::append(&log, &[need_closed(2, 1)]).await;
        for view in ["board", "search"] {
            let waited = views.wait_for(view, unknown, LONG).await;
            let Err(WaitError::Stopped {
                reached, reason, ..
            }) = waited
            else {
                panic!("{view} did not stop: {waited:?}")
            };
            assert_eq!(reached, closed, "{view}");
            assert!(reason.contains("there is no row"), "{reason}");
        }
        views.close().await;
    })
    .await;
}
