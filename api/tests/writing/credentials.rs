//! Tokens over HTTP: what their owners see of them, and when they end.

use meguri_commands::{Caller, Password};
use meguri_test_community::{World, new_member, on_both_backends};
use serde_json::json;

use crate::http::{Call, app};

on_both_backends! {
    async fn a_revoked_token_is_refused_at_once(world: &World) {
        let password = Password::new("おだやかな朝のひかり");
        let aki = world.commands.register_with_password(new_member("aki"), &password, None).await;
        let token = aki.unwrap().token;
        let other = world.commands.log_in("aki", &password).await.unwrap().token;
        let app = app(world);
        let log_out = || Call::new("DELETE", "/api/tokens/current").by(&token);
        assert_eq!(log_out().send(&app).await.status, 204);
        assert_eq!(log_out().send(&app).await.outcome(), (401, "unauthenticated".into()));
        let rename = json!({"nickname": "秋"});
        let rename = Call::new("PATCH", "/api/me").by(&other).body(rename).send(&app).await;
        assert_eq!(rename.status, 200, "another token of the same member still works");
    }
}

#[tokio::test]
async fn members_see_where_they_are_logged_in() {
    let world = World::on_sqlite().await;
    let password = Password::new("おだやかな朝のひかり");
    let registered = world
        .commands
        .register_with_password(new_member("aki"), &password, None);
    let first = registered.await.unwrap().token;
    world.clock.advance_seconds(60);
    world.commands.log_in("aki", &password).await.unwrap();
    let listed = Call::new("GET", "/api/me/tokens").by(&first);
    let listed = listed.send(&app(&world)).await;
    let items = listed.body["items"].as_array().unwrap();
    let seen = items
        .iter()
        .map(|it| json!([it["issued_at"], it["expires_at"], it["current"]]));
    assert_eq!(
        seen.collect::<serde_json::Value>(),
        json!([
            [
                "2026-11-21T07:01:00.000000Z",
                "2027-02-19T07:01:00.000000Z",
                false
            ],
            [
                "2026-11-21T07:00:00.000000Z",
                "2027-02-19T07:00:00.000000Z",
                true
            ],
        ])
    );
    let shown = listed.body.to_string();
    assert!(!shown.contains(&first), "the token itself is never shown");
}

#[tokio::test]
async fn members_revoke_their_own_tokens_one_by_one() {
    let world = World::on_sqlite().await;
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let issue = async |member: &Caller| {
        let subject = member.id().unwrap().stream();
        let token = world.log().vault().issue_token(&subject, "member").await;
        token.unwrap()
    };
    let (mine, other, theirs) = (issue(&aki).await, issue(&aki).await, issue(&haru).await);
    let (mine, other, theirs) = (mine.as_str(), other.as_str(), theirs.as_str());
    let app = app(&world);
    let id = |token: &str| meguri_log::TokenId::of(token).to_string();
    let revoke = async |id: &str| {
        let revoke = Call::new("DELETE", format!("/api/me/tokens/{id}")).by(mine);
        revoke.send(&app).await.outcome()
    };
    let none = (404, "not-found".to_owned());
    for unknown in [id(theirs).as_str(), "0", "x"] {
        assert_eq!(revoke(unknown).await, none);
    }
    assert_eq!(revoke(&id(other)).await.0, 204);
    assert_eq!(revoke(&id(other)).await, none);
    let list = |token| Call::new("GET", "/api/me/tokens").by(token);
    for (token, status) in [(mine, 200), (other, 401), (theirs, 200)] {
        assert_eq!(list(token).send(&app).await.status, status);
    }
    // One's own token, too: that is logging out.
    assert_eq!(revoke(&id(mine)).await.0, 204);
    assert_eq!(revoke(&id(mine)).await.0, 401);
}
