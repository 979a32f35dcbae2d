//! An auditor opens the timeline of an exchange and lets the browser check it.

use meguri_log::Location;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqlitePool};

use super::{Browser, browse};
use crate::stories::proofs::{checkpoint, verifier};
use crate::support::server::{Installation, Server};

/// A house in which Taro has helped Hanako, all of it under a signed checkpoint.
struct House {
    installation: Installation,
    server: Server,
    exchange: String,
    key: String,
    auditor: String,
}

impl House {
    async fn lived_in() -> Self {
        let installation = Installation::on_sqlite();
        let server = installation.serve().await;
        let api = server.api();
        let hanako = api.register("hanako", "はなこ").await;
        let taro = api.register("taro", "たろう").await;
        let need = json!({
            "title": "庭の草むしり", "description": "手伝ってください。", "category": "housework",
            "online": false, "offline": true, "no_return_needed": true,
        });
        let need = api.done(&hanako, "needs", &need).await.id;
        let helps = json!({"message": "お手伝いします", "mode": "in_person"});
        let path = format!("needs/{need}/applications");
        let exchange = api.done(&taro, &path, &helps).await.id;
        let room = format!("exchanges/{exchange}");
        let asks = json!({"text": "いつがよいですか", "keep_negotiating": true});
        api.done(&hanako, &format!("{room}/messages"), &asks).await;
        let agrees = json!({"terms_version": 0});
        api.done(&hanako, &format!("{room}/agreement"), &agrees)
            .await;
        for party in [&taro, &hanako] {
            let path = format!("{room}/completion");
            api.done(party, &path, &json!({})).await;
        }
        let words = json!({"words": "助かりました"});
        let last = api.done(&hanako, &format!("{room}/thanks"), &words).await;
        let key = verifier(&installation);
        checkpoint(api, &key, last.position).await;
        let (key, auditor) = (key.to_string(), installation.auditor("kansa"));
        Self {
            installation,
            server,
            exchange,
            key,
            auditor,
        }
    }

    fn timeline(&self) -> String {
        let host = self.server.api().host();
        format!("http://{host}/audit/exchanges/{}", self.exchange)
    }

    /// Changes the stored log under the running server, as somebody does who has got hold of it.
    async fn change(&self, statement: &str) {
        let Location::Sqlite { log, .. } = self.installation.location() else {
            panic!("the house is on SQLite");
        };
        let url = format!("sqlite:{}", log.display());
        let pool = SqlitePool::connect(&url).await.unwrap();
        let trigger = "drop trigger if exists events_are_never_changed";
        sqlx::raw_sql(trigger).execute(&pool).await.unwrap();
        let statement = AssertSqlSafe(statement.to_owned());
        let changed = sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        pool.close().await;
    }

    fn visit(&self) -> Visit {
        Visit {
            timeline: self.timeline(),
            key: self.key.clone(),
            token: self.auditor.clone(),
        }
    }
}

/// What an auditor comes with.
#[derive(Clone)]
struct Visit {
    timeline: String,
    key: String,
    token: String,
}

impl Visit {
    /// Opens the timeline, and signs in where one is asked to.
    async fn sign_in(&self, browser: &Browser) {
        browser.goto(&self.timeline).await;
        browser.fill("input[name=token]", &self.token).await;
        browser.click("form[action='/audit/sign-in'] button").await;
        browser.find("#standing").await;
        assert_eq!(
            browser.script("return location.href").await,
            self.timeline.as_str()
        );
    }

    /// Opens the timeline anew and lets it be checked with this key: verdict, step and words.
    async fn check(&self, browser: &Browser, key: &str) -> [String; 3] {
        browser.goto(&self.timeline).await;
        browser.fill("#key", key).await;
        browser.click("#check-all:enabled").await;
        let done = "#verdict[data-verdict=right], #verdict[data-verdict=wrong], \
            #verdict[data-verdict=unknown]";
        browser.find(done).await;
        said(browser, "#verdict").await.remove(0)
    }
}

/// Verdict, step and words of each of these elements.
async fn said(browser: &Browser, selector: &str) -> Vec<[String; 3]> {
    let script = format!(
        "return [...document.querySelectorAll('{selector}')].map((one) =>
           [one.dataset.verdict, one.dataset.step, one.textContent]);"
    );
    serde_json::from_value(browser.script(&script).await).unwrap()
}

/// What is said of each event, in their order.
async fn verdicts(browser: &Browser) -> Vec<[String; 3]> {
    said(browser, ".event .verdict").await
}

#[tokio::test]
async fn the_browser_checks_a_timeline_in_japanese() {
    let house = House::lived_in().await;
    let visit = house.visit();
    let another = Installation::on_sqlite();
    another.serve().await.terminate().await;
    let other = verifier(&another).to_string();
    browse(|browser| async move {
        visit.sign_in(&browser).await;
        let title = browser.text("h1").await;
        assert_eq!(title, "交換の記録");
        let standing = browser.text("#standing").await;
        assert!(standing.starts_with("完了、"), "{standing}");

        let [verdict, _, words] = visit.check(&browser, &visit.key).await;
        assert_eq!(verdict, "right", "{words}");
        assert!(
            words.starts_with("正しい: 8 件、チェックポイント "),
            "{words}"
        );
        let each = verdicts(&browser).await;
        assert_eq!(each.len(), 8);
        assert!(
            each.iter().all(|it| it[0] == "right" && it[2] == "正しい"),
            "{each:?}"
        );

        // The key that the server tells proves nothing about the server.
        let [verdict, _, words] = visit.check(&browser, "").await;
        assert_eq!(verdict, "unknown");
        assert!(words.starts_with("判断できません: 鍵を"), "{words}");
        let [verdict, step, _] = visit.check(&browser, &other).await;
        assert_eq!([verdict.as_str(), &step], ["wrong", "key"], "another log's");
        let [verdict, _, words] = visit.check(&browser, "meguri+00000000+AQ==").await;
        assert_eq!(verdict, "unknown", "{words}");
    })
    .await;
}

#[tokio::test]
async fn the_browser_finds_what_was_changed_in_the_log() {
    let house = House::lived_in().await;
    let visit = house.visit();
    let message = "(select position from events where type = 'MessagePosted')";
    house
        .change(&format!(
            "update events set header = cast(replace(cast(header as text),
             '\"keep_negotiating\":true', '\"keep_negotiating\":false') as blob)
             where position = {message}"
        ))
        .await;
    let first = visit.clone();
    browse(|browser| async move {
        first.sign_in(&browser).await;
        let [verdict, step, words] = first.check(&browser, &first.key).await;
        assert_eq!([verdict.as_str(), &step], ["wrong", "entry"], "{words}");
        assert!(words.starts_with("正しくない: 1 件: "), "{words}");
        let each = verdicts(&browser).await;
        let wrong: Vec<_> = each.iter().filter(|it| it[0] == "wrong").collect();
        assert_eq!(wrong.len(), 1, "{each:?}");
        assert_eq!(each[1][1], "entry", "the message is the second event");
    })
    .await;
    // Whoever changes the entry as well finds no way to the root that was signed.
    house
        .change(&format!(
            "update events set entry = zeroblob(33) where position = {message}"
        ))
        .await;
    browse(|browser| async move {
        visit.sign_in(&browser).await;
        visit.check(&browser, &visit.key).await;
        let each = verdicts(&browser).await;
        assert!(each.iter().all(|it| it[0] == "wrong"), "{each:?}");
        assert_eq!(each[0][1], "root", "the path of others leads through it");
    })
    .await;
}

#[tokio::test]
async fn a_browser_without_ed25519_says_what_it_could_not_check() {
    let house = House::lived_in().await;
    let visit = house.visit();
    browse(|browser| async move {
        visit.sign_in(&browser).await;
        let without = "const known = crypto.subtle.importKey.bind(crypto.subtle);
            crypto.subtle.importKey = (format, key, algorithm, ...rest) =>
              algorithm.name === 'Ed25519'
                ? Promise.reject(new DOMException('unknown', 'NotSupportedError'))
                : known(format, key, algorithm, ...rest);";
        browser.run_first(without).await;
        let [verdict, _, words] = visit.check(&browser, &visit.key).await;
        assert_eq!(verdict, "unknown");
        assert_eq!(
            words,
            "判断できません: このブラウザーでは署名を確認できません"
        );
    })
    .await;
}
