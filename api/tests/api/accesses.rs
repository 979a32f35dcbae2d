//! Who opened what a member wrote: told to that member, page by page.

use meguri_events::{SealedTextOpened, SectionRef};

use crate::house::House;
use crate::story::{AOI, MIO, REN};

impl House {
    /// Somebody opens what was written at this position.
    async fn access(&self, position: u64, reason: &str) {
        let opened = SealedTextOpened {
            member: AOI,
            sections: vec![SectionRef::new(position, "text").unwrap()],
            reason: reason.to_owned().into(),
        };
        self.append(MIO, AOI.access_stream(), opened).await;
    }
}

#[tokio::test]
async fn a_member_reads_all_accesses_newest_first_in_pages_and_nobody_elses() {
    let house = House::lived_in().await;
    for position in 4..=8 {
        house.access(position, "通報の確認").await;
    }
    let token = house.token_of(AOI).await;
    let mut seen = Vec::new();
    let mut path = "/api/me/accesses?limit=2".to_owned();
    loop {
        let page = house.get(&path, Some(&token)).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(
            items
                .iter()
                .map(|it| it["sections"][0]["position"].as_u64().unwrap()),
        );
        assert!(items.iter().all(|it| it["reason"] == "通報の確認"));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/me/accesses?limit=2&cursor={next}");
    }
    assert_eq!(seen, [8, 7, 6, 5, 4]);
    let other = house.token_of(REN).await;
    let none = house.get("/api/me/accesses", Some(&other)).await.json();
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
    let bad = house.get("/api/me/accesses?cursor=8", Some(&token)).await;
    assert_eq!(bad.status, 400);
}
