//! Being erased over HTTP.

use meguri_commands::{CommandError, Password};
use meguri_test_community::{World, new_member, on_both_backends};
use serde_json::json;

use crate::http::{Call, app};

on_both_backends! {
    async fn the_password_is_asked_for_again(world: &World) {
        let password = "おだやかな朝のひかり";
        let mut new = serde_json::to_value(new_member("aki")).unwrap();
        new["password"] = json!(password);
        let app = app(world);
        let registered = Call::new("POST", "/api/members").body(new).send(&app).await;
        let token = registered.text("token");
        let erase = |password: &str| {
            Call::new("DELETE", "/api/me").by(&token).body(json!({"password": password}))
        };
        let refused = erase("something else").send(&app).await;
        assert_eq!(refused.outcome(), (401, "wrong-credentials".to_owned()));
        assert_eq!(world.count("MemberErased").await, 0);
        let answer = erase(password).send(&app).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["keys_destroyed"], true);
        assert_eq!(answer.body["erased"][0]["ja"], "プロフィール");
        assert_eq!(answer.text("complete_by"), "2026-11-22T07:00:00.000000Z");
        assert_eq!(erase(password).send(&app).await.status, 401, "the token is gone");
        let nobody = world.member("haru").await;
        let refused = world.commands.erase_oneself(&nobody, &Password::new(password)).await;
        assert!(matches!(refused, Err(CommandError::WrongCredentials)), "who has none");
    }
}
