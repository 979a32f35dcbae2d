//! Redacting an event: its stream is frozen at once and everywhere; what was cut off is finished.

use meguri_commands::{CommandError, NewMessage, NewNickname, reapply_erasures, redact};
use meguri_events::{EntryHex, Event, EventRedacted, KeyClass};
use meguri_log::{
    Append, Cause, Filter, Log, NewEvent, Position, Recorded, SectionContent, StreamRange, Version,
};

use meguri_test_community::{World, on_both_backends};

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

fn words() -> NewMessage {
    NewMessage {
        text: "はい".to_owned(),
        keep_negotiating: true,
        terms_version: None,
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

    async fn an_exchange_goes_on_after_a_message_of_it_was_redacted(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.requested(&aki, &haru).await;
        let said = world.commands.post_message(&aki, exchange, words()).await.unwrap();
        let order = "2026-wa-1234".parse().unwrap();
        redact(world.log(), "operator-keiko", said.position, &order).await.unwrap();
        for commands in [&world.commands, &world.another_process().await] {
            let next = commands.post_message(&haru, exchange, words()).await.unwrap();
            say_only(world.log(), &at(world.log(), next.position).await).await;
            commands.post_message(&aki, exchange, words()).await.unwrap();
        }
        // Emptied, and nothing says why.
        let last = world.commands.post_message(&aki, exchange, words()).await.unwrap();
        world.log().empty_event(last.position).await.unwrap();
        let other = world.another_process().await;
        let frozen = other.post_message(&haru, exchange, words()).await;
        assert!(matches!(frozen, Err(CommandError::Frozen { .. })), "{frozen:?}");
    }

    async fn a_member_of_whom_something_was_redacted_can_be_erased_all_the_same(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let renamed = world.commands.change_nickname(&aki, named("あき")).await.unwrap();
        let own = haru.id().unwrap().stream().parse().unwrap();
        let range = StreamRange::forward_from(Version::new(1));
        let registered = world.log().read_stream(&own, range).await.unwrap()[0].position();
        let order = "2026-wa-1234".parse().unwrap();
        for position in [renamed.position, registered] {
            redact(world.log(), "operator-keiko", position, &order).await.unwrap();
        }
        let (first, own) = (Version::new(1), aki.id().unwrap().stream().parse().unwrap());
        let range = StreamRange::forward_from(first);
        let events = world.log().read_stream(&own, range).await.unwrap();
        for (member, events) in [(&aki, 6), (&haru, 5)] {
            let erasure = world.commands.erase(member, &[]).await.unwrap();
            assert!(erasure.keys_destroyed, "{erasure:?}");
            assert_eq!(erasure.erased, KeyClass::ALL);
            let told = world.types_in(&member.id().unwrap().stream()).await;
            assert_eq!(told.len(), events, "{told:?}");
            assert_eq!(told[events - 3..], ["MemberLeft", "MemberErased", "KeysDestroyed"]);
            world.commands.erase(member, &[]).await.unwrap();
            assert_eq!(world.types_in(&member.id().unwrap().stream()).await, told, "that is all");
            let frozen = world.commands.change_nickname(member, named("アキ")).await;
            assert!(matches!(frozen, Err(CommandError::Frozen { .. })), "{frozen:?}");
        }
        let opened = world.log().open_events(&events[..1]).await.unwrap().next();
        let sections = opened.unwrap().unwrap().unwrap().sections;
        let erased = sections.iter().filter(|it| it.content == SectionContent::Erased);
        assert_eq!((sections.len(), erased.count()), (2, 2), "nothing opens any more");
    }
}
