//! Where the server is set to, a member with an open post is told of new ones that fit it.

use std::time::Duration;

use meguri_postgres_cluster::shared;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::api::{Api, Member};
use crate::support::server::Installation;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_can_help_is_told_of_a_new_need_once_on_sqlite() {
    who_can_help_is_told_of_a_new_need_once(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn who_can_help_is_told_of_a_new_need_once_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    who_can_help_is_told_of_a_new_need_once(&Installation::on_databases(database)).await;
}

fn post(title: &str, prefecture: u8) -> Value {
    json!({
        "title": title, "description": title, "category": "housework", "tags": [],
        "prefecture": prefecture, "online": false, "offline": true,
    })
}

/// What a member was told of, once it is so much.
async fn told(api: &Api, member: &Member, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = api.get("/api/me/matches", Some(&member.token)).await;
        let items = page["items"].as_array().unwrap().clone();
        if items.len() >= count || Instant::now() > deadline {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn who_can_help_is_told_of_a_new_need_once(installation: &Installation) {
    let settings = installation.folder().join("meguri.toml");
    std::fs::write(settings, "tell_of_matches = true\n").unwrap();
    let server = installation.serve().await;
    let api = server.api();
    let hana = api.register("hana", "はな").await;
    let taro = api.register("taro", "たろう").await;
    let jiro = api.register("jiro", "じろう").await;
    let near = api
        .done(&taro, "offers", &post("庭の草むしりをします", 13))
        .await;
    api.done(&jiro, "offers", &post("犬の散歩をします", 27))
        .await;
    let need = api
        .done(&hana, "needs", &post("庭の草むしりを手伝ってください", 13))
        .await;
    let first = told(api, &taro, 1).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["post"], json!({"id": need.id, "kind": "need"}));
    assert_eq!(first[0]["fits"], json!([{"id": near.id, "kind": "offer"}]));
    server.terminate().await;
    // The next server looks again at what was posted today, and finds that it was told.
    let server = installation.serve().await;
    let api = server.api();
    let second = api
        .done(&hana, "needs", &post("庭の草むしりをもう一度", 13))
        .await;
    let both = told(api, &taro, 2).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0]["post"]["id"], second.id.as_str());
    assert_eq!(both[1], first[0]);
    // The author of a post sees what fits at once; a member far away who offers something else is
    // not told.
    for other in [&hana, &jiro] {
        assert_eq!(told(api, other, 0).await, Vec::<Value>::new());
    }
    server.terminate().await;
}
