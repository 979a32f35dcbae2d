//! What was seen once can be seen again as of its position, whatever has happened since.

use meguri_postgres_cluster::shared;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::api::{Api, Member};
use crate::support::server::Installation;

#[tokio::test]
async fn what_was_seen_can_be_seen_again_on_sqlite() {
    what_was_seen_can_be_seen_again(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn what_was_seen_can_be_seen_again_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    what_was_seen_can_be_seen_again(&Installation::on_databases(database)).await;
}

/// What Hanako saw while it happened.
struct Seen {
    hanako: Member,
    /// Where the log ended when she had posted her Need.
    need: u64,
    exchange: String,
    /// After each of the steps that followed: the position, and what she could read.
    steps: Vec<(u64, Vec<Value>)>,
}

/// Everything that Hanako can read at a moment, which the query names.
async fn read_all(api: &Api, hanako: &Member, exchange: &str, moment: &str) -> Vec<Value> {
    let open = [
        "board",
        "me",
        "members/taro",
        "members/taro/thanks",
        "exchanges",
    ];
    let of_exchange =
        ["", "/messages", "/history"].map(|part| format!("exchanges/{exchange}{part}"));
    let mut read = Vec::new();
    for path in open.map(str::to_owned).into_iter().chain(of_exchange) {
        let path = format!("/api/{path}?{moment}");
        read.push(api.get(&path, Some(&hanako.token)).await);
    }
    read
}

async fn live(api: &Api) -> Seen {
    let hanako = api.register("hanako", "はなこ").await;
    let taro = api.register("taro", "たろう").await;
    let a_need = json!({
        "title": "庭の草むしり", "description": "週末に二時間ほど手伝ってください。",
        "category": "housework", "offline": true, "no_return_needed": true,
    });
    let need = api.done(&hanako, "needs", &a_need).await;
    let applications = format!("needs/{}/applications", need.id);
    let message = json!({"message": "お手伝いします", "mode": "in_person"});
    let exchange = api.done(&taro, &applications, &message).await.id;
    let room = format!("exchanges/{exchange}");
    let mut steps = Vec::new();
    for (member, path, body) in [
        (
            &hanako,
            format!("{room}/messages"),
            json!({"text": "土曜はどうですか", "terms_version": 0}),
        ),
        (&hanako, format!("needs/{}/close", need.id), json!({})),
        (&taro, format!("{room}/completion"), json!({})),
        (&hanako, format!("{room}/completion"), json!({})),
        (
            &hanako,
            format!("{room}/thanks"),
            json!({"words": "助かりました"}),
        ),
    ] {
        let at = api.done(member, &path, &body).await.position;
        let now = read_all(api, &hanako, &exchange, &format!("min_position={at}")).await;
        steps.push((at, now));
    }
    let need = need.position;
    Seen {
        hanako,
        need,
        exchange,
        steps,
    }
}

async fn assert_seen_again(api: &Api, seen: &Seen) {
    for (at, now) in &seen.steps {
        let moment = format!("as_of={at}");
        let then = read_all(api, &seen.hanako, &seen.exchange, &moment).await;
        assert_eq!(&then, now, "{moment}");
    }
    let board = format!("/api/board?as_of={}", seen.need);
    assert_eq!(
        api.get(&board, None).await["items"][0]["title"],
        "庭の草むしり"
    );
    let room = format!("/api/exchanges/{}?as_of={}", seen.exchange, seen.need);
    let status = api.status(&room, Some(&seen.hanako.token)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it had not been opened");
}

async fn what_was_seen_can_be_seen_again(installation: &Installation) {
    let server = installation.serve().await;
    let seen = live(server.api()).await;
    assert_seen_again(server.api(), &seen).await;
    server.kill();
    let server = installation.serve().await;
    assert_seen_again(server.api(), &seen).await;
    server.terminate().await;

    // What was kept of it does not matter: thrown away, the past is the same.
    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let server = installation.serve().await;
    assert_seen_again(server.api(), &seen).await;
}
