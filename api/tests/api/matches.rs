//! New posts that a member was told of: read by that member alone, and not over a block.

use meguri_events::{MemberId, PostMatched};
use meguri_log::Position;
use serde_json::json;

use crate::house::House;
use crate::story::{AOI, NEED, OFFER, REN};

impl House {
    /// A member is told that Ren's Offer fits Aoi's Need.
    pub(crate) async fn tell_of_offer(&self, member: MemberId) -> Position {
        let told = PostMatched {
            member,
            post: OFFER.into(),
            author: REN,
            fits: vec![NEED.into()],
        };
        self.append(member, member.match_stream(), told).await
    }
}

#[tokio::test]
async fn a_member_reads_of_which_posts_they_were_told_newest_first_and_nobody_elses() {
    let house = House::lived_in().await;
    let positions = [
        house.tell_of_offer(AOI).await,
        house.tell_of_offer(AOI).await,
    ];
    let (aoi, ren) = (house.token_of(AOI).await, house.token_of(REN).await);
    let page = house
        .get("/api/me/matches?limit=1", Some(&aoi))
        .await
        .json();
    let newest = &page["items"][0];
    assert_eq!(newest["position"], positions[1].get());
    assert_eq!(
        newest["post"],
        json!({"id": OFFER.to_string(), "kind": "offer"})
    );
    assert_eq!(
        newest["fits"],
        json!([{"id": NEED.to_string(), "kind": "need"}])
    );
    let next = page["next"].as_str().unwrap();
    let path = format!("/api/me/matches?limit=1&cursor={next}");
    let rest = house.get(&path, Some(&aoi)).await.json();
    assert_eq!(rest["items"][0]["position"], positions[0].get());
    assert!(rest["next"].is_null());
    let none = house.get("/api/me/matches", Some(&ren)).await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(house.get("/api/me/matches", None).await.status, 401);
}

#[tokio::test]
async fn what_was_told_of_who_is_blocked_since_is_not_shown_c12() {
    let house = House::lived_in().await;
    house.tell_of_offer(AOI).await;
    let aoi = house.token_of(AOI).await;
    house.block(REN, AOI).await;
    let hidden = house.get("/api/me/matches", Some(&aoi)).await.json();
    assert_eq!(hidden["items"], json!([]));
    house.unblock(REN, AOI).await;
    let shown = house.get("/api/me/matches", Some(&aoi)).await.json();
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
}
