//! The log as auditors read it.

use crate::house::House;
use crate::story::{AOI, EXCHANGE};
use meguri_log::{Filter, Position, Recorded};

#[tokio::test]
async fn headers_come_exactly_as_they_are_stored() {
    let house = House::lived_in().await;
    let token = house.auditor_token().await;
    let answer = house.get("/api/log", Some(&token)).await;
    let stored = house
        .log
        .read_all(Position::ZERO, &Filter::default(), 1_000)
        .await
        .unwrap();
    let line = |event: &Recorded| {
        let header = event.header_text().unwrap();
        format!(
            "{{\"position\":{},\"header\":{header}}}\n",
            event.position()
        )
    };
    let expected: Vec<String> = stored.events.iter().map(line).collect();
    let expected = expected.concat();
    assert_eq!(answer.text, expected);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("meguri-position"), stored.up_to.to_string());
}

#[tokio::test]
async fn pages_of_the_log_join_without_a_gap_and_without_a_repeat() {
    let house = House::lived_in().await;
    let token = house.auditor_token().await;
    let whole = house.get("/api/log", Some(&token)).await.text;
    let (mut joined, mut after) = (String::new(), 0);
    loop {
        let page = house
            .get(&format!("/api/log?after={after}&limit=4"), Some(&token))
            .await;
        let Some(last) = page.text.lines().last() else {
            break;
        };
        assert!(page.text.lines().count() <= 4);
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        after = last["position"].as_u64().unwrap();
        joined.push_str(&page.text);
    }
    assert_eq!(joined, whole);
}

#[tokio::test]
async fn the_log_is_longer_than_a_block_and_comes_whole() {
    let house = House::lived_in().await;
    for number in 0..1_200 {
        house.register(AOI, "aoi", &format!("あおい{number}")).await;
    }
    let token = house.auditor_token().await;
    let answer = house.get("/api/log?after=3", Some(&token)).await;
    let positions = answer.text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["position"].as_u64().unwrap()
    });
    let head = house.log.head().await.unwrap().position.get();
    assert_eq!(
        positions.collect::<Vec<_>>(),
        (4..=head).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn type_and_stream_choose_and_what_cannot_be_a_name_is_refused() {
    let house = House::lived_in().await;
    let token = house.auditor_token().await;
    let types = |text: &str| -> Vec<String> {
        let kind = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["header"]["type"].as_str().unwrap().to_owned()
        };
        text.lines().map(kind).collect()
    };
    let by_type = house
        .get("/api/log?type=ThanksSent,NeedPosted", Some(&token))
        .await;
    assert_eq!(types(&by_type.text), ["NeedPosted", "ThanksSent"]);
    let path = format!("/api/log?stream=exchange-{EXCHANGE}&limit=2");
    let by_stream = house.get(&path, Some(&token)).await;
    assert_eq!(types(&by_stream.text), ["ExchangeApplied", "MessagePosted"]);
    let nothing = house.get("/api/log?type=NeverHeard", Some(&token)).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (200, ""));
    for bad in [
        "type=x'y",
        "stream=noname",
        "after=-1",
        "limit=x",
        "colour=red",
    ] {
        assert_eq!(
            house
                .get(&format!("/api/log?{bad}"), Some(&token))
                .await
                .status,
            400,
            "{bad}"
        );
    }
}
