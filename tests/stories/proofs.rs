//! Somebody who trusts nobody here checks the log: with the verifier key, HTTP and the public
//! formats alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use meguri::http_client;
use meguri_postgres_cluster::shared;
use meguri_proofs::{
    Bundle, Checkpoint, Note, Plan, Proof, Published, Tile, Tree, VerifierKey, hash_from_base64,
    leaf,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::server::Installation;

#[tokio::test]
async fn anyone_verifies_the_log_over_http_on_sqlite() {
    anyone_verifies_the_log_over_http(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn anyone_verifies_the_log_over_http_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    anyone_verifies_the_log_over_http(&Installation::on_databases(database)).await;
}

/// The last checkpoint once it covers a position, opened with the key.
pub(crate) async fn checkpoint(api: &Api, key: &VerifierKey, position: u64) -> Tree {
    for _ in 0..200 {
        if api.status("/checkpoint", None).await == StatusCode::OK {
            let note = Note::parse(api.text("/checkpoint", None).await).unwrap();
            let tree = *Checkpoint::open(&note, key).unwrap().tree();
            if tree.size >= position {
                return tree;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no checkpoint covers {position}");
}

async fn bytes(api: &Api, path: &str) -> Vec<u8> {
    let answer = http_client::builder()
        .build()
        .unwrap()
        .get(format!("http://{}/{path}", api.host()));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let caching = answer.headers()["cache-control"].to_str().unwrap();
    assert_eq!(caching, "public, max-age=31536000, immutable", "{path}");
    answer.bytes().await.unwrap().to_vec()
}

pub(crate) fn verifier(installation: &Installation) -> VerifierKey {
    let key = installation.run(&["audit", "key"]);
    let file = std::fs::read_to_string(installation.data().join("log.vkey")).unwrap();
    assert_eq!(key, file);
    key.trim_end().parse().unwrap()
}

fn proof(answer: &Value) -> Proof {
    let lines = answer["proof"].as_array().unwrap().iter();
    let hashes = lines.map(|line| hash_from_base64(line.as_str().unwrap()).unwrap());
    Proof::new(hashes.collect())
}

async fn anyone_verifies_the_log_over_http(installation: &Installation) {
    let server = installation.serve().await;
    let api = server.api();
    assert_eq!(api.status("/checkpoint", None).await, StatusCode::NOT_FOUND);
    api.register("hanako", "はなこ").await;
    let key = verifier(installation);
    let older = checkpoint(api, &key, 1).await;
    api.register("taro", "たろう").await;
    let newer = checkpoint(api, &key, older.size + 1).await;

    // Everything that is published, as a mirror would fetch it.
    let mut tiles = BTreeMap::new();
    for tile in Tile::of(newer.size) {
        let read = bytes(api, &tile.to_string()).await;
        tiles.insert(tile, tile.decode(&read).unwrap().to_vec());
    }
    let given = |tile| tiles.get(&tile).map(Vec::as_slice);
    assert_eq!(Tree::from_tiles(newer.size, given).unwrap(), newer);
    let bundle = Bundle::edge(newer.size).unwrap();
    let read = bytes(api, &bundle.to_string()).await;
    let entries = bundle.decode(&read).unwrap();

    for (index, entry) in (0_u64..).zip(&entries) {
        // A proof made of the tiles, and the one that the server makes.
        let made = Plan::inclusion(index, newer.size)
            .unwrap()
            .proof(given)
            .unwrap();
        made.verify_inclusion(&leaf(entry), index, &newer).unwrap();
        let path = format!("/api/events/{}/proof?size={}", index + 1, newer.size);
        assert_eq!(proof(&api.get(&path, None).await), made);
        assert!(
            made.verify_inclusion(&leaf(b"forged"), index, &newer)
                .is_err()
        );
    }
    let path = format!(
        "/api/proof/consistency?from={}&to={}",
        older.size, newer.size
    );
    let grown = proof(&api.get(&path, None).await);
    grown.verify_consistency(&older, &newer).unwrap();

    nothing_else_is_published(api).await;
    let status = api.get("/api/status", None).await;
    assert_eq!(status["published"]["state"], "publishing");
    assert_eq!(status["published"]["position"], newer.size);
    let metrics = api.text("/metrics", None).await;
    assert!(metrics.contains("meguri_published_position"), "{metrics}");
}

async fn nothing_else_is_published(api: &Api) {
    for missing in [
        "/tile/0/001",
        "/tile/entries/000",
        "/tile/0/000.p/255",
        "/tile/0/0",
        "/api/events/1000/proof",
        "/api/events/0/proof",
        "/api/events/1/proof?size=1000",
        "/api/proof/consistency?from=1&to=1000",
        "/api/proof/consistency?from=2&to=1",
    ] {
        assert_eq!(
            api.status(missing, None).await,
            StatusCode::NOT_FOUND,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn who_prefers_it_is_answered_when_the_event_is_under_a_signed_checkpoint() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let hanako = server.api().register("hanako", "はなこ").await;
    let client = http_client::builder().build().unwrap();
    let post = |key: &'static str| {
        let need = json!({
            "title": "庭の草むしり", "description": "週末に二時間ほど手伝ってください。",
            "category": "housework", "offline": true, "no_return_needed": true,
        });
        let request = client.post(format!("http://{}/api/needs", server.api().host()));
        let request = request.bearer_auth(&hanako.token).json(&need);
        request.header("Idempotency-Key", key)
    };
    let plain = post("plain").send().await.unwrap();
    assert!(plain.headers().get("preference-applied").is_none());
    assert!(plain.json::<Value>().await.unwrap()["included"].is_null());

    let request = post("proven").header("Prefer", "wait=included");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["preference-applied"], "wait=included");
    let answer: Value = answer.json().await.unwrap();
    let included = &answer["included"];
    assert_eq!(included["position"], answer["position"]);
    let note = Note::parse(included["checkpoint"].as_str().unwrap()).unwrap();
    let tree = *Checkpoint::open(&note, &verifier(&installation))
        .unwrap()
        .tree();
    let index = answer["position"].as_u64().unwrap() - 1;
    let bundle = Bundle::new(0, u16::try_from(tree.size).unwrap()).unwrap();
    let read = bytes(server.api(), &bundle.to_string()).await;
    let entry = bundle.decode(&read).unwrap()[usize::try_from(index).unwrap()];
    proof(included)
        .verify_inclusion(&leaf(entry), index, &tree)
        .unwrap();
    insta::assert_json_snapshot!(answer, {
        ".id" => "[id]",
        ".included.entry" => "[33 bytes]",
        ".included.checkpoint" => "[signed note]",
        ".included.proof[]" => "[32 bytes]",
    });
}

#[tokio::test]
async fn a_mirror_is_written_as_files_and_goes_on_where_it_stopped() {
    let installation = Installation::on_sqlite();
    let never = installation.end_of(&["audit", "key"]);
    assert_eq!(never.status.code(), Some(1));
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let key = verifier(&installation);
    let older = checkpoint(server.api(), &key, 1).await;
    let mirror = installation.folder().join("mirror");
    let publish = ["audit", "publish", mirror.to_str().unwrap()];
    let said = installation.run(&publish);
    assert!(said.contains(&format!("{} events", older.size)), "{said}");
    server.api().register("taro", "たろう").await;
    let latest = checkpoint(server.api(), &key, older.size + 1).await;
    installation.run(&publish);
    let nothing = installation.run(&publish);
    assert!(nothing.starts_with("0 files written"), "{nothing}");

    let note = server.api().text("/checkpoint", None).await;
    assert_eq!(
        std::fs::read_to_string(mirror.join("checkpoint")).unwrap(),
        note
    );
    for tile in Tile::of(latest.size) {
        let bundle = tile.bundle().map(Published::Bundle);
        for piece in [Some(Published::Tile(tile)), bundle].into_iter().flatten() {
            let path = piece.to_string();
            let over_http = bytes(server.api(), &path).await;
            assert_eq!(
                std::fs::read(mirror.join(&path)).unwrap(),
                over_http,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_mirror_of_another_log_is_not_written_over() {
    let [one, other] = [Installation::on_sqlite(), Installation::on_sqlite()];
    let mirror = one.folder().join("mirror");
    let publish = ["audit", "publish", mirror.to_str().unwrap()];
    for installation in [&one, &other] {
        let server = installation.serve().await;
        server.api().register("hanako", "はなこ").await;
        checkpoint(server.api(), &verifier(installation), 1).await;
        server.terminate().await;
    }
    one.run(&publish);
    let refused = other.end_of(&publish);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("not one of this log"), "{said}");
}

fn copy(from: &Path, to: &Path) {
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_log_from_an_older_backup_is_served_and_not_signed() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let key = verifier(&installation);
    let older = checkpoint(server.api(), &key, 1).await;
    server.terminate().await;
    let backup = installation.folder().join("backup");
    std::fs::create_dir(&backup).unwrap();
    copy(&installation.data(), &backup);
    let server = installation.serve().await;
    server.api().register("taro", "たろう").await;
    checkpoint(server.api(), &key, older.size + 1).await;
    server.terminate().await;

    copy(&backup, &installation.data());
    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let server = installation.serve().await;
    let state = || async {
        let status = server.api().get("/api/status", None).await;
        status["published"]["state"].clone()
    };
    for _ in 0..100 {
        if state().await == "refusing" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(state().await, "refusing");
    server.api().register("jiro", "じろう").await;
    assert_eq!(checkpoint(server.api(), &key, 1).await, older);
    let said = installation.diagnostics();
    assert!(said.contains("Restore one that has all of them"), "{said}");
}
