//! Reading one's own writes.

use std::time::{Duration, Instant};

use meguri_events::{KeyClass, KeyRange, MemberErased};
use sqlx::Connection as _;

use crate::house::House;
use crate::story::{AOI, EXCHANGE, NEED, OFFER, REN};

#[tokio::test]
async fn a_reader_who_passes_the_position_sees_its_own_write() {
    let house = House::lived_in().await;
    let position = house.say(AOI, REN, "書いたばかり").await;
    let token = house.token_of(AOI).await;
    let path = format!("/api/exchanges/{EXCHANGE}?min_position={position}");
    let answer = house.get(&path, Some(&token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("書いたばかり"));
    assert!(answer.header("meguri-position").parse::<u64>().unwrap() >= position.get());
}

#[tokio::test]
async fn a_read_waits_for_a_position_that_arrives_in_time() {
    let house = House::lived_in().await;
    let next = house.log.known_head().next();
    let path = format!("/api/board?min_position={next}");
    let waiting = house.get(&path, None);
    let arriving = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        house
            .offer(
                meguri_events::OfferId::new(uuid::Uuid::from_u128(77)),
                "あとから",
            )
            .await
    };
    let (answer, position) = tokio::join!(waiting, arriving);
    assert_eq!((answer.status, position), (200, next));
    assert!(answer.text.contains("あとから"), "{}", answer.text);
}

#[tokio::test]
async fn every_read_answers_503_with_the_position_reached_after_five_seconds() {
    let house = House::lived_in().await;
    let head = house.log.known_head().get();
    let (member, auditor) = (house.token_of(AOI).await, house.auditor_token().await);
    let paths = [
        "/api/board".to_owned(),
        format!("/api/needs/{NEED}"),
        format!("/api/offers/{OFFER}"),
        "/api/members/ren".to_owned(),
        "/api/members/ren/thanks".to_owned(),
        "/api/me".to_owned(),
        "/api/exchanges".to_owned(),
        format!("/api/exchanges/{EXCHANGE}"),
        format!("/api/exchanges/{EXCHANGE}/messages"),
        format!("/api/exchanges/{EXCHANGE}/history"),
        "/api/status".to_owned(),
        "/api/stream".to_owned(),
        "/api/log".to_owned(),
    ];
    let started = Instant::now();
    let answers = paths.iter().map(async |path| {
        let token = if path == "/api/log" {
            &auditor
        } else {
            &member
        };
        let path = format!("{path}?min_position={}", head + 1);
        let answer = house.get(&path, Some(token)).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert_eq!(answer.json()["type"], "/problems/not-yet", "{path}");
        assert_eq!(answer.json()["position"], head, "{path}");
        assert_eq!(answer.header("retry-after"), "1", "{path}");
    });
    futures::future::join_all(answers).await;
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(5) && took < Duration::from_secs(9),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_view_that_is_behind_an_erasure_is_not_read_until_it_has_heard_of_it() {
    let house = House::lived_in().await;
    let before = house.log.known_head();
    let held = house.hold_back("profiles").await;
    let keys = KeyClass::ALL.iter();
    let erased = MemberErased {
        member: REN,
        keys: keys
            .map(|class| KeyRange {
                class: *class,
                last: 1,
            })
            .collect(),
        kept: Vec::new(),
        kept_until: None,
    };
    let erased = house.append(REN, REN.stream(), erased).await;
    let heard = async {
        while house.views.last_erasure() < erased {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let long = Duration::from_secs(20);
    tokio::time::timeout(long, heard).await.unwrap();
    // Nobody asks for a position, and the file still holds who Ren is.
    let answer = house.get("/api/members/ren", None).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json()["type"], "/problems/not-yet");
    assert_eq!(answer.json()["position"], before.get());
    held.close().await.unwrap();
    let answer = house.get("/api/members/aoi", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("meguri-position").parse::<u64>().unwrap() >= erased.get());
    assert_eq!(house.get("/api/members/ren", None).await.status, 404);
}

#[tokio::test]
async fn a_view_that_stopped_is_not_read_and_says_so() {
    let house = House::lived_in().await;
    let before = house.log.known_head();
    house.append_unknown_type().await;
    let stopped = async {
        while house.get("/readyz", None).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), stopped)
        .await
        .expect("the views stop");
    let token = house.token_of(AOI).await;
    for path in [
        "/api/board",
        "/api/members/ren",
        "/api/exchanges",
        "/api/board?min_position=99",
    ] {
        let answer = house.get(path, Some(&token)).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.json()["type"], "/problems/view-stopped", "{path}");
        assert_eq!(answer.json()["position"], before.get(), "{path}");
    }
    let status = house.get("/api/status", None).await.json();
    assert_eq!(status["views"][0]["state"], "stopped");
    assert_eq!(status["views"][0]["stopped_before"], before.get() + 1);
}

#[tokio::test]
async fn a_view_that_does_not_hold_what_the_log_says_is_not_read_until_it_is_built_anew() {
    let house = House::lived_in().await;
    let mut steps = house.views.rebuild("profiles").await.unwrap();
    while steps.recv().await.is_some() {}
    house.damage("profiles", "ren");
    let proven = house.views.prove("profiles").await.unwrap();
    assert!(proven.mismatch.is_some(), "{proven:?}");
    let withdrawn = async {
        loop {
            let answer = house.get("/api/members/ren", None).await;
            if answer.status == 503 {
                return answer;
            }
        }
    };
    let long = Duration::from_secs(20);
    let answer = tokio::time::timeout(long, withdrawn).await.unwrap();
    assert_eq!(answer.json()["type"], "/problems/view-withdrawn");
    assert_eq!(answer.header("retry-after"), "1");
    let back = async {
        while house.get("/api/members/ren", None).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(long, back).await.unwrap();
}
