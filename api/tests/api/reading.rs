//! What each route answers.

use crate::house::House;
use crate::story::{AOI, EXCHANGE, NEED, OFFER, REN};

#[tokio::test]
async fn the_board_lists_open_posts_newest_first() {
    let house = House::lived_in().await;
    let answer = house.get("/api/board", None).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn the_board_is_filtered() {
    let house = House::lived_in().await;
    let (need, offer) = ("犬の散歩", "語学を教えます");
    for (filter, expected) in [
        ("kind=need", vec![need]),
        ("kind=offer", vec![offer]),
        ("category=language", vec![offer]),
        ("prefecture=13", vec![need]),
        ("prefecture=13.0", vec![need]),
        ("mode=online", vec![]),
        ("mode=in_person", vec![offer, need]),
        ("mode=offline", vec![offer, need]),
        ("tag=%E7%8A%AC", vec![offer, need]),
        ("text=%E6%95%A3%E6%AD%A9", vec![need]),
        ("kind=need&category=language", vec![]),
    ] {
        let answer = house.get(&format!("/api/board?{filter}"), None).await;
        let json = answer.json();
        let titles: Vec<&str> = json["items"]
            .as_array()
            .unwrap_or_else(|| panic!("{filter}: {}", answer.text))
            .iter()
            .map(|post| post["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_says_nothing_is_refused() {
    let house = House::empty().await;
    for bad in [
        "kind=wish",
        "category=cars",
        "prefecture=48",
        "mode=fax",
        "limit=0",
        "limit=101",
        "limit=1&limit=2",
        "cursor=5",
        "colour=red",
        "min_position=-1",
    ] {
        let answer = house.get(&format!("/api/board?{bad}"), None).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
        assert_eq!(answer.json()["type"], "/problems/bad-request", "{bad}");
    }
}

#[tokio::test]
async fn pages_of_the_board_join_while_new_posts_arrive() {
    let house = House::lived_in().await;
    let first = house.get("/api/board?limit=1", None).await.json();
    let cursor = first["next"].as_str().unwrap();
    let later = meguri_events::OfferId::new(uuid::Uuid::from_u128(78));
    let position = house.offer(later, "あとから").await;
    let path = format!("/api/board?limit=1&cursor={cursor}&min_position={position}");
    let second = house.get(&path, None).await.json();
    assert_eq!(first["items"][0]["id"], OFFER.to_string());
    assert_eq!(second["items"][0]["id"], NEED.to_string());
    assert_eq!(second["next"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_post_carries_its_version_as_etag_and_is_read_when_closed_too() {
    let house = House::lived_in().await;
    let path = format!("/api/needs/{NEED}");
    let open = house.get(&path, None).await;
    assert_eq!(
        (open.header("etag"), &open.json()["status"]),
        ("\"1\"", &"open".into())
    );
    let closed = meguri_events::NeedClosed {
        need: NEED,
        by: AOI,
        reason_code: meguri_events::ReasonCode::OwnWords,
    };
    let position = house.append(AOI, NEED.stream(), closed).await;
    let closed = house
        .get(&format!("{path}?min_position={position}"), None)
        .await;
    assert_eq!(
        (closed.header("etag"), &closed.json()["status"]),
        ("\"2\"", &"closed".into())
    );
    assert_eq!(
        house.get("/api/board?kind=need", None).await.json()["items"],
        serde_json::json!([])
    );
    // An Offer's id is no Need's.
    assert_eq!(
        house.get(&format!("/api/needs/{OFFER}"), None).await.status,
        404
    );
    assert_eq!(house.get("/api/needs/nothing", None).await.status, 404);
}

#[tokio::test]
async fn a_profile_counts_thanks_and_exchanges() {
    let house = House::lived_in().await;
    let profile = house.get("/api/members/ren", None).await;
    insta::assert_json_snapshot!(profile.json());
    let token = house.token_of(REN).await;
    assert_eq!(house.get("/api/me", Some(&token)).await.text, profile.text);
    assert_eq!(house.get("/api/members/nobody", None).await.status, 404);
}

#[tokio::test]
async fn who_registered_before_anybody_was_asked_where_they_live_has_a_profile_k30() {
    let house = House::empty().await;
    let position = house.register_long_ago(REN, "ren").await;
    let path = format!("/api/members/ren?min_position={position}");
    let profile = house.get(&path, None).await.json();
    assert_eq!(profile["nickname"], "ren");
    assert_eq!(profile["prefecture"], serde_json::Value::Null);
}

#[tokio::test]
async fn thanks_are_public_with_their_words() {
    let house = House::lived_in().await;
    insta::assert_json_snapshot!(house.get("/api/members/ren/thanks", None).await.json());
    let none = house.get("/api/members/aoi/thanks", None).await.json();
    assert_eq!(none, serde_json::json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn a_member_lists_its_exchanges_by_status() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let all = house.get("/api/exchanges", Some(&token)).await.json();
    let completed = house
        .get("/api/exchanges?status=completed", Some(&token))
        .await
        .json();
    assert_eq!(all, completed);
    insta::assert_json_snapshot!(all);
    let running = house
        .get("/api/exchanges?status=in_progress", Some(&token))
        .await
        .json();
    assert_eq!(running["items"], serde_json::json!([]));
    assert_eq!(
        house
            .get("/api/exchanges?status=done", Some(&token))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_party_reads_the_exchange_with_its_room() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    let room = house
        .get(&format!("/api/exchanges/{EXCHANGE}"), Some(&token))
        .await;
    assert_eq!(room.header("etag"), "\"10\"");
    insta::assert_json_snapshot!(room.json());
    let messages = house
        .get(&format!("/api/exchanges/{EXCHANGE}/messages"), Some(&token))
        .await;
    assert_eq!(messages.json(), room.json()["messages"]);
}

#[tokio::test]
async fn history_says_who_did_what_when_and_because_of_what() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    let path = format!("/api/exchanges/{EXCHANGE}/history?limit=2");
    let history = house.get(&path, Some(&token)).await.json();
    insta::assert_json_snapshot!(history);
    let path = format!("{path}&cursor={}", history["next"].as_str().unwrap());
    let next = house.get(&path, Some(&token)).await.json();
    assert_eq!(next["items"][0]["type"], "TermsProposed");
}

#[tokio::test]
async fn status_says_how_far_each_view_is() {
    let house = House::lived_in().await;
    house.published().await;
    let status = house.get("/api/status", None).await.json();
    insta::assert_json_snapshot!(status, { ".views[].fingerprint" => "[fingerprint]" });
}

#[tokio::test]
async fn those_who_run_the_server_see_that_it_runs() {
    let house = House::lived_in().await;
    let health = house.get("/healthz", None).await;
    assert_eq!(
        (health.status, health.text.as_str()),
        (200, "{\"status\":\"ok\"}")
    );
    let metrics = house.get("/metrics", None).await;
    assert_eq!(
        metrics.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(metrics.text, "meguri_test 1\n");
    assert_eq!(house.get("/readyz", None).await.status, 200);
    house.views.close().await;
    house.log.close().await;
    let after = house.get("/readyz", None).await;
    assert_eq!(
        (after.status, after.header("retry-after")),
        (503, "1"),
        "{}",
        after.text
    );
}
