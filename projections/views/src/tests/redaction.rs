//! Events that rest on what was redacted are passed over, and no others.

use meguri_events::{EntryHex, Event, EventRedacted, MemberBlocked, MemberUnblocked};
use meguri_log::Position;

use super::run::{LONG, open};
use meguri_engine::WaitError;

use crate::Moment;
use crate::testing::{
    log,
    story::{member, need, need_closed, need_edited, need_posted, registered},
};

/// What a redaction of the first event of a stream says.
fn redacted(stream: &str, event_type: &str, position: Position) -> Event {
    EventRedacted {
        position: position.get(),
        stream: stream.parse().unwrap(),
        version: 1,
        event_type: event_type.parse().unwrap(),
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
        let said = redacted(&need(1).stream(), "NeedPosted", posted);
        log::append(&log, &[said]).await;
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

#[tokio::test]
async fn a_block_that_was_redacted_is_taken_back_like_any_other_c12() {
    log::on_both(async |log, folder| {
        let (by, blocked) = (member(1), member(2));
        let block = MemberBlocked { by, blocked }.into();
        let position = log::append(&log, &[block]).await;
        let said = redacted(&by.block_stream(blocked), "MemberBlocked", position);
        log::append(&log, &[said]).await;
        log.empty_event(position).await.unwrap();
        let back = log::append(&log, &[MemberUnblocked { by, blocked }.into()]).await;
        let views = open(&log, &folder.join("views")).await;
        views.wait_for("blocks", back, LONG).await.unwrap();
        assert_eq!(
            Moment::live(&views).blocks().hidden_from(by).await.unwrap(),
            []
        );
        views.close().await;
    })
    .await;
}
