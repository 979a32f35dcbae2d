//! The API's description: complete, so that clients and fuzzers can rely on it.

use std::collections::BTreeSet;

use serde_json::Value;

use meguri_http::Tokens;
use meguri_test_community::World;

async fn description() -> Value {
    let world = World::on_sqlite().await;
    let tokens = Tokens::new(world.log().vault().clone());
    let (_, api) = meguri_api::writing(world.commands.clone(), tokens).split_for_parts();
    serde_json::to_value(api).unwrap()
}

fn operations(api: &Value) -> Vec<(String, &Value)> {
    let paths = api["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation)
            })
    });
    all.collect()
}

#[tokio::test]
async fn every_route_that_writes_is_described() {
    let api = description().await;
    let names: BTreeSet<_> = operations(&api).into_iter().map(|(name, _)| name).collect();
    insta::assert_json_snapshot!(names);
}

#[tokio::test]
async fn every_post_takes_an_idempotency_key_and_every_route_tells_its_problems() {
    let api = description().await;
    let writing = |name: &str| !name.starts_with("GET");
    for (name, operation) in operations(&api)
        .into_iter()
        .filter(|(name, _)| writing(name))
    {
        if name.starts_with("POST") {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(
                parameters.iter().any(|it| it["name"] == "Idempotency-Key"),
                "{name}"
            );
        }
        for status in ["400", "401", "404", "409", "422", "429", "500", "503"] {
            let problem = &operation["responses"][status]["content"]["application/problem+json"];
            assert_eq!(
                problem["schema"]["$ref"], "#/components/schemas/Problem",
                "{name}"
            );
        }
        let public = ["POST /api/members", "POST /api/tokens"].contains(&name.as_str());
        assert_eq!(operation["security"].is_array(), !public, "{name}");
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_bodies_refuse_what_they_do_not_know() {
    let api = description().await;
    let text = api.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(api["components"]["schemas"][name].is_object(), "{name}");
    }
    for body in [
        "Registration",
        "NewPost",
        "PostChanges",
        "NewTerms",
        "NewThanks",
        "Credentials",
    ] {
        let schema = &api["components"]["schemas"][body];
        assert_eq!(schema["additionalProperties"], false, "{body}: {schema}");
    }
    insta::assert_json_snapshot!("post_body", api["components"]["schemas"]["NewPost"]);
    insta::assert_json_snapshot!("member_body", api["components"]["schemas"]["Registration"]);
}
