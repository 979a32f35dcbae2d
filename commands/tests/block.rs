//! Blocks: neither side opens an exchange with the other, and what runs goes on.

use meguri_commands::{Caller, CommandError, NewMessage, NewThanks, RefusalKind};
use meguri_events::PostId;
use meguri_test_community::{World, code, on_both_backends, request};

/// The types of the events between two members.
async fn between(world: &World, one: &Caller, other: &Caller) -> Vec<String> {
    let (one, other) = (one.id().unwrap(), other.id().unwrap());
    assert_eq!(one.block_stream(other), other.block_stream(one));
    world.types_in(&one.block_stream(other)).await
}

/// Whether this member is told that there is no such post.
async fn hidden(world: &World, opener: &Caller, post: PostId) -> bool {
    match world.commands.open_exchange(opener, post, request()).await {
        Err(CommandError::Refused(refusal)) => {
            assert_eq!(
                (refusal.code, refusal.kind),
                ("blocked", RefusalKind::Hidden)
            );
            true
        }
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

on_both_backends! {
    async fn neither_side_of_a_block_opens_an_exchange_until_it_is_taken_back_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let (of_aki, of_haru) = (world.offer(&aki).await, world.offer(&haru).await);
        world.commands.block(&aki, "haru").await.unwrap();
        assert!(hidden(world, &haru, of_aki).await, "of who blocks");
        assert!(hidden(world, &aki, of_haru).await, "of who is blocked");
        // The other process has none of these states in its cache.
        let other = world.another_process().await;
        let refused = other.open_exchange(&haru, of_aki, request()).await;
        assert_eq!(code(refused), "blocked");
        world.commands.unblock(&aki, "haru").await.unwrap();
        assert!(!hidden(world, &haru, of_aki).await);
        assert!(!hidden(world, &aki, of_haru).await);
        assert_eq!(between(world, &aki, &haru).await, ["MemberBlocked", "MemberUnblocked"]);
    }

    async fn an_exchange_that_runs_goes_on_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let running = world.started(&aki, &haru).await;
        world.commands.block(&aki, "haru").await.unwrap();
        for member in [&aki, &haru] {
            let text = "これまでどおり".to_owned();
            let message = NewMessage { text, keep_negotiating: true, terms_version: None };
            world.commands.post_message(member, running, message).await.unwrap();
            world.commands.report_completion(member, running).await.unwrap();
        }
        world.commands.send_thanks(&haru, running, NewThanks::default()).await.unwrap();
        assert_eq!(world.count("ThanksSent").await, 1);
    }

    async fn of_a_block_and_an_opening_at_once_never_the_opening_comes_later_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let other = world.another_process().await;
        for _ in 0..10 {
            let offer = world.offer(&aki).await;
            let opening = other.open_exchange(&haru, offer, request());
            let (blocked, opened) = tokio::join!(world.commands.block(&aki, "haru"), opening);
            let blocked = blocked.unwrap();
            match opened {
                Ok(opened) => assert!(opened.position < blocked.position),
                Err(error) => assert_eq!(code::<()>(Err(error)), "blocked"),
            }
            world.commands.unblock(&aki, "haru").await.unwrap();
        }
    }
}
