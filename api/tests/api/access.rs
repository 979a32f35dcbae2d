//! Who may see what, route by route and asker by asker.

use crate::house::House;
use crate::story::{AOI, EXCHANGE, MIO, NEED, OFFER, REN, SECRETS};

/// Expected statuses for: nobody, a stranger, a party, an auditor, a revoked token.
const TABLE: [(&str, [u16; 5]); 33] = [
    ("/api/board", [200, 200, 200, 200, 401]),
    ("/api/search?q=%E7%8A%AC", [200, 200, 200, 200, 401]),
    ("/api/search/suggestions?q=%E7%8A%AC", [200; 5]),
    ("/api/operator/search", [401, 403, 403, 403, 401]),
    ("/api/needs/{need}/matches", [200, 200, 200, 200, 401]),
    ("/api/offers/{offer}/matches", [200, 200, 200, 200, 401]),
    ("/api/needs/{need}", [200, 200, 200, 200, 401]),
    ("/api/offers/{offer}", [200, 200, 200, 200, 401]),
    ("/api/members/ren", [200, 200, 200, 200, 401]),
    ("/api/members/ren/thanks", [200, 200, 200, 200, 401]),
    ("/api/members/aoi/thanks", [200, 200, 200, 200, 401]),
    ("/api/me", [401, 200, 200, 403, 401]),
    ("/api/me/accesses", [401, 200, 200, 403, 401]),
    ("/api/me/blocks", [401, 200, 200, 403, 401]),
    ("/api/me/matches", [401, 200, 200, 403, 401]),
    ("/api/exchanges", [401, 200, 200, 403, 401]),
    ("/api/exchanges/{exchange}", [401, 404, 200, 403, 401]),
    (
        "/api/exchanges/{exchange}/messages",
        [401, 404, 200, 403, 401],
    ),
    (
        "/api/exchanges/{exchange}/history",
        [401, 404, 200, 200, 401],
    ),
    (
        "/api/exchanges/{exchange}/evidence",
        [401, 404, 200, 200, 401],
    ),
    (
        "/api/exchanges/{exchange}/evidence?disclose=all&reason=why",
        [401, 404, 200, 403, 401],
    ),
    ("/api/status", [200; 5]),
    ("/api/log", [401, 403, 403, 200, 401]),
    ("/api/events/1/proof", [200; 5]),
    ("/api/proof/consistency?from=1&to=1", [200; 5]),
    ("/api/stream?after=0", [200, 200, 200, 403, 401]),
    ("/api/openapi.json", [200; 5]),
    ("/api", [200; 5]),
    ("/healthz", [200; 5]),
    ("/readyz", [200; 5]),
    ("/metrics", [200; 5]),
    ("/checkpoint", [200; 5]),
    ("/tile/0/000.p/1", [200; 5]),
];

const ASKERS: [&str; 5] = [
    "nobody",
    "a stranger",
    "a party",
    "an auditor",
    "a revoked token",
];

/// Index of the party among [`ASKERS`].
const PARTY: usize = 2;

#[tokio::test]
async fn each_route_answers_each_asker_as_the_table_says_and_tells_no_secret() {
    let house = House::lived_in().await;
    house.published().await;
    let revoked = house.token_of(AOI).await;
    house.log.vault().revoke_token(&revoked).await.unwrap();
    let (stranger, party) = (house.token_of(MIO).await, house.token_of(REN).await);
    let auditor = house.auditor_token().await;
    let tokens = [
        None,
        Some(&stranger),
        Some(&party),
        Some(&auditor),
        Some(&revoked),
    ];
    // Streams end once they have said what there is to say.
    let shutdown = house.shutdown.clone();
    let mut wrong = Vec::new();
    for (route, expected) in TABLE {
        let path = route
            .replace("{need}", &NEED.to_string())
            .replace("{offer}", &OFFER.to_string())
            .replace("{exchange}", &EXCHANGE.to_string());
        if route.starts_with("/api/stream") {
            shutdown.cancel();
        }
        for (asker, token) in tokens.iter().enumerate() {
            let answer = house.get(&path, token.map(String::as_str)).await;
            let who = ASKERS[asker];
            if answer.status != expected[asker] {
                wrong.push(format!(
                    "{route} for {who}: {} {}",
                    answer.status, answer.text
                ));
            }
            for secret in SECRETS {
                if asker != PARTY && answer.text.contains(secret) {
                    wrong.push(format!("{route} tells {who} {secret}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_party_reads_what_was_written_to_it() {
    let house = House::lived_in().await;
    for party in [AOI, REN] {
        let token = house.token_of(party).await;
        let room = house
            .get(&format!("/api/exchanges/{EXCHANGE}"), Some(&token))
            .await;
        for secret in &SECRETS[..6] {
            assert!(
                room.text.contains(secret),
                "{secret} is missing: {}",
                room.text
            );
        }
    }
}

#[tokio::test]
async fn the_table_names_every_route_there_is() {
    let house = House::empty().await;
    let tested = |path: &String| {
        let path = path.replace("{id}", "").replace("{user_name}", "ren");
        let path = path
            .replace("{position}", "1")
            .replace("{*path}", "0/000.p/1");
        TABLE.iter().any(|(route, _)| {
            let route = route.split('?').next().unwrap_or_default();
            let bare = ["{need}", "{offer}", "{exchange}"]
                .iter()
                .fold(route.to_owned(), |route, name| route.replace(name, ""));
            bare == path
        })
    };
    let untested: Vec<&String> = house
        .openapi
        .paths
        .paths
        .keys()
        .filter(|path| !tested(path))
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_yours_look_the_same() {
    let house = House::lived_in().await;
    let token = house.token_of(MIO).await;
    let theirs = house
        .get(&format!("/api/exchanges/{EXCHANGE}"), Some(&token))
        .await;
    let nowhere = format!("/api/exchanges/{}", uuid::Uuid::from_u128(99));
    let nothing = house.get(&nowhere, Some(&token)).await;
    assert_eq!((theirs.status, &theirs.text), (404, &nothing.text));
}
