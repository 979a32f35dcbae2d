//! Several processes on one log: two servers on one PostgreSQL, the command line beside a server.

use meguri_postgres_cluster::shared;
use serde_json::json;

use crate::support::server::Installation;

/// Two installations, as on two machines, that are given the same two databases.
fn two_on_one_postgresql() -> (Installation, Installation) {
    let cluster = shared().unwrap();
    let databases = [(); 2].map(|()| cluster.create_database().unwrap());
    let same = || {
        let mut given = databases.clone().into_iter();
        Installation::on_databases(move || given.next().unwrap())
    };
    (same(), same())
}

#[tokio::test]
async fn two_servers_on_one_postgresql_are_one_community() {
    let (east, west) = two_on_one_postgresql();
    let first = east.serve().await;
    // The keys belong to both: every machine is given them.
    std::fs::create_dir_all(west.data()).unwrap();
    for key in ["vault.key", "log.key"] {
        std::fs::copy(east.data().join(key), west.data().join(key)).unwrap();
    }
    let second = west.serve().await;

    let hanako = first.api().register("hanako", "はなこ").await;
    let taro = second.api().register("taro", "たろう").await;
    let need = json!({"title": "庭の草むしり", "description": "二時間ほど", "online": false,
        "offline": true, "category": "housework", "no_return_needed": true});
    let posted = first.api().done(&hanako, "needs", &need).await;
    let path = format!("needs/{}/applications", posted.id);
    let opening = json!({"message": "お手伝いします", "mode": "in_person"});
    let opened = second.api().done(&taro, &path, &opening).await;
    let room = format!("exchanges/{}", opened.id);
    let yes = json!({"text": "お願いします", "terms_version": 0});
    first
        .api()
        .done(&hanako, &format!("{room}/messages"), &yes)
        .await;
    second
        .api()
        .done(&taro, &format!("{room}/completion"), &json!({}))
        .await;
    let words = json!({"words": "ありがとう"});
    let thanked = first
        .api()
        .done(&hanako, &format!("{room}/thanks"), &words)
        .await;

    let seen = format!("/api/members/taro?min_position={}", thanked.position);
    for server in [&first, &second] {
        let profile = server.api().get(&seen, None).await;
        assert_eq!(profile["thanks_received"], 1, "H20");
    }
    let refused = second
        .api()
        .refused(&hanako, &format!("{room}/thanks"), &words)
        .await;
    assert_eq!(refused, 422, "H19, whichever server is asked");
    first.terminate().await;
    second.terminate().await;
}

#[tokio::test]
async fn a_demo_beside_a_running_server_shows_up_in_its_views() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let hanako = server.api().register("hanako", "はなこ").await;
    installation.run(&["demo", "--members", "5", "--exchanges", "6"]);
    let need = json!({"title": "庭の草むしり", "description": "二時間ほど", "online": true,
        "category": "housework", "no_return_needed": true});
    let posted = server.api().done(&hanako, "needs", &need).await;
    let path = format!("/api/board?min_position={}", posted.position);
    let board = server.api().get(&path, None).await;
    assert!(board["items"].as_array().unwrap().len() > 1, "{board}");
    let token = installation.auditor("aoki");
    let exported = installation.run(&["log", "export"]);
    let over_http = server.api().text("/api/log?limit=1000", Some(&token)).await;
    assert_eq!(exported, over_http, "both give the log byte for byte");
    server.terminate().await;
}
