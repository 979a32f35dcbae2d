//! Registering over HTTP: whose request a key names, and what nobody learns of who is here.

use meguri_commands::{CommandSettings, Rate};
use meguri_test_community::{World, on_both_backends, settings};
use serde_json::{Value, json};

use crate::http::{Call, app, app_with};

fn body(name: &str, mail: &str) -> Value {
    json!({
        "user_name": name, "nickname": "n", "mail": mail, "password": "おだやかな朝のひかり",
    })
}

fn keyed<'a>(body: Value, key: &'a str, from: &'a str) -> Call<'a> {
    let call = Call::new("POST", "/api/members").from(from).body(body);
    call.header("idempotency-key", key)
}

on_both_backends! {
    async fn one_address_makes_so_many_accounts_and_no_more(world: &World) {
        let registration_rate = Rate { burst: 2, per_minute: 0 };
        let app = app_with(world, CommandSettings { registration_rate, ..settings() }).await;
        let register = async |name: &str, from: &str| {
            let answered = keyed(body(name, &format!("{name}@example.jp")), name, from);
            answered.send(&app).await.status.as_u16()
        };
        for (name, from, status) in [
            ("aki", "192.0.2.1", 201),
            ("haru", "192.0.2.1", 201),
            ("natsu", "192.0.2.1", 429),
            // What was done is answered again, and costs nothing.
            ("aki", "192.0.2.1", 201),
            ("natsu", "192.0.2.2", 201),
            // Another address of the same network (RFC 6177).
            ("fuyu", "2001:db8::1", 201),
            ("tsuki", "2001:db8::2", 201),
            ("hoshi", "2001:db8::3", 429),
            // A proxy that nobody named asks for everybody.
            ("sora", "127.0.0.1", 201),
            ("umi", "127.0.0.1", 201),
            ("yama", "127.0.0.1", 201),
        ] {
            assert_eq!(register(name, from).await, status, "{name} from {from}");
        }
    }

    async fn two_visitors_under_one_key_do_not_meet(world: &World) {
        let app = app(world);
        for (name, from) in [("aki", "192.0.2.1"), ("haru", "192.0.2.1"), ("natsu", "192.0.2.2")] {
            let answered = keyed(body(name, &format!("{name}@example.jp")), "1", from);
            assert_eq!(answered.send(&app).await.status, 201, "{name}");
        }
        assert_eq!(world.count("MemberRegistered").await, 3);
    }

    async fn a_visitor_who_comes_back_from_elsewhere_is_answered_as_before(world: &World) {
        let app = app(world);
        let sent = || body("aki", "aki@example.jp");
        let first = keyed(sent(), "1", "192.0.2.1").send(&app).await;
        // The order of fields and white space do not matter.
        let again = keyed(sent(), "1", "198.51.100.7").send(&app).await;
        assert_eq!((again.status.as_u16(), &again.body["id"]), (201, &first.body["id"]));
        assert_eq!(again.body["position"], first.body["position"]);
        let other_key = keyed(sent(), "2", "192.0.2.1").send(&app).await;
        assert_eq!(other_key.outcome(), (409, "user-name-taken".into()));
        assert_eq!(world.count("MemberRegistered").await, 1);
    }

    async fn registering_tells_nobody_which_addresses_are_known(world: &World) {
        let app = app(world);
        let mut seen = Vec::new();
        for (name, mail) in [
            ("aki", "aki@example.jp"),
            ("haru", "aki@example.jp"),
            ("natsu", "AKI@Example.JP"),
            ("fuyu", "fuyu@example.jp"),
        ] {
            let before = world.log().head().await.unwrap().position.get();
            let answered = keyed(body(name, mail), name, "192.0.2.1").send(&app).await;
            assert_eq!(answered.status, 201, "{answered:?}");
            let position = answered.body["position"].as_u64().unwrap();
            let fields: Vec<_> = answered.body.as_object().unwrap().keys().cloned().collect();
            seen.push((position - before, fields));
            // Nor does anything that the new member does.
            let log_in = json!({"user_name": name, "password": "おだやかな朝のひかり"});
            let log_in = Call::new("POST", "/api/tokens").body(log_in).send(&app).await;
            assert_eq!(log_in.status, 201);
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
        assert_eq!(world.count("ClaimTaken").await, 8);
    }
}
