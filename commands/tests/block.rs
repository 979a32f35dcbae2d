//! Blocks: neither side opens an exchange with the other, and what runs goes on.

use meguri_commands::{Caller, CommandError, NewMessage, NewThanks, RefusalKind};
use meguri_events::PostId;
use meguri_http::MEMBER;
use serde_json::json;

use crate::support::{Answered, Call, World, code, request};

const BLOCK_AKI: &str = "/api/members/aki/block";
const BLOCK_HARU: &str = "/api/members/haru/block";

async fn token(world: &World, member: &Caller) -> String {
    let (vault, subject) = (world.log().vault(), member.id().unwrap().stream());
    vault.issue_token(&subject, MEMBER).await.unwrap()
}

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

    async fn a_member_blocks_over_http_once_and_takes_back_only_their_own_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let (by_aki, by_haru) = (token(world, &aki).await, token(world, &haru).await);
        let offer = world.offer(&haru).await;
        let app = world.app();
        let send = async |method, path: &str, by: &str, key: &str| -> Answered {
            let call = Call::new(method, path).by(by).header("idempotency-key", key);
            call.send(&app).await
        };
        let blocked = send("POST", BLOCK_HARU, &by_aki, "1").await;
        assert_eq!(blocked.status, 200, "{blocked:?}");
        for key in ["1", "2"] {
            let again = send("POST", BLOCK_HARU, &by_aki, key).await;
            assert_eq!((again.status.as_u16(), &again.body), (200, &blocked.body));
        }
        assert_eq!(between(world, &aki, &haru).await, ["MemberBlocked"]);
        let not_theirs = send("DELETE", BLOCK_AKI, &by_haru, "1").await;
        assert_eq!(not_theirs.outcome(), (422, "not-blocked".to_owned()));
        // As an Offer that there is not.
        let id = offer.stream().replace("offer-", "");
        let opening = json!({"message": "お願いします", "mode": "in_person"});
        let path = format!("/api/offers/{id}/requests");
        let hidden = Call::new("POST", path).by(&by_aki).body(opening.clone()).send(&app).await;
        let path = format!("/api/offers/{}/requests", uuid::Uuid::nil());
        let none = Call::new("POST", path).by(&by_aki).body(opening).send(&app).await;
        assert_eq!((hidden.status.as_u16(), &hidden.body), (404, &none.body));
        let back = send("DELETE", BLOCK_HARU, &by_aki, "3").await;
        assert_eq!(back.status, 200, "{back:?}");
        assert_eq!(send("DELETE", BLOCK_HARU, &by_aki, "3").await.body, back.body);
        let twice = send("DELETE", BLOCK_HARU, &by_aki, "4").await;
        assert_eq!(twice.outcome(), (422, "not-blocked".to_owned()));
    }
}

#[tokio::test]
async fn nobody_blocks_themselves_nor_who_is_not_there_c12() {
    let world = World::on_sqlite().await;
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let by_aki = token(&world, &aki).await;
    let app = world.app();
    for (path, outcome) in [
        (BLOCK_AKI, (422, "blocking-oneself")),
        ("/api/members/nobody/block", (404, "not-found")),
        ("/api/members/1/block", (404, "not-found")),
    ] {
        let refused = Call::new("POST", path).by(&by_aki).send(&app).await;
        assert_eq!(
            refused.outcome(),
            (outcome.0, outcome.1.to_owned()),
            "{path}"
        );
    }
    let unknown = Call::new("POST", BLOCK_HARU).send(&app).await;
    assert_eq!(unknown.status, 401);
    world.commands.leave(&haru).await.unwrap();
    let gone = Call::new("POST", BLOCK_HARU).by(&by_aki).send(&app).await;
    assert_eq!(gone.outcome(), (422, "other-member-has-left".to_owned()));
    assert_eq!(
        code(world.commands.block(&haru, "aki").await),
        "member-has-left"
    );
    assert_eq!(world.count("MemberBlocked").await, 0);
}
