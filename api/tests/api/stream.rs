//! Live updates: what is seen by whom, and that nothing is missed over a broken connection.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::Response;
use meguri_events::OfferId;
use meguri_log::TokenId;
use uuid::Uuid;

use crate::house::House;
use crate::story::{AOI, EXCHANGE, MIO, REN};

/// One server-sent event.
#[derive(Debug, PartialEq)]
struct Sent {
    id: u64,
    event: String,
    event_type: String,
}

/// The next bytes of a stream; none at its end.
async fn next_chunk(body: &mut Body) -> Option<String> {
    let frame = futures::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    let frame = tokio::time::timeout(Duration::from_secs(10), frame).await;
    let bytes = frame
        .expect("something within ten seconds")?
        .unwrap()
        .into_data()
        .unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

/// Reads events until there are this many.
async fn take(response: Response<Body>, count: usize) -> Vec<Sent> {
    let mut body = response.into_body();
    let (mut text, mut sent) = (String::new(), Vec::new());
    while sent.len() < count {
        text.push_str(&next_chunk(&mut body).await.expect("an open stream"));
        while let Some((frame, rest)) = text.split_once("\n\n") {
            sent.extend(parse(frame));
            text = rest.to_owned();
        }
    }
    sent
}

fn parse(frame: &str) -> Option<Sent> {
    let field = |name: &str| {
        let mut lines = frame.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(|text| text.trim().to_owned())
    };
    let data: serde_json::Value = serde_json::from_str(&field("data:")?).unwrap();
    assert_eq!(data["position"].to_string(), field("id:")?);
    Some(Sent {
        id: field("id:")?.parse().unwrap(),
        event: field("event:")?,
        event_type: data["type"].as_str()?.to_owned(),
    })
}

#[tokio::test]
async fn everyone_sees_the_board_and_only_parties_see_their_exchange() {
    let house = House::lived_in().await;
    let last = house.post_offer().await;
    let (stranger, party) = (house.token_of(MIO).await, house.token_of(AOI).await);
    for (token, expected) in [
        (None, vec!["NeedPosted", "OfferPosted", "OfferPosted"]),
        (
            Some(stranger),
            vec!["NeedPosted", "OfferPosted", "OfferPosted"],
        ),
        (
            Some(party),
            vec![
                "NeedPosted",
                "OfferPosted",
                "ExchangeApplied",
                "MessagePosted",
                "TermsProposed",
                "TermsAgreed",
                "ExchangeStarted",
                "CompletionReported",
                "CompletionReported",
                "ExchangeCompleted",
                "EvaluationWritten",
                "ThanksSent",
                "OfferPosted",
            ],
        ),
    ] {
        let response = house
            .open("/api/stream?after=0", token.as_deref(), &[])
            .await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let sent = take(response, expected.len()).await;
        let types: Vec<&str> = sent.iter().map(|sent| sent.event_type.as_str()).collect();
        assert_eq!(types, expected);
        // The last one proves that nothing in between was still on its way.
        assert_eq!(sent.last().unwrap().id, last.get());
    }
}

#[tokio::test]
async fn a_stream_that_broke_off_goes_on_where_it_was() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    let whole = take(
        house.open("/api/stream?after=0", Some(&token), &[]).await,
        12,
    )
    .await;
    let broken = take(
        house.open("/api/stream?after=0", Some(&token), &[]).await,
        5,
    )
    .await;
    let last = broken.last().unwrap().id.to_string();
    // A browser repeats the address with its `after`; the id it has seen wins.
    let headers = [("last-event-id", last.as_str())];
    let resumed = house
        .open("/api/stream?after=0", Some(&token), &headers)
        .await;
    let resumed = take(resumed, 7).await;
    let joined: Vec<Sent> = broken.into_iter().chain(resumed).collect();
    assert_eq!(joined, whole);
}

#[tokio::test]
async fn what_happens_while_one_listens_arrives_and_without_after_nothing_older() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let response = house.open("/api/stream", Some(&token), &[]).await;
    let position = house.say(REN, AOI, "今つきました").await;
    let sent = take(response, 1).await;
    assert_eq!(
        sent,
        [Sent {
            id: position.get(),
            event: "exchange".to_owned(),
            event_type: "MessagePosted".to_owned(),
        }]
    );
}

#[tokio::test]
async fn a_member_hears_at_once_of_a_post_that_fits_and_nothing_over_a_block_c12() {
    let house = House::lived_in().await;
    let (aoi, mio) = (house.token_of(AOI).await, house.token_of(MIO).await);
    let after = house.say(REN, AOI, "はい").await;
    let path = format!("/api/stream?after={after}");
    let told = house.tell_of_offer(AOI).await;
    let sent = take(house.open(&path, Some(&aoi), &[]).await, 1).await;
    let heard = Sent {
        id: told.get(),
        event: "match".to_owned(),
        event_type: "PostMatched".to_owned(),
    };
    assert_eq!(sent, [heard]);
    house.block(AOI, REN).await;
    let unseen = house.tell_of_offer(AOI).await;
    let last = house.say(REN, AOI, "ではまた").await;
    let resumed = [("last-event-id", told.to_string())];
    let resumed = resumed.each_ref().map(|(name, id)| (*name, id.as_str()));
    let sent = take(house.open(&path, Some(&aoi), &resumed).await, 1).await;
    assert_eq!(sent[0].id, last.get(), "and not {unseen}");
    let offer = house.post_offer().await;
    let sent = take(house.open(&path, Some(&mio), &[]).await, 1).await;
    assert_eq!(sent[0].id, offer.get(), "nothing of what others were told");
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let house = House::lived_in().await;
    let response = house.open("/api/stream", None, &[]).await;
    house.shutdown.cancel();
    assert_eq!(next_chunk(&mut response.into_body()).await, None);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let house = House::empty().await;
    let response = house
        .open("/api/stream", None, &[("last-event-id", "x")])
        .await;
    assert_eq!(response.status(), 400);
    let ahead = house.open("/api/stream?after=1000000", None, &[]).await;
    assert_eq!(ahead.status(), 200);
    let position = house.post_offer().await;
    let sent = take(ahead, 1).await;
    assert_eq!(
        sent[0].id,
        position.get(),
        "a position nobody has handed out hides nothing"
    );
}

#[tokio::test]
async fn nothing_that_was_typed_is_streamed() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let mut body = house
        .open("/api/stream?after=0", Some(&token), &[])
        .await
        .into_body();
    let mut text = String::new();
    while !text.contains("ThanksSent") {
        text.push_str(&next_chunk(&mut body).await.expect("an open stream"));
    }
    assert!(text.contains(&EXCHANGE.stream()));
    assert!(text.is_ascii(), "all that was typed is Japanese: {text}");
    assert!(!text.contains("example.jp"), "{text}");
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_alive_and_how_far_it_has_looked() {
    let house = House::lived_in().await;
    let response = house.open("/api/stream", None, &[]).await;
    let position = house.say(AOI, REN, "ほかの人には見えない").await;
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains(&format!("id: {position}")) {
        text.push_str(&next_chunk(&mut body).await.expect("an open stream"));
    }
    assert!(text.starts_with(": alive\nid: "), "{text}");
    assert!(!text.contains("data:"), "{text}");
}

#[tokio::test]
async fn a_silent_stream_ends_as_soon_as_its_token_does() {
    let house = House::silent().await;
    house.register(AOI, "aoi", "あおい").await;
    let other_process = house.another_process().await;
    let here = house.log.vault();
    for way in 0..5 {
        let token = house.token_of(AOI).await;
        let other = house.token_of(AOI).await;
        let open = async |token: &str| {
            let response = house.open("/api/stream", Some(token), &[]).await;
            assert_eq!(response.status(), 200);
            response.into_body()
        };
        let mut body = open(&token).await;
        let subject = AOI.stream();
        match way {
            0 => here.revoke_token(&token).await.unwrap(),
            1 => {
                let id = TokenId::of(&token).to_string();
                assert!(here.revoke_token_shown_as(&subject, &id).await.unwrap());
            }
            2 => other_process.vault().revoke_token(&token).await.unwrap(),
            3 => other_process.vault().lock_out(&subject).await.unwrap(),
            _ => house.clock.advance_seconds(91 * 24 * 3_600),
        }
        // Nothing is sent in between, so it does not end because it was looked at.
        assert_eq!(next_chunk(&mut body).await, None, "{way}");
        if way < 3 {
            let still = house.open("/api/me", Some(&other), &[]).await;
            assert_eq!(still.status(), 200, "another token is not concerned");
        }
    }
}

#[tokio::test]
async fn nothing_that_waits_is_sent_under_a_revoked_token() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let open = house.open("/api/stream?after=0", Some(&token), &[]);
    let mut body = open.await.into_body();
    next_chunk(&mut body).await.expect("the first of many");
    house.log.vault().revoke_token(&token).await.unwrap();
    // Long enough for the watch to have heard of it; the events are all there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(next_chunk(&mut body).await, None);
}

#[tokio::test]
async fn no_limit_of_requests_ends_a_stream() {
    let house = House::strict().await;
    house.register(AOI, "aoi", "あおい").await;
    let token = house.token_of(AOI).await;
    let mut body = house
        .open("/api/stream", Some(&token), &[])
        .await
        .into_body();
    let refused = house.open("/api/me", Some(&token), &[]).await;
    assert_eq!(refused.status(), 429, "the account has used its limit up");
    for _ in 0..5 {
        let alive = next_chunk(&mut body).await.expect("an open stream");
        assert!(alive.starts_with(": alive"), "{alive}");
    }
}

#[tokio::test]
async fn a_stream_tells_nothing_of_the_posts_of_who_is_hidden_while_they_are_c12() {
    let house = House::lived_in().await;
    let (aoi, before) = (house.token_of(AOI).await, house.log.known_head());
    house.block(REN, AOI).await;
    let response = house.open("/api/stream?after=0", Some(&aoi), &[]).await;
    let sent = take(response, 11).await;
    let of_posts: Vec<_> = sent.iter().filter(|sent| sent.event == "board").collect();
    assert_eq!(of_posts.len(), 1, "her own: {sent:?}");
    assert_eq!(sent.last().unwrap().id, before.get());

    let response = house.open("/api/stream", Some(&aoi), &[]).await;
    let hidden = house
        .offer(OfferId::new(Uuid::from_u128(70)), "見えない")
        .await;
    house.unblock(REN, AOI).await;
    let shown = house
        .offer(OfferId::new(Uuid::from_u128(71)), "見える")
        .await;
    let sent = take(response, 1).await;
    assert_eq!(sent[0].id, shown.get(), "and not {hidden}");

    let response = house.open("/api/stream", Some(&aoi), &[]).await;
    house.block(AOI, REN).await;
    house
        .offer(OfferId::new(Uuid::from_u128(72)), "また見えない")
        .await;
    let said = house.say(REN, AOI, "これまでどおり").await;
    assert_eq!(take(response, 1).await[0].id, said.get());
}
