//! A member is forgotten: what she typed in any field is nowhere any more, and every proof holds.

use std::path::Path;
use std::time::Duration;

use meguri_postgres_cluster::shared;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::api::{Api, Member};
use crate::support::server::{Installation, Server};

/// Typed into every field there is.
pub(super) const CANARY: &str = "zqcanaryx";

#[tokio::test]
async fn a_canary_is_found_nowhere_after_an_erasure_on_sqlite() {
    a_canary_is_found_nowhere_after_an_erasure(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn a_canary_is_found_nowhere_after_an_erasure_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    a_canary_is_found_nowhere_after_an_erasure(&Installation::on_databases(database)).await;
}

fn post() -> Value {
    json!({
        "title": CANARY, "description": CANARY, "category": "housework", "tags": [CANARY],
        "prefecture": 13, "city": CANARY, "online": true, "offline": true,
        "wished_return": CANARY, "lat": 35.68, "lon": 139.76,
    })
}

/// She posts, edits, helps and is helped, and writes wherever one can.
async fn lives(api: &Api, canary: &Member, taro: &Member) {
    let need = api.done(canary, "needs", &post()).await;
    let applied = format!("needs/{}/applications", need.id);
    let room = api
        .done(
            taro,
            &applied,
            &json!({"message": "はい", "mode": "in_person"}),
        )
        .await;
    let room = format!("exchanges/{}", room.id);
    let terms = json!({"what": CANARY, "when": CANARY, "mode": "in_person", "return": CANARY});
    let quiet = json!({"text": CANARY, "keep_negotiating": true});
    api.done(canary, &format!("{room}/messages"), &quiet).await;
    api.done(canary, &format!("{room}/terms"), &terms).await;
    api.done(
        taro,
        &format!("{room}/agreement"),
        &json!({"terms_version": 1}),
    )
    .await;
    for member in [canary, taro] {
        api.done(member, &format!("{room}/completion"), &Value::Null)
            .await;
    }
    api.done(
        canary,
        &format!("{room}/evaluation"),
        &json!({"words": CANARY}),
    )
    .await;
    api.done(canary, &format!("{room}/thanks"), &json!({"words": CANARY}))
        .await;
    asks_and_posts(api, canary, taro).await;
}

/// She cancels one exchange, and another waits for her.
async fn asks_and_posts(api: &Api, canary: &Member, taro: &Member) {
    let open = json!({"message": format!("to {CANARY}"), "mode": "in_person"});
    let offer = api
        .done(
            taro,
            "offers",
            &json!({
                "title": "話し相手", "description": "夜なら", "category": "talk", "tags": [],
                "online": true, "offline": true,
            }),
        )
        .await;
    let asked = api
        .done(canary, &format!("offers/{}/requests", offer.id), &open)
        .await;
    let cancel = format!("exchanges/{}/cancellation", asked.id);
    api.done(canary, &cancel, &json!({"reason": CANARY})).await;
    let need = api.done(canary, "needs", &post()).await;
    api.done(
        taro,
        &format!("needs/{}/applications", need.id),
        &open_by_taro(),
    )
    .await;
}

fn open_by_taro() -> Value {
    json!({"message": "手伝います", "mode": "in_person"})
}

async fn a_canary_is_found_nowhere_after_an_erasure(installation: &Installation) {
    let settings = "erase_within = \"3s\"\npublish_every = \"1s\"\n";
    std::fs::write(installation.folder().join("meguri.toml"), settings).unwrap();
    let server = installation.serve().await;
    let api = server.api();
    let taro = api.register("taro", "たろう").await;
    let canary = api.register(CANARY, CANARY).await;
    lives(api, &canary, &taro).await;
    installation.run(&["views", "rebuild", "board"]);
    let head = api.get("/api/status", None).await["log"]["position"]
        .as_u64()
        .unwrap();
    // A file of the past, which is removed.
    for _ in 0..100 {
        let past = format!("/api/members/{CANARY}/thanks?as_of={head}");
        if api.status(&past, None).await.is_success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        found(installation)
            .await
            .iter()
            .any(|place| place.contains("views")),
        "it was there"
    );
    let said = installation.run(&["erase", CANARY]);
    assert!(said.contains("消去しました："), "{said}");
    assert!(!said.contains(CANARY), "{said}");
    settled(installation, &server, head).await;
    let places = found(installation).await;
    assert!(places.is_empty(), "it is still in {places:?}");
    everything_holds(installation, api).await;
    server.terminate().await;
    assert_eq!(found(installation).await, [] as [String; 0]);
    // Nor does a server that starts anew, from nothing but the log, bring it back.
    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let server = installation.serve().await;
    everything_holds(installation, server.api()).await;
    assert_eq!(found(installation).await, [] as [String; 0]);
    server.terminate().await;
}

/// Waits until every view says that nothing is left, and no backup of the vault helps any more.
async fn settled(installation: &Installation, server: &Server, before: u64) {
    for _ in 0..300 {
        let status = server.api().get("/api/status", None).await;
        let views = status["views"].as_array().unwrap();
        let gone = |view: &Value| view["erased_up_to"].as_u64().is_some_and(|at| at > before);
        let is_complete = views.iter().all(gone)
            && installation
                .run(&["vault", "status"])
                .contains("Every erasure is complete");
        if is_complete {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "the erasure is not complete: {}",
        server.api().text("/api/status", None).await
    );
}

async fn everything_holds(installation: &Installation, api: &Api) {
    installation.run(&["views", "verify"]);
    // Every entry, section, tile and checkpoint; it fails where it finds anything.
    installation.run(&["audit", "check"]);
    let thanks = api.get("/api/members/taro", None).await;
    assert_eq!(thanks["thanks_received"], 1, "thanks stay (H20): {thanks}");
    let mirror = installation.folder().join("mirror");
    installation.run(&["audit", "publish", mirror.to_str().unwrap()]);
}

/// Where the canary stands: files, and columns of databases.
pub(super) async fn found(installation: &Installation) -> Vec<String> {
    let mut places = Vec::new();
    search(installation.folder(), &mut places);
    if let Some((log, vault)) = installation.databases() {
        for url in [log, vault] {
            search_database(&url, &mut places).await;
        }
    }
    places
}

fn search(folder: &Path, places: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, places);
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
        {
            places.push(path.display().to_string());
        }
    }
}

/// Every column of every table, as text; bytes are written in hexadecimal.
async fn search_database(url: &str, places: &mut Vec<String>) {
    let pool = PgPool::connect(url).await.unwrap();
    let tables = "select tablename from pg_tables where schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    let hex = CANARY
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    for table in tables {
        let rows = format!("select t::text from {table} as t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_all(&pool)
            .await
            .unwrap();
        if rows
            .iter()
            .any(|row| row.contains(CANARY) || row.contains(&hex))
        {
            places.push(table);
        }
    }
    pool.close().await;
}
