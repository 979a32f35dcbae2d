//! A court orders what somebody wrote to be taken out: it is gone from the log and from every view,
//! whatever rested on it, and the whole log is still found sound.

use std::time::Duration;

use meguri_postgres_cluster::shared;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::erasure::{CANARY, found};
use super::proofs::{checkpoint, verifier};
use crate::support::api::{Api, Member, Outcome};
use crate::support::server::{Installation, Server};

#[tokio::test]
async fn a_redacted_message_is_nowhere_and_the_log_is_sound_on_sqlite() {
    a_redacted_message_is_nowhere_and_the_log_is_sound(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn a_redacted_message_is_nowhere_and_the_log_is_sound_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    a_redacted_message_is_nowhere_and_the_log_is_sound(&Installation::on_databases(database)).await;
}

fn redact(installation: &Installation, position: u64) -> String {
    let (position, reason) = (position.to_string(), "2026-wa-1234");
    installation.run(&[
        "audit", "redact", &position, "--reason", reason, "--by", "keiko",
    ])
}

/// A need that somebody applied to: the id of the exchange.
async fn room(api: &Api, owner: &Member, applicant: &Member) -> String {
    let need = json!({
        "title": "棚", "description": "棚を組み立てたい", "category": "housework", "tags": [],
        "online": true, "offline": true,
    });
    let need = api.done(owner, "needs", &need).await;
    let applied = format!("needs/{}/applications", need.id);
    let words = json!({"message": "はい", "mode": "in_person"});
    let opened = api.done(applicant, &applied, &words).await;
    opened.id
}

/// Where the first event of an exchange stands.
fn opening(installation: &Installation, exchange: &str) -> u64 {
    first_of(installation, &format!("exchange-{exchange}"))
}

fn first_of(installation: &Installation, stream: &str) -> u64 {
    let shown = installation.run(&["log", "show", stream]);
    let first = shown.lines().next().unwrap();
    first.trim_start_matches("position").trim().parse().unwrap()
}

async fn a_redacted_message_is_nowhere_and_the_log_is_sound(installation: &Installation) {
    std::fs::write(
        installation.folder().join("meguri.toml"),
        "publish_every = \"1s\"\n",
    )
    .unwrap();
    let server = installation.serve().await;
    let api = server.api();
    let taro = api.register("taro", "たろう").await;
    let hana = api.register("hana", "はな").await;
    let ordered = format!("exchanges/{}", room(api, &hana, &taro).await);
    let exchange = room(api, &hana, &taro).await;
    let other = format!("exchanges/{exchange}");
    let canary = json!({"text": CANARY, "keep_negotiating": true});
    let message = api
        .done(&taro, &format!("{ordered}/messages"), &canary)
        .await;
    let harmless = json!({"text": "また明日", "keep_negotiating": true});
    let last = api
        .done(&hana, &format!("{other}/messages"), &harmless)
        .await;
    written_down(installation, &server, last.position).await;

    let said = redact(installation, message.position);
    assert!(said.contains("empty for ever, as is said at"), "{said}");
    assert!(said.contains("its stream goes on"), "{said}");
    // The first event of a room: all the others rest on it.
    let said = redact(installation, opening(installation, &exchange));
    assert!(said.contains("its stream is frozen"), "{said}");
    refused_as_frozen(api, &taro, &other, &harmless).await;
    api.done(&taro, &format!("{ordered}/messages"), &harmless)
        .await;
    let again = redact(installation, message.position);
    assert!(again.contains("as is already said at"), "{again}");
    never_redacted(installation, last.position);
    acknowledged(&server, last.position).await;
    assert_eq!(found(installation).await, [] as [String; 0]);
    checkpoint(api, &verifier(installation), last.position).await;
    everything_holds(installation, message.position);
    server.terminate().await;
    assert_eq!(found(installation).await, [] as [String; 0]);

    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let server = installation.serve().await;
    acknowledged(&server, last.position).await;
    refused_as_frozen(server.api(), &hana, &other, &harmless).await;
    everything_holds(installation, message.position);
    who_has_a_redacted_event_is_erased_all_the_same(installation, &server).await;
    server.terminate().await;
}

/// A member of whom the registration was redacted is erased, and views drop what they wrote.
async fn who_has_a_redacted_event_is_erased_all_the_same(
    installation: &Installation,
    server: &Server,
) {
    let api = server.api();
    let member = api.register("sora", "そら").await;
    let need = json!({
        "title": CANARY, "description": CANARY, "category": "housework", "tags": [CANARY],
        "online": true, "offline": true,
    });
    let need = api.done(&member, "needs", &need).await;
    let stat = api.get("/api/me", Some(&member.token)).await;
    let stream = format!("member-{}", stat["id"].as_str().unwrap());
    let said = redact(installation, first_of(installation, &stream));
    assert!(said.contains("its stream is frozen"), "{said}");
    let erased = installation.run(&["erase", "sora"]);
    assert!(erased.contains("Erased: "), "{erased}");
    // The redaction, then that she has left, is erased, and that the keys are destroyed.
    acknowledged(server, need.position + 2).await;
    assert_eq!(found(installation).await, [] as [String; 0]);
    installation.run(&["views", "verify"]);
    installation.run(&["audit", "check"]);
}

/// Waits until the message stands in a view.
async fn written_down(installation: &Installation, server: &Server, position: u64) {
    for _ in 0..300 {
        let status = server.api().get("/api/status", None).await;
        let views = status["views"].as_array().unwrap();
        let level = |view: &Value| view["position"].as_u64().unwrap() >= position;
        if views.iter().all(level) {
            let places = found(installation).await;
            let in_a_view = places.iter().any(|place| place.contains("rooms"));
            assert!(in_a_view, "it was there: {places:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the views do not follow");
}

/// Waits until every view says that nothing is left, and serves.
async fn acknowledged(server: &Server, last: u64) {
    let mut status = Value::Null;
    for _ in 0..300 {
        status = server.api().get("/api/status", None).await;
        let views = status["views"].as_array().unwrap();
        // The second order is what was said last.
        let gone = |view: &Value| {
            view["erased_up_to"]
                .as_u64()
                .is_some_and(|at| at >= last + 2)
        };
        if views.iter().all(gone) {
            assert!(views.iter().all(|view| view["state"] == "live"), "{status}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the redaction is not acknowledged: {status}");
}

async fn refused_as_frozen(api: &Api, member: &Member, room: &str, words: &Value) {
    let key = format!("{room}-{}-{}", member.user_name, api.host());
    let answer = api
        .post(member, &format!("{room}/messages"), words, &key)
        .await;
    let Outcome::Refused(status, text) = answer else {
        panic!("{room} goes on: {answer:?}");
    };
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    assert!(text.contains("/problems/stream-frozen"), "{text}");
}

/// What accounts for other events stays, and there is nothing to redact where nothing is.
fn never_redacted(installation: &Installation, last: u64) {
    let redact = |position: u64, reason: &str| {
        let position = position.to_string();
        let ended = installation.end_of(&[
            "audit", "redact", &position, "--reason", reason, "--by", "keiko",
        ]);
        let said = String::from_utf8(ended.stderr).unwrap();
        (ended.status.code().unwrap(), said)
    };
    let (code, said) = redact(last + 1, "7");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("EventRedacted is never redacted"), "{said}");
    let (code, said) = redact(last + 1_000, "7");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("there is no event at position"), "{said}");
    let (code, said) = redact(last, "what Hana wrote");
    assert_eq!(code, 2, "{said}");
}

fn everything_holds(installation: &Installation, position: u64) {
    installation.run(&["views", "verify"]);
    let shown = installation.run(&["log", "show", &position.to_string()]);
    assert!(shown.contains("(redacted;"), "{shown}");
    // It fails where it finds anything.
    let checked = installation.run(&["audit", "check"]);
    assert!(checked.contains("redacted events: 2"), "{checked}");
    let mirror = installation.folder().join("mirror");
    installation.run(&["audit", "publish", mirror.to_str().unwrap()]);
}
