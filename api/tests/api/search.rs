//! Searching over HTTP.

use meguri_domain::role::OPERATOR;
use meguri_events::OfferId;
use uuid::Uuid;

use crate::house::House;
use crate::story::{NEED, OFFER};

/// `散歩` as a query has it.
const WALK: &str = "%E6%95%A3%E6%AD%A9";

async fn titles(house: &House, query: &str) -> Vec<String> {
    let answer = house.get(&format!("/api/search?{query}"), None).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    let json = answer.json();
    let items = json["items"].as_array().unwrap();
    let title = |item: &serde_json::Value| item["post"]["title"].as_str().unwrap().to_owned();
    items.iter().map(title).collect()
}

#[tokio::test]
async fn what_fits_is_found_with_where_it_fits_and_how_the_rest_is_spread() {
    let house = House::lived_in().await;
    let answer = house.get(&format!("/api/search?q={WALK}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn a_search_is_filtered_and_without_words_finds_everything() {
    let house = House::lived_in().await;
    let (need, offer) = ("犬の散歩", "語学を教えます");
    for (query, expected) in [
        ("", vec![offer, need]),
        ("kind=need", vec![need]),
        ("category=language", vec![offer]),
        ("prefecture=13", vec![need]),
        ("mode=online", vec![]),
        ("mode=in_person", vec![offer, need]),
        ("tag=%E7%8A%AC", vec![offer, need]),
        ("no_return_needed=true", vec![]),
        ("no_return_needed=false", vec![offer, need]),
        // None of them says where it is.
        ("near=35.7,139.6&km=20", vec![]),
        ("since=2100-01-01T00:00:00Z", vec![]),
        ("kind=need&category=language", vec![]),
    ] {
        assert_eq!(titles(&house, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_that_says_nothing_is_refused() {
    let house = House::empty().await;
    let long = format!("q={}", "a".repeat(101));
    for bad in [
        "kind=wish",
        "prefecture=48",
        "no_return_needed=perhaps",
        "author=aki",
        "near=here",
        "near=91,0",
        "km=5",
        "near=35,139&km=501",
        "near=35,139&km=nan",
        "sort=nearest",
        "sort=best",
        "since=yesterday",
        "cursor=p1",
        "limit=101",
        "colour=red",
        &long,
    ] {
        let answer = house.get(&format!("/api/search?{bad}"), None).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
        assert_eq!(answer.json()["type"], "/problems/bad-request", "{bad}");
    }
}

#[tokio::test]
async fn pages_of_a_search_join_while_new_posts_arrive() {
    let house = House::lived_in().await;
    let first = house.get("/api/search?limit=1", None).await.json();
    assert_eq!(first["items"][0]["post"]["id"], OFFER.to_string());
    let cursor = first["next"].as_str().unwrap();
    let later = OfferId::new(Uuid::from_u128(78));
    let position = house.offer(later, "あとから").await;
    let path = format!("/api/search?limit=1&cursor={cursor}&min_position={position}");
    let second = house.get(&path, None).await.json();
    assert_eq!(second["items"][0]["post"]["id"], NEED.to_string());
    assert_eq!(second["next"], serde_json::Value::Null);
    assert_eq!(second["total"], 3);
}

#[tokio::test]
async fn words_are_suggested_while_somebody_types() {
    let house = House::lived_in().await;
    let path = "/api/search/suggestions?q=%E6%95%A3";
    let answer = house.get(path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["items"], serde_json::json!(["散歩"]));
    let too_many = house.get(&format!("{path}&limit=21"), None).await;
    assert_eq!(too_many.status, 400);
}

#[tokio::test]
async fn only_operators_read_the_vocabulary() {
    let house = House::lived_in().await;
    let vault = house.log.vault();
    let operator = vault.issue_token("operator-yuki", OPERATOR).await.unwrap();
    let auditor = house.auditor_token().await;
    let path = "/api/operator/search";
    let answer = house.get(path, Some(&operator)).await;
    let expected = serde_json::json!({"words": [], "synonyms": [], "dictionary": false});
    assert_eq!(answer.json(), expected);
    assert_eq!(house.get(path, Some(&auditor)).await.status, 403);
    assert_eq!(house.get(path, None).await.status, 401);
}

#[tokio::test]
async fn a_need_is_matched_by_offers_that_fit_it_and_the_other_way_round() {
    let house = House::lived_in().await;
    let later = OfferId::new(Uuid::from_u128(78));
    let position = house.fitting_offer(later).await;
    let path = format!("/api/needs/{NEED}/matches?min_position={position}");
    let found = house.get(&path, None).await.json();
    assert_eq!(found["items"][0]["post"]["id"], later.to_string());
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "two of three");
    for reason in ["by_text", "by_category", "by_area"] {
        assert_eq!(found["items"][0][reason], true, "{reason}");
    }
    let path = format!("/api/offers/{later}/matches");
    let found = house.get(&path, None).await.json();
    assert_eq!(found["items"][0]["post"]["id"], NEED.to_string());
    let unknown = format!("/api/needs/{}/matches", Uuid::from_u128(1));
    assert_eq!(house.get(&unknown, None).await.status, 404);
}
