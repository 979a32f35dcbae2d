//! Evidence that a party takes away: provable to anybody, and open only where the party chose it.

use axum::body::to_bytes;
use meguri_events::{KeyClass, KeyRange, KeysDestroyed};
use meguri_evidence::{Expected, Files, Report, Verdict, verify};

use crate::house::House;
use crate::story::{AOI, EXCHANGE, REN, SECRETS};

impl House {
    /// The bundle that somebody takes away, once all of the log is published.
    async fn evidence(&self, token: &str, disclose: &str) -> Files {
        self.published().await;
        let path = format!("/api/exchanges/{EXCHANGE}/evidence?disclose={disclose}");
        let answer = self.open(&path, Some(token), &[]).await;
        assert_eq!(answer.status().as_u16(), 200, "{disclose}");
        assert_eq!(answer.headers()["content-type"], "application/zip");
        let bytes = to_bytes(answer.into_body(), 10_000_000).await.unwrap();
        Files::from_zip(&bytes).unwrap()
    }

    /// What anybody finds who has the log's key.
    async fn found(&self, files: &Files) -> Report {
        let key = self.log.verifier().await.unwrap();
        let stream = EXCHANGE.stream();
        let expected = Expected {
            key: key.as_ref(),
            stream: Some(&stream),
        };
        verify(files, expected)
    }
}

fn text_of(files: &Files) -> String {
    let parts = files
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes));
    parts.collect()
}

#[tokio::test]
async fn a_party_proves_what_happened_and_opens_its_own_words_alone() {
    let house = House::lived_in().await;
    let (ren, aoi) = (house.token_of(REN).await, house.token_of(AOI).await);
    let own = house.evidence(&ren, "all").await;
    let report = house.found(&own).await;
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    let opened = text_of(&own);
    // Ren's greeting and evaluation; what Aoi wrote stays closed.
    assert!(opened.contains(SECRETS[0]) && opened.contains(SECRETS[5]));
    assert!(!opened.contains(SECRETS[1]));
    let theirs = text_of(&house.evidence(&aoi, "all").await);
    assert!(theirs.contains(SECRETS[1]) && !theirs.contains(SECRETS[0]));
    let nothing = house.evidence(&ren, "").await;
    assert_eq!(house.found(&nothing).await.verdict(), Verdict::Sound);
    let nothing = text_of(&nothing);
    for secret in SECRETS {
        assert!(!nothing.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_party_chooses_single_texts_and_cannot_choose_those_of_the_other() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    let all = house.evidence(&token, "all").await;
    let names: Vec<&str> = all.iter().map(|(name, _)| name).collect();
    insta::assert_snapshot!(names.join("\n"));
    let position = |section: &str| {
        let name = names.iter().find(|name| name.ends_with(section)).unwrap();
        name.split(['/', '.']).nth(1).unwrap().to_owned()
    };
    let chosen = format!("{}/message", position(".message.json"));
    let one = text_of(&house.evidence(&token, &chosen).await);
    assert!(one.contains(SECRETS[0]) && !one.contains(SECRETS[5]));
    // The title of a post is its author's.
    let refusals = [
        (format!("{}/title", position(".message.json")), 403),
        ("99".to_owned(), 400),
        ("everything".to_owned(), 400),
    ];
    for (choice, status) in refusals {
        let path = format!("/api/exchanges/{EXCHANGE}/evidence?disclose={choice}");
        assert_eq!(
            house.get(&path, Some(&token)).await.status,
            status,
            "{choice}"
        );
    }
}

#[tokio::test]
async fn the_same_evidence_of_the_same_log_is_the_same_bytes() {
    let house = House::lived_in().await;
    let token = house.token_of(REN).await;
    let first = house.evidence(&token, "all").await;
    assert_eq!(house.evidence(&token, "all").await, first);
}

#[tokio::test]
async fn the_evidence_of_erased_words_comes_with_what_tells_of_their_erasure() {
    let house = House::lived_in().await;
    let keys = [KeyClass::Message, KeyClass::Exchange].map(|class| KeyRange { class, last: 1 });
    let destroyed = KeysDestroyed {
        member: AOI,
        keys: keys.to_vec(),
    };
    let at = house.append(AOI, AOI.stream(), destroyed).await;
    let token = house.token_of(REN).await;
    let files = house.evidence(&token, "all").await;
    let report = house.found(&files).await;
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    assert!(files.get(&format!("erasures/{at}.header")).is_some());
    let told = report.told;
    // Aoi's message and thanks are erased; her post and its title, under another key, are closed.
    assert_eq!((told.erased, told.closed), (2, 2), "{told:?}");
    assert!(told.disclosed > 0);
}
