//! Neither side of a block sees the other, from the next request on (C12).

use meguri_events::{MemberBlocked, MemberId, MemberUnblocked, OfferId};
use meguri_log::Position;
use serde_json::Value;

use crate::house::House;
use crate::story::{AOI, EXCHANGE, FITTING, MIO, NEED, OFFER, REN};

impl House {
    /// A member blocks another; nobody waits for a view.
    pub(crate) async fn block(&self, by: MemberId, blocked: MemberId) -> Position {
        let event = MemberBlocked { by, blocked };
        self.append(by, by.block_stream(blocked), event).await
    }

    /// And takes that back.
    pub(crate) async fn unblock(&self, by: MemberId, blocked: MemberId) -> Position {
        let event = MemberUnblocked { by, blocked };
        self.append(by, by.block_stream(blocked), event).await
    }

    /// The field of every entry of a list.
    async fn listed(&self, path: &str, token: Option<&str>, field: &str) -> Vec<Value> {
        let answer = self.get(path, token).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let items = answer.json()["items"].as_array().unwrap().clone();
        let found = items
            .iter()
            .map(|item| item.pointer(field).unwrap().clone());
        found.collect()
    }

    async fn titles(&self, token: Option<&str>) -> Vec<Value> {
        self.listed("/api/board", token, "/title").await
    }
}

const OF_AOI: &str = "犬の散歩";
const OF_REN: &str = "語学を教えます";

#[tokio::test]
async fn neither_sees_the_other_whoever_blocked_until_it_is_taken_back_c12() {
    let house = House::lived_in().await;
    let (aoi, ren) = (house.token_of(AOI).await, house.token_of(REN).await);
    for (by, blocked) in [(AOI, REN), (REN, AOI)] {
        house.block(by, blocked).await;
        assert_eq!(house.titles(Some(&aoi)).await, [OF_AOI]);
        assert_eq!(house.titles(Some(&ren)).await, [OF_REN]);
        for (token, hidden) in [
            (&aoi, format!("/api/offers/{OFFER}")),
            (&aoi, "/api/members/ren".to_owned()),
            (&aoi, "/api/members/ren/thanks".to_owned()),
            (&ren, format!("/api/needs/{NEED}")),
            (&ren, "/api/members/aoi".to_owned()),
            (&ren, "/api/members/aoi/thanks".to_owned()),
        ] {
            let answer = house.get(&hidden, Some(token)).await;
            assert_eq!(answer.status, 404, "{hidden}: {}", answer.text);
            assert_eq!(house.get(&hidden, None).await.status, 200, "{hidden}");
        }
        house.unblock(by, blocked).await;
        assert_eq!(house.titles(Some(&aoi)).await, [OF_REN, OF_AOI]);
        assert_eq!(house.titles(Some(&ren)).await, [OF_REN, OF_AOI]);
        assert_eq!(house.get("/api/members/ren", Some(&aoi)).await.status, 200);
    }
}

#[tokio::test]
async fn nothing_of_who_is_hidden_is_found_or_matches_c12() {
    let house = House::lived_in().await;
    let (search, matches) = ("/api/search", format!("/api/needs/{NEED}/matches"));
    let title = "/post/title";
    let fitting = OfferId::new(uuid::Uuid::from_u128(78));
    let position = house.fitting_offer(fitting).await;
    house.seen(position).await;
    assert_eq!(house.listed(&matches, None, title).await, [FITTING]);
    house.block(REN, AOI).await;
    let (aoi, ren) = (house.token_of(AOI).await, house.token_of(REN).await);
    assert_eq!(house.listed(search, Some(&aoi), title).await, [OF_AOI]);
    let of_ren = house.listed(search, Some(&ren), title).await;
    assert_eq!(of_ren, [FITTING, OF_REN]);
    let facets = house.get(search, Some(&ren)).await.json();
    assert_eq!(facets["total"], 2, "{facets}");
    let nothing: [&str; 0] = [];
    assert_eq!(house.listed(&matches, Some(&aoi), title).await, nothing);
    assert_eq!(house.get(&matches, Some(&ren)).await.status, 404);
    let mio = house.token_of(MIO).await;
    assert_eq!(
        house.listed(search, Some(&mio), title).await,
        [FITTING, OF_REN, OF_AOI]
    );
    assert_eq!(house.listed(&matches, Some(&mio), title).await, [FITTING]);
}

#[tokio::test]
async fn who_is_hidden_is_answered_as_who_is_not_there_c12() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    house.block(AOI, REN).await;
    let nil = uuid::Uuid::nil();
    for (hidden, none) in [
        (format!("/api/needs/{NEED}"), format!("/api/needs/{nil}")),
        (
            "/api/members/aoi".to_owned(),
            "/api/members/nobody".to_owned(),
        ),
        (
            "/api/members/aoi/thanks".to_owned(),
            "/api/members/nobody/thanks".to_owned(),
        ),
    ] {
        let hidden = house.get(&hidden, Some(&token)).await;
        let none = house.get(&none, Some(&token)).await;
        assert_eq!((hidden.status, hidden.text), (none.status, none.text));
    }
}

#[tokio::test]
async fn everybody_else_sees_both_and_each_sees_themselves_c12() {
    let house = House::lived_in().await;
    house.block(AOI, REN).await;
    let (mio, auditor) = (house.token_of(MIO).await, house.auditor_token().await);
    for token in [None, Some(mio.as_str()), Some(&auditor)] {
        assert_eq!(house.titles(token).await, [OF_REN, OF_AOI]);
        assert_eq!(house.get("/api/members/aoi", token).await.status, 200);
    }
    let token = house.token_of(AOI).await;
    let own = house.get("/api/members/aoi", Some(&token)).await;
    assert_eq!(own.status, 200);
    let unknown = house.get("/api/board", Some("unknown")).await;
    assert_eq!(unknown.status, 401, "not silently taken for nobody");
}

#[tokio::test]
async fn thanks_of_who_is_hidden_are_left_out_of_the_lists_of_others_c12() {
    let house = House::lived_in().await;
    let (mio, path) = (house.token_of(MIO).await, "/api/members/ren/thanks");
    assert_eq!(
        house.listed(path, Some(&mio), "/from/user_name").await,
        ["aoi"]
    );
    house.block(MIO, AOI).await;
    let nobody: [&str; 0] = [];
    assert_eq!(
        house.listed(path, Some(&mio), "/from/user_name").await,
        nobody
    );
}

#[tokio::test]
async fn an_exchange_of_the_two_goes_on_c12() {
    let house = House::lived_in().await;
    house.block(REN, AOI).await;
    for member in [AOI, REN] {
        let token = house.token_of(member).await;
        let exchanges = house.listed("/api/exchanges", Some(&token), "/id").await;
        assert_eq!(exchanges, [EXCHANGE.to_string()]);
        for path in ["", "/messages", "/history"] {
            let path = format!("/api/exchanges/{EXCHANGE}{path}");
            assert_eq!(house.get(&path, Some(&token)).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn a_block_hides_what_was_before_it_too_c12() {
    let house = House::lived_in().await;
    let before = house.log.known_head();
    house.block(AOI, REN).await;
    let token = house.token_of(AOI).await;
    let past = format!("/api/board?as_of={before}");
    assert_eq!(house.titles(Some(&token)).await, [OF_AOI]);
    let then = house.listed(&past, Some(&token), "/title").await;
    assert_eq!(then, [OF_AOI]);
    let offer = format!("/api/offers/{OFFER}?as_of={before}");
    assert_eq!(house.get(&offer, Some(&token)).await.status, 404);
}

#[tokio::test]
async fn no_read_of_a_member_goes_by_blocks_that_are_behind_what_is_acknowledged_c12() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let held = house.hold_back("blocks").await;
    house.block(AOI, REN).await;
    // What is read is too old to tell: it is waited for, and not answered.
    let waiting = house.get("/api/members/ren", Some(&token)).await;
    assert_eq!(waiting.status, 503, "{}", waiting.text);
    assert_eq!(waiting.json()["type"], "/problems/not-yet");
    assert_eq!(house.get("/api/members/ren", None).await.status, 200);
    drop(held);
    assert_eq!(
        house.get("/api/members/ren", Some(&token)).await.status,
        404
    );
}

#[tokio::test]
async fn a_member_reads_whom_they_block_and_what_is_still_open_with_them_c12() {
    let house = House::lived_in().await;
    let running = house.another_exchange().await;
    let position = house.block(AOI, REN).await;
    house.seen(position).await;
    let (aoi, ren) = (house.token_of(AOI).await, house.token_of(REN).await);
    let blocks = house.get("/api/me/blocks", Some(&aoi)).await.json();
    let block = &blocks["items"][0];
    assert_eq!(block["member"]["user_name"], "ren");
    let open = serde_json::json!([{"id": running.to_string(), "status": "negotiating"}]);
    assert_eq!(block["open_exchanges"], open, "not the one that is over");
    assert_eq!(blocks["items"].as_array().unwrap().len(), 1);
    let none = house.get("/api/me/blocks", Some(&ren)).await.json();
    assert_eq!(none["items"], serde_json::json!([]), "nobody is told");
    assert_eq!(house.get("/api/me/blocks", None).await.status, 401);
}
