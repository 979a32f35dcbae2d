//! Blocks over HTTP.

use meguri_commands::Caller;
use meguri_domain::role::MEMBER;
use meguri_test_community::{World, code, on_both_backends};
use serde_json::json;

use crate::http::{Answered, Call, app};

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

on_both_backends! {
    async fn a_member_blocks_over_http_once_and_takes_back_only_their_own_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let (by_aki, by_haru) = (token(world, &aki).await, token(world, &haru).await);
        let offer = world.offer(&haru).await;
        let app = app(world);
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
    let app = app(&world);
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
