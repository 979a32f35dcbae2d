//! Passwords and tokens: what proves who is asking, and what does not.

use std::time::{Duration, Instant};

use meguri_commands::{Caller, CommandError, CommandSettings, Password, PasswordCost};
use meguri_http::Rate;
use serde_json::json;

use crate::support::{Call, World, new_member, settings};

on_both_backends! {
    async fn a_revoked_token_is_refused_at_once(world: &World) {
        let password = Password::new("おだやかな朝のひかり");
        let aki = world.commands.register_with_password(new_member("aki"), &password, None).await;
        let token = aki.unwrap().token;
        let other = world.commands.log_in("aki", &password).await.unwrap().token;
        let app = world.app();
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
    let listed = listed.send(&world.app()).await;
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
    let app = world.app();
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

#[tokio::test]
async fn an_unknown_user_name_and_a_wrong_password_are_answered_alike_also_in_time() {
    let world = World::on_sqlite().await;
    let cost = PasswordCost {
        memory_kib: 8 * 1024,
        passes: 4,
    };
    let log_in_rate = Rate {
        burst: 100,
        per_minute: 100,
    };
    let slow = CommandSettings {
        password_cost: cost,
        log_in_rate,
        ..settings()
    };
    let commands = world.another_process_with(slow).await;
    let password = Password::new("おだやかな朝のひかり");
    commands
        .register_with_password(new_member("aki"), &password, None)
        .await
        .unwrap();
    let wrong = Password::new("さわがしい夜のあかり");
    // The first log-in of a process is slower, whoever it is.
    commands.log_in("aki", &wrong).await.unwrap_err();
    let timed = async |name: &str| {
        let started = Instant::now();
        let refused = commands.log_in(name, &wrong).await;
        assert_eq!(refused, Err(CommandError::WrongCredentials));
        started.elapsed()
    };
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        known = known.min(timed("aki").await);
        unknown = unknown.min(timed("nobody").await);
    }
    // Without hashing it would take a hundredth.
    assert!(
        unknown > known / 4 && known > unknown / 4,
        "{known:?} {unknown:?}"
    );
}

#[tokio::test]
async fn guessing_under_one_user_name_is_slowed_down() {
    let world = World::on_sqlite().await;
    let slow = CommandSettings {
        log_in_rate: Rate {
            burst: 3,
            per_minute: 6,
        },
        ..settings()
    };
    let commands = world.another_process_with(slow).await;
    let password = Password::new("おだやかな朝のひかり");
    commands
        .register_with_password(new_member("aki"), &password, None)
        .await
        .unwrap();
    for _ in 0..3 {
        let refused = commands
            .log_in("aki", &Password::new("さわがしい夜のあかり"))
            .await;
        assert_eq!(refused, Err(CommandError::WrongCredentials));
    }
    let too_many = commands.log_in("aki", &password).await;
    assert!(
        matches!(too_many, Err(CommandError::TooMany(_))),
        "{too_many:?}"
    );
    let other = commands.log_in("haru", &password).await;
    assert_eq!(
        other,
        Err(CommandError::WrongCredentials),
        "other names are not concerned"
    );
}

#[tokio::test]
async fn a_member_without_password_cannot_log_in() {
    let world = World::on_sqlite().await;
    world.member("aki").await;
    let refused = world.commands.log_in("aki", &Password::new("")).await;
    assert_eq!(refused, Err(CommandError::WrongCredentials));
}

#[tokio::test]
async fn neither_names_nor_passwords_are_in_the_open_part_of_the_log() {
    let world = World::on_sqlite().await;
    let password = Password::new("おだやかな朝のひかり");
    let mut new = new_member("secretname");
    new.nickname = "ひみつのなまえ".to_owned();
    world
        .commands
        .register_with_password(new, &password, None)
        .await
        .unwrap();
    let all = meguri_log::Filter::default();
    let block = world
        .log()
        .read_all(meguri_log::Position::ZERO, &all, 100)
        .await
        .unwrap();
    let open: String = block
        .events
        .iter()
        .filter_map(|event| event.header_text())
        .collect();
    for secret in [
        "secretname",
        "ひみつのなまえ",
        "example.jp",
        "おだやかな朝のひかり",
        "argon2",
    ] {
        assert!(!open.contains(secret), "{secret}");
    }
}
