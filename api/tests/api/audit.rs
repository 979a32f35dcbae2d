//! The audit pages: who sees what, what they say, and how one signs in.

use axum::body::to_bytes;
use meguri_events::{ExchangeId, ThanksSent};
use uuid::Uuid;

use crate::house::{Answer, House};
use crate::story::{AOI, EXCHANGE, MIO, REN, SECRETS};

/// Position of the opening of the exchange.
const OPENING: u64 = 6;
/// Position of the thanks, the last event.
const THANKS: u64 = 15;

fn timeline() -> String {
    format!("/audit/exchanges/{EXCHANGE}")
}

impl House {
    /// Reads a page in Japanese.
    async fn page(&self, path: &str, token: Option<&str>) -> Answer {
        self.page_with(path, token, &[]).await
    }

    async fn page_with(&self, path: &str, token: Option<&str>, more: &[(&str, &str)]) -> Answer {
        let response = self.open(path, token, more).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status,
            headers,
            text,
        }
    }
}

/// A page without what differs each time: commitments are made under random salts.
fn without_commitments(page: &str) -> String {
    let mut parts = page.split("commitment&quot;:&quot;");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("&quot;").unwrap();
        text.push_str("commitment&quot;:&quot;[random]&quot;");
        text.push_str(rest);
    }
    text
}

#[tokio::test]
async fn a_timeline_is_seen_by_its_parties_and_by_auditors_and_tells_nothing_that_is_sealed() {
    let house = House::lived_in().await;
    let (party, stranger) = (house.token_of(AOI).await, house.token_of(MIO).await);
    let auditor = house.auditor_token().await;
    let event = format!("/audit/events/{OPENING}");
    let unknown = format!("/audit/exchanges/{}", ExchangeId::new(Uuid::from_u128(99)));
    let table = [
        (timeline(), [401, 404, 200, 200]),
        (event, [401, 404, 200, 200]),
        // Of a member, which is nobody's exchange.
        ("/audit/events/1".to_owned(), [401, 404, 404, 200]),
        ("/audit/events/0".to_owned(), [401, 404, 404, 404]),
        ("/audit/events/99".to_owned(), [401, 404, 404, 404]),
        (unknown, [401, 404, 404, 404]),
        ("/audit".to_owned(), [401, 200, 200, 200]),
        (format!("/audit?exchange={EXCHANGE}"), [401, 404, 200, 200]),
        ("/audit?member=nobody".to_owned(), [401, 200, 200, 404]),
        ("/audit?exchange=nonsense".to_owned(), [401, 400, 400, 400]),
        ("/audit?from=2026-13-01".to_owned(), [401, 200, 200, 400]),
        ("/audit/exchanges/nonsense".to_owned(), [401, 404, 404, 404]),
    ];
    let mut wrong = Vec::new();
    for (path, expected) in table {
        let tokens = [None, Some(&stranger), Some(&party), Some(&auditor)];
        for (token, expected) in tokens.into_iter().zip(expected) {
            let answer = house.page(&path, token.map(String::as_str)).await;
            if answer.status != expected {
                wrong.push(format!("{path}: {} is not {expected}", answer.status));
            }
            for secret in SECRETS {
                assert!(!answer.text.contains(secret), "{path} tells {secret}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_timeline_says_who_did_what_when_why_and_where_it_stood_before_and_after() {
    let house = House::lived_in().await;
    house.published().await;
    let auditor = house.auditor_token().await;
    let page = house.page(&timeline(), Some(&auditor)).await;
    let key = house.log.verifier().await.unwrap().unwrap().to_string();
    let text = page.text.replace(&key, "[the verifier key]");
    insta::assert_snapshot!(without_commitments(&text));
}

#[tokio::test]
async fn a_timeline_speaks_english_to_who_prefers_it() {
    let house = House::lived_in().await;
    let auditor = house.auditor_token().await;
    let english = [("accept-language", "en")];
    let page = house.page_with(&timeline(), Some(&auditor), &english).await;
    assert!(page.text.contains("<html lang=\"en\">"));
    assert!(page.text.contains("Negotiating, terms 1"), "{}", page.text);
    let readable: String = page.text.replace("あおい", "").replace("れん", "");
    let japanese = readable.chars().find(|c| ('ぁ'..='鿿').contains(c));
    assert_eq!(japanese, None);
}

#[tokio::test]
async fn what_led_to_an_event_is_told_and_drawn() {
    let house = House::lived_in().await;
    let auditor = house.auditor_token().await;
    let after = meguri_log::Position::new(THANKS - 1);
    let everything = meguri_log::Filter::default();
    let block = house.log.read_all(after, &everything, 1).await.unwrap();
    let thanks = block.events[0].header().unwrap().unwrap().id;
    house
        .led_to(
            thanks,
            ThanksSent {
                exchange: EXCHANGE,
                from: REN,
                to: AOI,
                words: None,
            },
        )
        .await;
    let page = house.page(&timeline(), Some(&auditor)).await;
    let link = format!("<a href=\"#event-{THANKS}\">位置 {THANKS} ありがとうを送った</a>");
    assert!(page.text.contains(&link), "{}", page.text);
    assert!(page.text.contains("<path class=\"led\""));
}

#[tokio::test]
async fn the_header_and_blind_of_an_event_make_its_entry() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let house = House::lived_in().await;
    let party = house.token_of(REN).await;
    let event = house
        .page(&format!("/audit/events/{THANKS}"), Some(&party))
        .await
        .json();
    let position = meguri_log::Position::new(THANKS);
    let blinds = house.log.blinds(&[position]).await.unwrap();
    assert_eq!(event["blind"], STANDARD.encode(blinds[0].unwrap()));
    let header: serde_json::Value =
        serde_json::from_str(event["header"].as_str().unwrap()).unwrap();
    assert_eq!(header["type"], "ThanksSent");
}

#[tokio::test]
async fn an_auditor_searches_by_member_type_time_and_exchange() {
    let house = House::lived_in().await;
    let auditor = house.auditor_token().await;
    for (query, expected) in [
        (String::new(), 15),
        ("type=ThanksSent".to_owned(), 1),
        (format!("exchange={EXCHANGE}"), 10),
        (format!("exchange={EXCHANGE}&type=CompletionReported"), 2),
        ("member=mio".to_owned(), 1),
        (format!("member={}", MIO.stream()), 1),
        ("member=ren&type=NeedPosted".to_owned(), 0),
        ("member=ren&type=OfferPosted".to_owned(), 1),
        ("from=2026-11-21&to=2026-11-21".to_owned(), 15),
        ("from=2026-11-22".to_owned(), 0),
        ("to=2026-11-20".to_owned(), 0),
        ("after=14".to_owned(), 1),
    ] {
        let page = house.page(&format!("/audit?{query}"), Some(&auditor)).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        let found = page.text.matches("<tr><td>").count();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_that_finds_much_goes_on_where_it_stopped() {
    let house = House::lived_in().await;
    for number in 0..120 {
        house.say(AOI, REN, &format!("{number}")).await;
    }
    let auditor = house.auditor_token().await;
    let first = house
        .page("/audit?type=MessagePosted", Some(&auditor))
        .await
        .text;
    assert_eq!(first.matches("<tr><td>").count(), 100);
    let after = first.split("name=\"after\" value=\"").nth(1).unwrap();
    let after = after.split('"').next().unwrap();
    let rest = format!("/audit?type=MessagePosted&after={after}");
    let rest = house.page(&rest, Some(&auditor)).await.text;
    assert_eq!(rest.matches("<tr><td>").count(), 21);
    assert!(!rest.contains("name=\"after\""));
}

#[tokio::test]
async fn a_long_timeline_is_read_in_pages_and_keeps_its_state() {
    let house = House::lived_in().await;
    for number in 0..120 {
        house.say(AOI, REN, &format!("{number}")).await;
    }
    let auditor = house.auditor_token().await;
    let first = house.page(&timeline(), Some(&auditor)).await.text;
    assert_eq!(first.matches("<li class=\"event\"").count(), 100);
    assert!(first.contains("<a rel=\"next\" href=\"?after=100\">"));
    let rest = house
        .page(&format!("{}?after=100", timeline()), Some(&auditor))
        .await
        .text;
    assert_eq!(rest.matches("<li class=\"event\"").count(), 30);
    assert!(rest.contains("<dd>完了、条件 1"), "{rest}");
    assert!(!rest.contains("rel=\"next\""));
}

#[tokio::test]
async fn a_browser_signs_in_with_a_token_and_out_again() {
    let house = House::lived_in().await;
    let token = house.token_of(AOI).await;
    let form = format!("token={token}&next=%2Faudit%2Fexchanges%2F{EXCHANGE}");
    let own = [("sec-fetch-site", "same-origin")];
    let answer = house.post_form("/audit/sign-in", &form, &own).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], timeline());
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let attributes = "; Path=/audit; HttpOnly; SameSite=Strict; Secure";
    assert!(cookie.ends_with(attributes), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let page = house
        .page_with(&timeline(), None, &[("cookie", cookie)])
        .await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&AOI.stream()));
    // The cookie opens nothing but these pages.
    let api = house
        .page_with("/api/me", None, &[("cookie", cookie)])
        .await;
    assert_eq!(api.status, 401);
    let out = house
        .post_form("/audit/sign-out", "", &[("cookie", cookie)])
        .await;
    let forgotten = out.headers()["set-cookie"].to_str().unwrap();
    assert_eq!(forgotten, format!("meguri-audit={attributes}; Max-Age=0"));
    house.log.vault().revoke_token(&token).await.unwrap();
    let page = house
        .page_with(&timeline(), None, &[("cookie", cookie)])
        .await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn a_wrong_token_is_asked_for_again_and_never_becomes_a_cookie() {
    let house = House::empty().await;
    for form in [
        "token=wrong",
        "token=",
        "token=a%3Bb",
        "token=a%0D%0Ab",
        "token=%E3%81%82",
    ] {
        let answer = house.post_form("/audit/sign-in", form, &[]).await;
        assert_eq!(answer.status(), 401, "{form}");
        assert!(!answer.headers().contains_key("set-cookie"), "{form}");
        let page = to_bytes(answer.into_body(), 100_000).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();
        assert!(page.contains("action=\"/audit/sign-in\""), "{page}");
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let house = House::lived_in().await;
    let form = format!("token={}", house.token_of(AOI).await);
    for headers in [
        [
            ("sec-fetch-site", "cross-site"),
            ("host", "meguri.example.jp"),
        ],
        [
            ("origin", "https://example.com"),
            ("host", "meguri.example.jp"),
        ],
        [("origin", "null"), ("host", "meguri.example.jp")],
    ] {
        for path in ["/audit/sign-in", "/audit/sign-out"] {
            let answer = house.post_form(path, &form, &headers).await;
            assert_eq!(answer.status(), 403, "{path} {headers:?}");
            assert!(!answer.headers().contains_key("set-cookie"));
        }
    }
}

#[tokio::test]
async fn the_pages_run_only_our_own_program_and_are_framed_by_nobody() {
    let house = House::lived_in().await;
    let auditor = house.auditor_token().await;
    for (path, token) in [
        (timeline(), Some(auditor.as_str())),
        ("/audit".to_owned(), None),
    ] {
        let page = house.page(&path, token).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        let scripts = page.text.matches("<script").count();
        assert_eq!(scripts, 1, "only /audit/check.mjs: {}", page.text);
        assert!(!page.text.contains("style=\""));
    }
    let program = house.page("/audit/check.mjs", None).await;
    assert_eq!(
        program.header("content-type"),
        "text/javascript; charset=utf-8"
    );
}

#[tokio::test]
async fn what_people_typed_cannot_become_markup() {
    let house = House::empty().await;
    house.register(AOI, "aoi", "<img src=x>\"'&").await;
    let house = house.lives_on().await;
    let auditor = house.auditor_token().await;
    let page = house.page(&timeline(), Some(&auditor)).await;
    assert!(!page.text.contains("<img"));
    assert!(
        page.text.contains("&lt;img src=x&gt;&quot;&#39;&amp;"),
        "{}",
        page.text
    );
    let strange = "/audit?type=%22%3E%3Cscript%3E&after=0";
    let page = house.page(strange, Some(&auditor)).await;
    assert_eq!(page.status, 400);
    let page = house.page("/audit?x=%22%3E%3Cscript%3E", None).await;
    assert!(!page.text.contains("\"><script>"), "{}", page.text);
}
