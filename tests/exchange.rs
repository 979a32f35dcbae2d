//! The story of the product: two members meet over a post, help each other, and say thanks.

use crate::support::api::{Api, Member, Outcome};
use crate::support::server::Installation;
use meguri_postgres_cluster::shared;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn on_postgres() -> Installation {
    Installation::on_databases(|| shared().unwrap().create_database().unwrap())
}

#[tokio::test]
async fn a_need_leads_to_help_and_thanks_on_sqlite() {
    a_need_leads_to_help_and_thanks(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn a_need_leads_to_help_and_thanks_on_postgresql() {
    a_need_leads_to_help_and_thanks(&on_postgres()).await;
}

#[tokio::test]
async fn an_offer_leads_to_help_in_return_on_sqlite() {
    an_offer_leads_to_help_in_return(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn an_offer_leads_to_help_in_return_on_postgresql() {
    an_offer_leads_to_help_in_return(&on_postgres()).await;
}

/// What both sides of an exchange see of it, at least as of this position.
async fn status_of(api: &Api, exchange: &str, party: &Member, at: u64) -> String {
    let path = format!("/api/exchanges/{exchange}?min_position={at}");
    let room = api.get(&path, Some(&party.token)).await;
    room["status"].as_str().unwrap().to_owned()
}

async fn a_need_leads_to_help_and_thanks(installation: &Installation) {
    let server = installation.serve().await;
    let api = server.api();
    let hanako = api.register("hanako", "はなこ").await;
    let taro = api.register("taro", "たろう").await;

    let need = post_a_need(api, &hanako).await;
    let exchange = negotiate(api, &hanako, &taro, &need).await;
    nobody_else_reads(api, &exchange).await;
    let at = help_and_thank(api, &hanako, &taro, &exchange).await;

    let before = what_everyone_sees(api, &exchange, &taro, at).await;
    assert_eq!(before["profile"]["thanks_received"], 1, "H20");
    assert_eq!(before["profile"]["exchanges_completed"], 1, "H23");
    assert_eq!(before["thanks"]["items"][0]["words"], "とても助かりました");
    assert_eq!(before["room"]["status"], "completed");

    // Views are thrown away and grow back: only the log has to be kept.
    server.terminate().await;
    std::fs::remove_dir_all(installation.data().join("views")).unwrap();
    let server = installation.serve().await;
    assert_eq!(
        what_everyone_sees(server.api(), &exchange, &taro, at).await,
        before
    );
}

async fn post_a_need(api: &Api, hanako: &Member) -> String {
    let a_need = json!({
        "title": "庭の草むしり", "description": "週末に二時間ほど手伝ってください。",
        "category": "housework", "tags": ["庭"], "prefecture": 13, "city": "世田谷区",
        "online": false, "offline": true, "no_return_needed": true,
    });
    let posted = api.done(hanako, "needs", &a_need).await;
    let path = format!("/api/board?kind=need&min_position={}", posted.position);
    let board = api.get(&path, None).await;
    assert_eq!(board["items"][0]["title"], "庭の草むしり");
    assert_eq!(board["items"][0]["id"], posted.id.as_str());

    let path = format!("needs/{}/applications", posted.id);
    let on_ones_own = json!({"message": "自分で", "mode": "in_person"});
    let refusal = api.refused(hanako, &path, &on_ones_own).await;
    assert_eq!(refusal, StatusCode::UNPROCESSABLE_ENTITY, "H04");
    posted.id
}

/// From the application to the agreement; returns the exchange's id.
async fn negotiate(api: &Api, hanako: &Member, taro: &Member, need: &str) -> String {
    let applications = format!("needs/{need}/applications");
    let online = json!({"message": "画面越しに", "mode": "online"});
    let refusal = api.refused(taro, &applications, &online).await;
    assert_eq!(refusal, StatusCode::UNPROCESSABLE_ENTITY, "H15");
    let in_person = json!({"message": "お手伝いします", "mode": "in_person"});
    let opened = api.done(taro, &applications, &in_person).await;
    let room = format!("exchanges/{}", opened.id);

    let asks = json!({"text": "いつがよいですか", "keep_negotiating": true});
    let asked = api.done(hanako, &format!("{room}/messages"), &asks).await;
    assert_eq!(
        status_of(api, &opened.id, taro, asked.position).await,
        "negotiating",
        "H26"
    );
    let terms = json!({"what": "草むしり", "when": "土曜の朝", "mode": "in_person"});
    api.done(taro, &format!("{room}/terms"), &terms).await;
    let agreement = json!({"terms_version": 1});
    let agreed = api
        .done(hanako, &format!("{room}/agreement"), &agreement)
        .await;
    assert_eq!(
        status_of(api, &opened.id, hanako, agreed.position).await,
        "in_progress",
        "H07"
    );
    opened.id
}

async fn nobody_else_reads(api: &Api, exchange: &str) {
    let ken = api.register("ken", "けん").await;
    for path in ["", "/history"] {
        let path = format!("/api/exchanges/{exchange}{path}");
        let to_ken = api.status(&path, Some(&ken.token)).await;
        assert!(
            [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&to_ken),
            "{to_ken}"
        );
        assert_eq!(api.status(&path, None).await, StatusCode::UNAUTHORIZED);
    }
    assert!(
        api.status("/api/log", Some(&ken.token))
            .await
            .is_client_error(),
        "the log"
    );
}

/// From the first completion to the second; returns the position reached.
async fn help_and_thank(api: &Api, hanako: &Member, taro: &Member, exchange: &str) -> u64 {
    let room = format!("exchanges/{exchange}");
    let (thanks, completion) = (format!("{room}/thanks"), format!("{room}/completion"));
    let words = json!({"words": "とても助かりました"});
    let too_early = api.refused(hanako, &thanks, &words).await;
    assert_eq!(too_early, StatusCode::UNPROCESSABLE_ENTITY, "H18");
    api.done(taro, &completion, &json!({})).await;

    let [first, again] = [(); 2].map(|()| api.post(hanako, &thanks, &words, "one-and-the-same"));
    let (Outcome::Accepted(first), Outcome::Accepted(again)) = (first.await, again.await) else {
        panic!("thanks were refused");
    };
    assert_eq!(
        first, again,
        "H19: a repeated request answers as the first did"
    );
    let twice = api.refused(hanako, &thanks, &words).await;
    assert_eq!(twice, StatusCode::UNPROCESSABLE_ENTITY, "H19");

    let done = api.done(hanako, &completion, &json!({})).await;
    assert_eq!(
        status_of(api, exchange, taro, done.position).await,
        "completed",
        "H23"
    );
    let too_late = json!({"text": "もう一言", "keep_negotiating": true});
    let too_late = api
        .refused(taro, &format!("{room}/messages"), &too_late)
        .await;
    assert_eq!(too_late, StatusCode::UNPROCESSABLE_ENTITY, "H23");
    done.position
}

async fn what_everyone_sees(api: &Api, exchange: &str, taro: &Member, at: u64) -> Value {
    let read = async |path: &str| {
        api.get(&format!("/api/{path}?min_position={at}"), Some(&taro.token))
            .await
    };
    json!({
        "board": read("board").await,
        "profile": read("members/taro").await,
        "thanks": read("members/taro/thanks").await,
        "mine": read("exchanges").await,
        "room": read(&format!("exchanges/{exchange}")).await,
        "history": read(&format!("exchanges/{exchange}/history")).await,
    })
}

async fn an_offer_leads_to_help_in_return(installation: &Installation) {
    let server = installation.serve().await;
    let api = server.api();
    let yuki = api.register("yuki", "ゆき").await;
    let ken = api.register("ken", "けん").await;

    let an_offer = json!({
        "title": "英会話の相手", "description": "三十分ほどお話ししましょう。",
        "category": "language", "tags": ["英語"], "online": true, "offline": false,
        "no_return_needed": false, "wished_return": "ギターを教えてください",
    });
    let offer = api.done(&yuki, "offers", &an_offer).await;
    let requests = format!("offers/{}/requests", offer.id);
    let asks = json!({"message": "お願いします", "mode": "online"});
    let opened = api.done(&ken, &requests, &asks).await;
    let again = api.refused(&ken, &requests, &asks).await;
    assert!(
        again.is_client_error(),
        "H05: one open exchange per post and opener, not {again}"
    );

    // The owner's first answer starts the exchange (H25).
    let room = format!("exchanges/{}", opened.id);
    let answer = json!({"text": "よろこんで", "terms_version": 0});
    let answered = api.done(&yuki, &format!("{room}/messages"), &answer).await;
    assert_eq!(
        status_of(api, &opened.id, &ken, answered.position).await,
        "in_progress",
        "H25"
    );

    for party in [&yuki, &ken] {
        api.done(party, &format!("{room}/completion"), &json!({}))
            .await;
    }
    let words = json!({"words": "発音をほめてくださいました"});
    let written = api.done(&ken, &format!("{room}/evaluation"), &words).await;
    let path = format!("/api/members/yuki?min_position={}", written.position);
    assert_eq!(api.get(&path, None).await["exchanges_completed"], 1, "H23");
    server.terminate().await;
}
