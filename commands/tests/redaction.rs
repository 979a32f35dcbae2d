//! Redacting an event: its stream is frozen at once and everywhere; what was cut off is finished.

use meguri_commands::{CommandError, NewNickname, reapply_erasures, redact};
use meguri_events::{EntryHex, Event, EventRedacted};
use meguri_log::{Append, Cause, Filter, Log, NewEvent, Position, Recorded};

use crate::support::World;

async fn at(log: &Log, position: Position) -> Recorded {
    let before = Position::new(position.get() - 1);
    let block = log.read_all(before, &Filter::default(), 1).await.unwrap();
    block.events[0].clone()
}

fn named(nickname: &str) -> NewNickname {
    NewNickname {
        nickname: nickname.to_owned(),
    }
}

/// Says that an event is redacted, as a process had that broke down then.
async fn say_only(log: &Log, event: &Recorded) {
    let said = Event::from(EventRedacted {
        position: event.position().get(),
        stream: event.stream().parse().unwrap(),
        version: event.version().get(),
        event_type: event.event_type().parse().unwrap(),
        entry: EntryHex::new(event.entry()),
        order: "7".parse().unwrap(),
    });
    let said = said.encode().unwrap();
    let event = NewEvent {
        id: uuid::Uuid::now_v7(),
        stream: event.stream().parse().unwrap(),
        event_type: said.event_type.into(),
        schema: said.schema,
        data: said.data,
        sealed: vec![],
    };
    let cause = Cause {
        actor: "operator-keiko".to_owned(),
        ..Cause::default()
    };
    let append = Append {
        cause,
        events: vec![event],
        ..Append::default()
    };
    log.append(append).await.unwrap();
}

on_both_backends! {
    async fn no_process_goes_on_from_a_state_that_it_has_kept(world: &World) {
        let aki = world.member("aki").await;
        let renamed = world.commands.change_nickname(&aki, named("あき")).await.unwrap();
        let other = world.another_process().await;
        let order = "2026-wa-1234".parse().unwrap();
        let redacted = redact(other.log(), "operator-keiko", renamed.position, &order);
        assert!(!redacted.await.unwrap().repeated);
        let frozen = world.commands.change_nickname(&aki, named("アキ")).await;
        assert!(matches!(frozen, Err(CommandError::Frozen { .. })), "{frozen:?}");
        assert_eq!(at(world.log(), renamed.position).await.header_text(), None);
    }

    async fn a_redaction_that_was_cut_off_is_finished_at_the_next_start(world: &World) {
        let aki = world.member("aki").await;
        let renamed = world.commands.change_nickname(&aki, named("あき")).await.unwrap();
        reapply_erasures(world.log()).await.unwrap();
        say_only(world.log(), &at(world.log(), renamed.position).await).await;
        let frozen = world.commands.change_nickname(&aki, named("アキ")).await;
        assert!(matches!(frozen, Err(CommandError::Frozen { .. })), "{frozen:?}");
        assert!(at(world.log(), renamed.position).await.header_text().is_some(), "cut off");
        reapply_erasures(world.log()).await.unwrap();
        assert_eq!(at(world.log(), renamed.position).await.header_text(), None);
    }
}
