//! What the views show as of a moment, and to whom.

use meguri_engine::{PastBounds, ViewSettings};
use meguri_events::{EvaluationRetracted, EvaluationWritten, MemberLeft, NicknameChanged, OfferId};
use meguri_log::{Position, Timestamp};
use serde_json::{Value, json};

use crate::house::{Answer, House, START_MICROS};
use crate::story::{AOI, EXCHANGE, MIO, NEED, OFFER, REN, SECRETS};

/// Every route that shows a view.
fn routes() -> [String; 10] {
    [
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
    ]
}

async fn as_of(house: &House, path: &str, moment: impl ToString, token: Option<&str>) -> Answer {
    let path = format!("{path}?as_of={}", moment.to_string());
    house.get(&path, token).await
}

/// What a route answers as of a moment, and that it is an answer.
async fn shown(house: &House, path: &str, moment: impl ToString, token: &str) -> Value {
    let answer = as_of(house, path, moment, Some(token)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn as_of_the_head_every_route_answers_as_it_does_today_and_goes_on_to_when_more_happens() {
    let house = House::lived_in().await;
    let (head, token) = (house.log.known_head(), house.token_of(AOI).await);
    let mut before = Vec::new();
    for path in routes() {
        let (now, then) = (
            house.get(&path, Some(&token)).await,
            as_of(&house, &path, head, Some(&token)).await,
        );
        assert_eq!((now.status, &now.text), (200, &then.text), "{path}");
        assert_eq!(then.header("meguri-position"), head.to_string(), "{path}");
        assert_eq!(then.header("cache-control"), "private, no-cache", "{path}");
        assert_eq!(then.header("etag"), now.header("etag"), "{path}");
        before.push(then.text);
    }
    let later = OfferId::new(uuid::Uuid::from_u128(78));
    house.offer(later, "あとから").await;
    let position = house.say(AOI, REN, "もう一言").await;
    house.seen(position).await;
    for (path, before) in routes().iter().zip(before) {
        let then = as_of(&house, path, head, Some(&token)).await;
        assert_eq!(then.text, before, "{path}");
    }
}

#[tokio::test]
async fn the_story_is_shown_as_it_was_at_each_of_its_positions() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let room = format!("/api/exchanges/{EXCHANGE}");
    // Three members, a Need, an Offer; then the exchange.
    for (position, posts) in [(0, 0), (3, 0), (4, 1), (5, 2), (6, 2)] {
        let board = shown(&house, "/api/board", position, &token).await;
        assert_eq!(
            board["items"].as_array().unwrap().len(),
            posts,
            "at {position}"
        );
    }
    for (position, status) in [
        (6, "negotiating"),
        (9, "negotiating"),
        (10, "in_progress"),
        (12, "in_progress"),
        (13, "completed"),
    ] {
        let room = shown(&house, &room, position, &token).await;
        assert_eq!(room["status"], status, "at {position}");
        let listed = shown(&house, "/api/exchanges", position, &token).await;
        assert_eq!(listed["items"][0]["status"], status, "at {position}");
    }
    for (position, thanks) in [(13, 0), (14, 0), (15, 1)] {
        let profile = shown(&house, "/api/members/ren", position, &token).await;
        assert_eq!(profile["thanks_received"], thanks, "at {position}");
        let words = shown(&house, "/api/members/ren/thanks", position, &token).await;
        assert_eq!(
            words["items"].as_array().unwrap().len(),
            thanks,
            "at {position}"
        );
    }
    let history = shown(&house, &format!("{room}/history"), 7, &token).await;
    let types: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["type"])
        .collect();
    assert_eq!(types, ["ExchangeApplied", "MessagePosted"]);
    for (position, said) in [(6, 1), (7, 2)] {
        let messages = shown(&house, &format!("{room}/messages"), position, &token).await;
        let messages = messages["items"].as_array().unwrap();
        assert_eq!(messages.len(), said, "at {position}");
    }
}

#[tokio::test]
async fn what_had_not_happened_yet_is_not_found() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    for (path, position) in [
        (format!("/api/needs/{NEED}"), 3),
        (format!("/api/exchanges/{EXCHANGE}"), 5),
        (format!("/api/exchanges/{EXCHANGE}/history"), 5),
        ("/api/members/ren".to_owned(), 1),
        ("/api/me".to_owned(), 1),
    ] {
        let answer = as_of(&house, &path, position, Some(&token)).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(answer.json()["type"], "/problems/not-found", "{path}");
    }
}

#[tokio::test]
async fn a_time_shows_what_had_happened_by_then() {
    let house = House::lived_in().await;
    house.clock.advance_seconds(60);
    let later = OfferId::new(uuid::Uuid::from_u128(78));
    let position = house.offer(later, "あとから").await;
    house.clock.advance_seconds(60);
    let start = Timestamp::from_micros(START_MICROS);
    let before = Position::new(position.get() - 1);
    for (second, posts, seen) in [(-1, 0, Position::ZERO), (59, 2, before), (60, 3, position)] {
        let moment = start.plus_seconds(second);
        let board = as_of(&house, "/api/board", moment, None).await;
        assert_eq!(
            board.header("meguri-position"),
            seen.to_string(),
            "{second} s"
        );
        assert_eq!(
            board.json()["items"].as_array().unwrap().len(),
            posts,
            "{second} s"
        );
    }
    let in_tokyo = "2026-11-21T16:02:04%2B09:00";
    let board = as_of(&house, "/api/board", in_tokyo, None).await;
    assert_eq!(board.header("meguri-position"), before.to_string());
    let tomorrow = as_of(&house, "/api/board", start.plus_seconds(121), None).await;
    assert_eq!(tomorrow.status, 400);
    assert_eq!(tomorrow.json()["type"], "/problems/as-of-beyond-head");
}

#[tokio::test]
async fn a_moment_that_there_is_not_is_refused_in_words() {
    let house = House::lived_in().await;
    let (head, token) = (house.log.known_head(), house.token_of(AOI).await);
    for path in routes() {
        let beyond = as_of(&house, &path, head.next(), Some(&token)).await;
        assert_eq!(beyond.status, 400, "{path}: {}", beyond.text);
        assert_eq!(
            beyond.json()["type"],
            "/problems/as-of-beyond-head",
            "{path}"
        );
        assert_eq!(beyond.json()["position"], head.get(), "{path}");
        for bad in ["5&min_position=5", "yesterday", "-1", "", "5&as_of=5"] {
            let refused = as_of(&house, &path, bad, Some(&token)).await;
            assert_eq!(refused.status, 400, "{path} {bad}: {}", refused.text);
            assert_eq!(
                refused.json()["type"],
                "/problems/bad-request",
                "{path} {bad}"
            );
        }
    }
    // What is no view has no past.
    let auditor = house.auditor_token().await;
    for path in ["/api/status", "/api/log", "/api/stream"] {
        let token = if path == "/api/log" { &auditor } else { &token };
        assert_eq!(
            as_of(&house, path, 1, Some(token)).await.status,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_may_not_see_something_today_may_not_see_its_past() {
    let house = House::lived_in().await;
    let revoked = house.token_of(AOI).await;
    house.log.vault().revoke_token(&revoked).await.unwrap();
    let (stranger, party) = (house.token_of(MIO).await, house.token_of(REN).await);
    let auditor = house.auditor_token().await;
    let head = house.log.known_head();
    for path in routes() {
        for token in [
            None,
            Some(&stranger),
            Some(&party),
            Some(&auditor),
            Some(&revoked),
        ] {
            let token = token.map(String::as_str);
            let today = house.get(&path, token).await;
            let past = as_of(&house, &path, head, token).await;
            assert_eq!(past.status, today.status, "{path} for {token:?}");
            let told = SECRETS.iter().find(|secret| past.text.contains(**secret));
            assert!(
                told.is_none() || token == Some(&party),
                "{path} tells {told:?}"
            );
        }
    }
}

#[tokio::test]
async fn people_are_shown_in_the_past_under_todays_name_and_as_having_left() {
    let house = House::lived_in().await;
    let before = house.log.known_head();
    let nickname = "蓮".to_owned().into();
    let renamed = NicknameChanged {
        member: REN,
        nickname,
    };
    house.append(REN, REN.stream(), renamed).await;
    house.clock.advance_seconds(60);
    let position = house
        .append(REN, REN.stream(), MemberLeft { member: REN })
        .await;
    house.seen(position).await;

    let token = house.token_of(AOI).await;
    let person = json!({"id": REN.to_string(), "user_name": "ren", "nickname": "蓮", "left": true});
    let offer = shown(&house, &format!("/api/offers/{OFFER}"), before, &token).await;
    assert_eq!(
        (&offer["author"], &offer["status"]),
        (&person, &json!("open"))
    );
    let room = shown(
        &house,
        &format!("/api/exchanges/{EXCHANGE}"),
        before,
        &token,
    )
    .await;
    assert_eq!(room["opener"], person);
    let history = format!("/api/exchanges/{EXCHANGE}/history");
    let history = shown(&house, &history, before, &token).await;
    assert_eq!(history["items"][0]["person"], person);
    let profile = shown(&house, "/api/members/ren", before, &token).await;
    let today = house.get("/api/members/ren", None).await.json();
    assert_eq!(
        profile, today,
        "with the counts of then, which are those of today"
    );
    assert!(profile["left_at"].is_string());
    let earlier = shown(&house, "/api/members/ren", 3, &token).await;
    assert_eq!(
        (&earlier["nickname"], &earlier["thanks_received"]),
        (&json!("蓮"), &json!(0))
    );
}

#[tokio::test]
async fn an_evaluation_that_was_retracted_since_is_retracted_in_the_past_h22() {
    let house = House::lived_in().await;
    let written = EvaluationWritten {
        exchange: EXCHANGE,
        by: AOI,
        about: REN,
        words: "丁寧でした".to_owned().into(),
    };
    let before = house.happen(AOI, written).await;
    let retracted = EvaluationRetracted {
        exchange: EXCHANGE,
        by: AOI,
        about: REN,
    };
    house.happen(AOI, retracted).await;
    let token = house.token_of(REN).await;
    let room = format!("/api/exchanges/{EXCHANGE}");
    let room = shown(&house, &room, before, &token).await;
    let evaluations = room["evaluations"].as_array().unwrap();
    let of = |by: &str| evaluations.iter().find(|one| one["by"] == by).unwrap();
    assert_eq!(of("asked")["words"], Value::Null);
    assert!(of("asked")["retracted_at"].is_string());
    assert_eq!(
        of("opener")["words"],
        SECRETS[5],
        "the other's is as it was"
    );
}

#[tokio::test]
async fn while_everything_that_is_kept_is_read_the_reader_is_asked_to_come_again() {
    let settings = ViewSettings {
        past: PastBounds {
            files: 1,
            ..PastBounds::default()
        },
        ..meguri_views::settings()
    };
    let house = House::with(settings).await.lives().await;
    let wait = std::time::Duration::from_secs(20);
    let read = house
        .views
        .past("board", Position::new(4), wait)
        .await
        .unwrap();
    let busy = as_of(&house, "/api/board", 5, None).await;
    assert_eq!(
        (busy.status, busy.header("retry-after")),
        (503, "1"),
        "{}",
        busy.text
    );
    assert_eq!(busy.json()["type"], "/problems/busy");
    drop(read);
    assert_eq!(as_of(&house, "/api/board", 5, None).await.status, 200);
}
