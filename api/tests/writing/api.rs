//! The routes, walked through as a client does, with every answer written down.

use axum::Router;
use serde_json::{Value, json};

use meguri_test_community::World;

use crate::http::{Answered, Call, app};

/// What a client sees of an answer. Tokens differ each time.
fn seen(call: &str, answered: &Answered) -> Value {
    let mut body = answered.body.clone();
    for changing in ["token", "device"] {
        if let Some(text) = body.get_mut(changing) {
            *text = "…".into();
        }
    }
    let header = |name: &str| {
        answered
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    let mut seen = json!({"call": call, "status": answered.status.as_u16(), "body": body});
    for name in [
        "etag",
        "content-language",
        "www-authenticate",
        "retry-after",
    ] {
        if let Some(value) = header(name) {
            seen[name] = value.into();
        }
    }
    seen
}

struct Walk {
    app: Router,
    told: Vec<Value>,
}

impl Walk {
    fn on(world: &World) -> Self {
        Self {
            app: app(world),
            told: Vec::new(),
        }
    }

    async fn call(&mut self, call: Call<'_>) -> Answered {
        let name = format!("{} {}", call.method, call.path);
        let answered = call.send(&self.app).await;
        self.told.push(seen(&name, &answered));
        answered
    }

    async fn post(&mut self, path: &str, token: &str, body: Value) -> Answered {
        self.call(Call::new("POST", path).by(token).body(body))
            .await
    }

    /// Registers a member; their token.
    async fn member(&mut self, name: &str) -> String {
        let body = json!({
            "user_name": name, "nickname": name, "password": "おだやかな朝のひかり",
            "mail": format!("{name}@example.jp"),
        });
        self.call(Call::new("POST", "/api/members").body(body))
            .await
            .text("token")
    }
}

fn offer() -> Value {
    json!({
        "title": "包丁を研ぎます", "description": "三本まで。", "category": "housework",
        "tags": ["台所"], "prefecture": 13, "city": "世田谷区", "online": false, "offline": true,
        "no_return_needed": false, "wished_return": "お茶でも", "lat": 35.646, "lon": 139.653,
    })
}

/// What owner and requester do in their room.
fn acts<'a>(aki: &'a str, haru: &'a str) -> [(&'a str, &'static str, Value); 9] {
    [
        (
            aki,
            "messages",
            json!({"text": "いつがいいですか。", "keep_negotiating": true}),
        ),
        (
            haru,
            "terms",
            json!({
                "what": "包丁二本", "when": "土曜の朝", "mode": "in_person", "return": "お茶",
            }),
        ),
        (aki, "agreement", json!({"terms_version": 1.0})),
        (haru, "messages", json!({"text": "ありがとうございます。"})),
        (aki, "completion", json!({})),
        (haru, "thanks", json!({"words": "よく切れます。"})),
        (haru, "evaluation", json!({"words": "ていねいでした。"})),
        (haru, "completion", json!({})),
        (aki, "thanks", json!({})),
    ]
}

#[tokio::test]
async fn two_members_go_through_a_whole_exchange() {
    let world = World::on_sqlite().await;
    let mut walk = Walk::on(&world);
    let (aki, haru) = (walk.member("aki").await, walk.member("haru").await);
    let offer = walk.post("/api/offers", &aki, offer()).await.text("id");
    let opening = json!({"message": "お願いします。", "mode": "in_person"});
    let opened = walk
        .post(&format!("/api/offers/{offer}/requests"), &haru, opening)
        .await;
    let room = format!("/api/exchanges/{}", opened.text("id"));
    for (who, act, body) in acts(&aki, &haru) {
        walk.post(&format!("{room}/{act}"), who, body).await;
    }
    walk.call(Call::new("DELETE", format!("{room}/evaluation")).by(&haru))
        .await;
    walk.call(Call::new("POST", format!("/api/offers/{offer}/close")).by(&aki))
        .await;
    walk.call(Call::new("POST", format!("/api/offers/{offer}/reopen")).by(&aki))
        .await;
    walk.call(
        Call::new("PATCH", "/api/me")
            .by(&haru)
            .body(json!({"nickname": "はる"})),
    )
    .await;
    walk.call(Call::new("POST", "/api/me/departure").by(&haru))
        .await;
    assert!(
        walk.told
            .iter()
            .all(|seen| seen["status"].as_u64().unwrap() < 300)
    );
    insta::assert_json_snapshot!(walk.told);
}

#[tokio::test]
async fn a_helper_applies_on_a_need_and_the_negotiation_is_cancelled() {
    let world = World::on_sqlite().await;
    let mut walk = Walk::on(&world);
    let (aki, haru) = (walk.member("aki").await, walk.member("haru").await);
    let need = walk.post("/api/needs", &aki, offer()).await.text("id");
    let opening = json!({"message": "手伝えます。", "mode": "by_post"});
    let opened = walk
        .post(&format!("/api/needs/{need}/applications"), &haru, opening)
        .await;
    let room = format!("/api/exchanges/{}", opened.text("id"));
    let cancelled = walk
        .call(Call::new("POST", format!("{room}/cancellation")).by(&aki))
        .await;
    assert_eq!(
        cancelled.status, 200,
        "the reason may be left out, and the body with it"
    );
    let aborted = walk
        .post(&format!("{room}/abort"), &aki, json!({"reason": "都合で"}))
        .await;
    assert_eq!(aborted.outcome(), (422, "not-in-progress".into()));
}

fn refused_bodies() -> [Value; 6] {
    let own = json!({"message": "自分に", "mode": "in_person"});
    let online = json!({"message": "遠くから", "mode": "online"});
    let long = json!({"nickname": "長".repeat(31)});
    let name = json!({
        "user_name": "aki", "nickname": "a", "mail": "b@example.jp", "password": "12345678",
    });
    let short = json!({
        "user_name": "natsu", "nickname": "a", "mail": "b@example.jp", "password": "1234567",
    });
    let wrong = json!({"user_name": "aki", "password": "さわがしい夜のあかり"});
    [own, online, long, name, short, wrong]
}

#[tokio::test]
async fn every_kind_of_problem_is_told_in_the_readers_language() {
    let world = World::on_sqlite().await;
    let mut walk = Walk::on(&world);
    let (aki, haru) = (walk.member("aki").await, walk.member("haru").await);
    let id = walk.post("/api/offers", &aki, offer()).await.text("id");
    walk.told.clear();
    let nobody = "/api/exchanges/00000000-0000-7000-8000-000000000000/completion";
    let requests = format!("/api/offers/{id}/requests");
    let [own, online, long, name, short, wrong] = refused_bodies();
    let post = |path: &str| Call::new("POST", path.to_owned());
    walk.call(post("/api/needs").body(offer())).await;
    walk.call(post("/api/needs").by("nonsense").body(offer()))
        .await;
    walk.call(post("/api/needs").by(&aki)).await;
    walk.call(post("/api/needs").by(&aki).body(json!({"title": "a"})))
        .await;
    walk.call(post("/api/exchanges/not-an-id/completion").by(&aki))
        .await;
    walk.call(post(nobody).by(&aki)).await;
    walk.call(post(&requests).by(&aki).body(own.clone())).await;
    walk.call(
        post(&requests)
            .by(&aki)
            .body(own)
            .header("accept-language", "en"),
    )
    .await;
    walk.call(post(&requests).by(&haru).body(online)).await;
    walk.call(Call::new("PATCH", "/api/me").by(&aki).body(long))
        .await;
    walk.call(post(&format!("/api/offers/{id}/close")).by(&haru))
        .await;
    walk.call(post("/api/members").body(name)).await;
    walk.call(post("/api/members").body(short)).await;
    walk.call(post("/api/tokens").body(wrong)).await;
    walk.call(
        post("/api/needs")
            .by(&aki)
            .body(offer())
            .header("idempotency-key", "a b"),
    )
    .await;
    insta::assert_json_snapshot!(walk.told);
}

#[tokio::test]
async fn a_repeated_request_answers_as_the_first_did_over_http_h19() {
    let world = World::on_sqlite().await;
    let mut walk = Walk::on(&world);
    let aki = walk.member("aki").await;
    let post = |body| {
        Call::new("POST", "/api/offers")
            .by(&aki)
            .body(body)
            .header("idempotency-key", "k-1")
    };
    let first = walk.call(post(offer())).await;
    let again = walk.call(post(offer())).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    let mut other = offer();
    other["title"] = "別のこと".into();
    assert_eq!(
        walk.call(post(other)).await.outcome(),
        (422, "idempotency-key-reused".into())
    );
    assert_eq!(world.count("OfferPosted").await, 1);

    let register = |password: &str| {
        let body = json!({
            "user_name": "natsu", "nickname": "n", "mail": "n@example.jp", "password": password,
        });
        Call::new("POST", "/api/members")
            .body(body)
            .header("idempotency-key", "k-2")
    };
    let first = walk.call(register("おだやかな朝のひかり")).await;
    let again = walk.call(register("おだやかな朝のひかり")).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["id"]),
        (201, &first.body["id"])
    );
    assert_ne!(first.text("token"), again.text("token"));
    let wrong = walk.call(register("さわがしい夜のあかり")).await;
    assert_eq!(wrong.outcome(), (409, "user-name-taken".into()));
}

#[tokio::test]
async fn an_edit_of_what_has_changed_since_is_refused_412() {
    let world = World::on_sqlite().await;
    let mut walk = Walk::on(&world);
    let aki = walk.member("aki").await;
    let posted = walk.post("/api/needs", &aki, offer()).await;
    let path = format!("/api/needs/{}", posted.text("id"));
    let tag = posted.headers["etag"].to_str().unwrap().to_owned();
    let edit = |title: &str, tag| {
        let body = json!({"title": title});
        Call::new("PATCH", path.clone())
            .by(&aki)
            .body(body)
            .header("if-match", tag)
    };
    let first = walk
        .call(edit("一", &tag).header("idempotency-key", "e-1"))
        .await;
    assert_eq!(first.status, 200);
    let stale = walk.call(edit("二", &tag)).await;
    assert_eq!(stale.outcome(), (412, "precondition-failed".into()));
    assert_eq!(stale.body["version"], 2);
    // The first one again: its answer was lost, and its version is old by its own doing.
    let again = walk
        .call(edit("一", &tag).header("idempotency-key", "e-1"))
        .await;
    assert_eq!((again.status, again.body), (first.status, first.body));
    let current = walk.call(edit("三", "\"2\"")).await;
    assert_eq!(current.status, 200);
    let unknown = walk.call(edit("四", "W/\"x\"")).await;
    assert_eq!(unknown.outcome(), (412, "precondition-failed".into()));
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_what_it_means() {
    let world = World::on_sqlite().await;
    let app = app(&world);
    let refused = Call::new("POST", "/api/needs")
        .body(offer())
        .send(&app)
        .await;
    let page = Call::new("GET", refused.text("type")).header("accept-language", "en");
    let page = page.send(&app).await;
    assert_eq!(page.body["meaning"], "An access token is needed");
    let unknown = Call::new("GET", "/problems/none-such").send(&app).await;
    assert_eq!(unknown.outcome(), (404, "not-found".into()));
    let all = Call::new("GET", "/problems").send(&app).await;
    assert!(all.body["items"].as_array().unwrap().len() > 40);
}
