//! Registering, and those who registered before members were asked where they live.

use meguri_commands::{Caller, NewNickname};
use meguri_events::MemberId;
use meguri_log::{Append, Cause, Filter, NewEvent, NewSection, Position};
use serde_json::{Value, json};
use uuid::Uuid;

use meguri_test_community::{World, on_both_backends};

use crate::http::{Call, app};

fn registration(name: &str, prefecture: Value) -> Call<'static> {
    let mut body = json!({
        "user_name": name, "nickname": name, "password": "おだやかな朝のひかり",
        "mail": format!("{name}@example.jp"),
    });
    if !prefecture.is_null() {
        body["prefecture"] = prefecture;
    }
    Call::new("POST", "/api/members").body(body)
}

/// Schema number and open data of every registration, in order.
async fn registrations(world: &World) -> Vec<(u32, Value)> {
    let filter = Filter::default().event_type("MemberRegistered").unwrap();
    let block = world
        .log()
        .read_all(Position::ZERO, &filter, 100)
        .await
        .unwrap();
    let header = |event: &meguri_log::Recorded| {
        let header = event.header().unwrap().unwrap();
        (header.schema, serde_json::from_str(header.data).unwrap())
    };
    block.events.iter().map(header).collect()
}

/// Appends a registration as a release wrote it that did not ask where members live.
async fn registered_long_ago(world: &World, member: MemberId) {
    let section = |section: &str, class: &str, plaintext: &str| NewSection {
        section: section.to_owned().into(),
        subject: member.stream(),
        class: class.to_owned().into(),
        plaintext: plaintext.as_bytes().to_vec(),
    };
    let event = NewEvent {
        id: Uuid::now_v7(),
        stream: member.stream().parse().unwrap(),
        event_type: "MemberRegistered".into(),
        schema: 1,
        data: json!({"member": member.stream()}).to_string(),
        sealed: vec![
            section(
                "profile",
                "profile",
                r#"{"user_name":"fuyu","nickname":"冬"}"#,
            ),
            section("mail", "contact", r#"{"mail":"fuyu@example.jp"}"#),
        ],
    };
    let cause = Cause {
        actor: member.stream(),
        ..Cause::default()
    };
    let append = Append {
        cause,
        events: vec![event],
        ..Append::default()
    };
    world.log().append(append).await.unwrap();
}

on_both_backends! {
    async fn a_member_says_in_which_prefecture_they_live_or_does_not_k23_k30(world: &World) {
        let app = app(world);
        let mut ids = Vec::new();
        let told = [("aki", json!(47)), ("haru", json!(13.0)), ("natsu", json!(null))];
        for (name, prefecture) in told {
            let registered = registration(name, prefecture).send(&app).await;
            assert_eq!(registered.status, 201, "{registered:?}");
            ids.push(format!("member-{}", registered.text("id")));
        }
        let expected = [
            (2, json!({"member": ids[0], "prefecture": 47})),
            (2, json!({"member": ids[1], "prefecture": 13})),
            (2, json!({"member": ids[2], "prefecture": null})),
        ];
        assert_eq!(registrations(world).await, expected);
    }

    async fn who_registered_before_anybody_was_asked_is_a_member_as_all_others(world: &World) {
        let fuyu = MemberId::new(Uuid::from_u128(77));
        registered_long_ago(world, fuyu).await;
        assert_eq!(registrations(world).await, [(1, json!({"member": fuyu.stream()}))]);
        let nickname = NewNickname { nickname: "ふゆ".to_owned() };
        let renamed = world.commands.change_nickname(&Caller::member(fuyu), nickname).await;
        assert_eq!(renamed.unwrap().version.get(), 2);
    }
}

#[tokio::test]
async fn a_prefecture_that_there_is_not_is_refused_with_what_is_wrong_k30() {
    let world = World::on_sqlite().await;
    let app = app(&world);
    for nowhere in [
        json!(0),
        json!(48),
        json!(-1),
        json!(300),
        json!(13.5),
        json!("13"),
        json!("東京都"),
    ] {
        let refused = registration("aki", nowhere.clone()).send(&app).await;
        assert_eq!(refused.outcome(), (422, "invalid-body".into()), "{nowhere}");
        let told = refused.text("detail");
        let code = "prefecture: 都道府県コード（JIS X 0401、1から47）を指定してください";
        assert_eq!(told, code, "{nowhere}");
        let request = registration("aki", nowhere.clone()).header("accept-language", "en");
        let told = request.send(&app).await.text("detail");
        assert!(
            told.contains("the JIS X 0401 code of a prefecture, 1 to 47"),
            "{nowhere}: {told}"
        );
    }
    assert_eq!(world.count("MemberRegistered").await, 0);
}
