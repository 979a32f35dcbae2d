//! Passwords under attack: guessing is slow, and locks nobody out.

use std::net::IpAddr;

use axum::Router;
use meguri_commands::{CommandSettings, PasswordCost, Rate};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use meguri_test_community::{World, on_both_backends, settings};

use crate::http::{Answered, Call, app_with};

const RIGHT: &str = "おだやかな朝のひかり";
const WRONG: &str = "さわがしい夜のあかり";
const HOME: &str = "192.0.2.1";
const STRANGER: &str = "198.51.100.9";

fn rate(burst: u32) -> Rate {
    Rate {
        burst,
        per_minute: 0,
    }
}

/// Three wrong passwords of one account from one address; more is left of all else.
fn limits() -> CommandSettings {
    CommandSettings {
        log_in_rate: rate(3),
        log_in_rate_of_place: rate(1_000),
        log_in_rate_of_account: rate(1_000),
        ..settings()
    }
}

fn registration(name: &str, password: &str) -> Value {
    json!({
        "user_name": name, "nickname": name, "mail": format!("{name}@example.jp"),
        "password": password,
    })
}

async fn register(app: &Router, name: &str, from: &str) -> Answered {
    let call = Call::new("POST", "/api/members").from(from);
    let answered = call.body(registration(name, RIGHT)).send(app).await;
    assert_eq!(answered.status, 201, "{answered:?}");
    answered
}

/// Registers under a key; how it was answered.
async fn keyed(app: &Router, body: Value, key: &str, from: &str) -> (u16, String) {
    let call = Call::new("POST", "/api/members").from(from).body(body);
    call.header("idempotency-key", key)
        .send(app)
        .await
        .outcome()
}

async fn log_in(app: &Router, name: &str, password: &str, from: &str) -> (u16, String) {
    let body = json!({"user_name": name, "password": password});
    let call = Call::new("POST", "/api/tokens").from(from).body(body);
    call.send(app).await.outcome()
}

async fn log_in_on(app: &Router, name: &str, password: &str, from: &str, device: &str) -> u16 {
    let body = json!({"user_name": name, "password": password, "device": device});
    let call = Call::new("POST", "/api/tokens").from(from).body(body);
    call.send(app).await.status.as_u16()
}

fn refused() -> (u16, String) {
    (401, "wrong-credentials".to_owned())
}

fn too_many() -> (u16, String) {
    (429, "too-many-requests".to_owned())
}

/// Addresses of as many strangers.
fn strangers(count: u8) -> Vec<String> {
    (0..count)
        .map(|n| IpAddr::from([203, 0, 113, n]).to_string())
        .collect()
}

on_both_backends! {
    async fn a_stranger_who_guesses_locks_nobody_but_themselves_out(world: &World) {
        let app = app_with(world, limits()).await;
        let device = register(&app, "aki", HOME).await.text("device");
        for guess in 0..20 {
            let expected = if guess < 3 { refused() } else { too_many() };
            assert_eq!(log_in(&app, "aki", WRONG, STRANGER).await, expected, "{guess}");
        }
        for from in [HOME, "192.0.2.77", "2001:db8::1"] {
            assert_eq!(log_in(&app, "aki", RIGHT, from).await.0, 201, "{from}");
        }
        assert_eq!(log_in(&app, "haru", WRONG, STRANGER).await, refused(), "another name");
        // At the stranger's own address the member's device gets in, and nobody else.
        assert_eq!(log_in(&app, "aki", RIGHT, STRANGER).await, too_many());
        assert_eq!(log_in_on(&app, "aki", RIGHT, STRANGER, &device).await, 201);
    }

    async fn a_password_is_guessed_slowly_from_any_number_of_addresses(world: &World) {
        let limits = CommandSettings { log_in_rate_of_account: rate(5), ..limits() };
        let app = app_with(world, limits.clone()).await;
        let device = register(&app, "aki", HOME).await.text("device");
        let mut wrong = 0;
        for from in strangers(40) {
            let answered = log_in(&app, "aki", WRONG, &from).await;
            assert!(answered == refused() || answered == too_many());
            wrong += usize::from(answered == refused());
        }
        assert_eq!(wrong, 5);
        assert_eq!(log_in(&app, "aki", RIGHT, HOME).await.0, 201, "home is known");
        assert_eq!(log_in_on(&app, "aki", RIGHT, STRANGER, &device).await, 201);
        assert_eq!(log_in(&app, "haru", WRONG, STRANGER).await, refused());
        // Home is known after a restart, too.
        let restarted = app_with(world, limits).await;
        for from in strangers(40) {
            log_in(&restarted, "aki", WRONG, &from).await;
        }
        assert_eq!(log_in(&restarted, "aki", RIGHT, "192.0.2.99").await, too_many());
        assert_eq!(log_in(&restarted, "aki", RIGHT, HOME).await.0, 201);
    }

    async fn repeating_a_registration_guesses_no_password_and_tells_nothing(world: &World) {
        let app = app_with(world, limits()).await;
        let first = keyed(&app, registration("aki", RIGHT), "k-1", HOME).await;
        assert_eq!(first.0, 201);
        let mut guesses = Vec::new();
        // One who knows the key and all that was sent under it, and one who knows neither.
        for (key, mail, from) in [
            ("k-1", "aki@example.jp", strangers(2)[0].clone()),
            ("k-2", "other@example.jp", strangers(2)[1].clone()),
        ] {
            let mut body = registration("aki", WRONG);
            body["mail"] = mail.into();
            let mut answers = Vec::new();
            for _ in 0..8 {
                answers.push(keyed(&app, body.clone(), key, &from).await);
            }
            guesses.push(answers);
        }
        assert_eq!(guesses[0], guesses[1]);
        let taken = (409, "user-name-taken".to_owned());
        assert_eq!(guesses[0][..3], [taken.clone(), taken.clone(), taken]);
        assert_eq!(guesses[0][3..], vec![too_many(); 5]);
        // It was one limit with that of logging in.
        assert_eq!(log_in(&app, "aki", WRONG, &strangers(1)[0]).await, too_many());
        // Whoever registered gets their answer again, from wherever they are now.
        for from in [HOME, "192.0.2.50"] {
            assert_eq!(keyed(&app, registration("aki", RIGHT), "k-1", from).await.0, 201);
        }
        assert_eq!(world.count("MemberRegistered").await, 1);
    }
}

#[tokio::test]
async fn made_up_names_use_up_what_one_address_has() {
    let world = World::on_sqlite().await;
    let limits = CommandSettings {
        log_in_rate_of_place: rate(5),
        ..limits()
    };
    let app = app_with(&world, limits).await;
    register(&app, "aki", STRANGER).await;
    for guess in 0..20 {
        let expected = if guess < 5 { refused() } else { too_many() };
        let name = format!("nobody{guess}");
        assert_eq!(
            log_in(&app, &name, WRONG, STRANGER).await,
            expected,
            "{guess}"
        );
    }
    // A neighbour behind the same address who has been here before is not concerned.
    assert_eq!(log_in(&app, "aki", RIGHT, STRANGER).await.0, 201);
    assert_eq!(log_in(&app, "aki", RIGHT, HOME).await.0, 201);
}

#[tokio::test]
async fn names_that_nobody_can_have_are_limited_as_any_other() {
    let world = World::on_sqlite().await;
    let app = app_with(&world, limits()).await;
    for guess in 0..6 {
        let expected = if guess < 3 { refused() } else { too_many() };
        let name = format!("!{guess}");
        assert_eq!(
            log_in(&app, &name, WRONG, STRANGER).await,
            expected,
            "{guess}"
        );
    }
}

#[tokio::test]
async fn an_ipv6_stranger_is_a_network_and_not_an_address() {
    let world = World::on_sqlite().await;
    let app = app_with(&world, limits()).await;
    register(&app, "aki", HOME).await;
    for guess in 0..8 {
        let expected = if guess < 3 { refused() } else { too_many() };
        let from = format!("2001:db8:0:1::{guess}");
        assert_eq!(log_in(&app, "aki", WRONG, &from).await, expected, "{guess}");
    }
    assert_eq!(log_in(&app, "aki", RIGHT, "2001:db8:0:2::1").await.0, 201);
}

#[tokio::test]
async fn a_device_is_let_in_for_its_member_for_a_year_and_has_limits_of_its_own() {
    let world = World::on_sqlite().await;
    let limits = CommandSettings {
        log_in_rate_of_account: rate(0),
        ..limits()
    };
    let app = app_with(&world, limits).await;
    let device = register(&app, "aki", HOME).await.text("device");
    let others = register(&app, "haru", HOME).await.text("device");
    let mut forged = device.clone();
    let last = if forged.ends_with('0') { "1" } else { "0" };
    forged.replace_range(forged.len() - 1.., last);
    let later = format!("{:08x}{}", u32::MAX, &device[8..]);
    for no_device in [others.as_str(), &forged, &later, "", "ä", &"0".repeat(104)] {
        let answered = log_in_on(&app, "aki", RIGHT, STRANGER, no_device).await;
        assert_eq!(answered, 429, "{no_device}");
    }
    world.pass_days(364);
    assert_eq!(log_in_on(&app, "aki", RIGHT, STRANGER, &device).await, 201);
    // A log-in from there has made the place known: it is asked for from elsewhere now.
    for guess in 0..5 {
        let expected = if guess < 3 { 401 } else { 429 };
        let from = &strangers(5)[guess];
        assert_eq!(log_in_on(&app, "aki", WRONG, from, &device).await, expected);
    }
    world.pass_days(2);
    assert_eq!(
        log_in_on(&app, "aki", RIGHT, "192.0.2.200", &device).await,
        429
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_made_up_names_makes_nobody_elses_log_in_fail() {
    let world = World::on_sqlite().await;
    let slow = CommandSettings {
        password_cost: PasswordCost {
            memory_kib: 4 * 1024,
            passes: 1,
        },
        hashing_at_once: 1,
        ..limits()
    };
    let app = app_with(&world, slow).await;
    for number in 0..10 {
        register(&app, &format!("honest{number}"), HOME).await;
    }
    let (mut flood, mut honest) = (JoinSet::new(), JoinSet::new());
    for number in 0..300 {
        let (app, name) = (app.clone(), format!("nobody{number}"));
        flood.spawn(async move { log_in(&app, &name, WRONG, STRANGER).await.0 });
    }
    // From addresses where nobody of them has been.
    for (number, from) in strangers(10).into_iter().enumerate() {
        let (app, name) = (app.clone(), format!("honest{number}"));
        honest.spawn(async move { log_in(&app, &name, RIGHT, &from).await.0 });
    }
    assert_eq!(honest.join_all().await, [201; 10]);
    // The flood is answered, or turned away, in its own turn.
    let flood = flood.join_all().await;
    assert!(
        flood.iter().all(|status| [401, 503].contains(status)),
        "{flood:?}"
    );
}

#[tokio::test]
async fn whoever_erases_themselves_waits_for_no_guesses_of_others() {
    let world = World::on_sqlite().await;
    let limits = CommandSettings {
        log_in_rate_of_account: rate(0),
        ..limits()
    };
    let app = app_with(&world, limits).await;
    let token = register(&app, "aki", HOME).await.text("token");
    let erase = |password| {
        let call = Call::new("DELETE", "/api/me").from(STRANGER).by(&token);
        call.body(json!({"password": password}))
    };
    assert_eq!(log_in(&app, "aki", RIGHT, STRANGER).await, too_many());
    for guess in 0..5 {
        let expected = if guess < 3 { refused() } else { too_many() };
        assert_eq!(
            erase(WRONG).send(&app).await.outcome(),
            expected,
            "a stolen token guesses"
        );
    }
    let another = Call::new("POST", "/api/tokens").from(HOME);
    let another = another.body(json!({"user_name": "aki", "password": RIGHT}));
    let another = another.send(&app).await.text("token");
    let erase = Call::new("DELETE", "/api/me").from(STRANGER).by(&another);
    let erased = erase.body(json!({"password": RIGHT})).send(&app).await;
    assert_eq!(erased.status, 200, "by a token of one's own");
}
