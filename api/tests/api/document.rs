//! The description of the API.

use crate::house::House;

#[tokio::test]
async fn the_document_describes_every_reading_route() {
    let house = House::empty().await;
    let document = house.get("/api/openapi.json", None).await;
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    insta::assert_json_snapshot!(paths);
}

#[tokio::test]
async fn every_route_tells_its_title_in_both_languages_its_rights_and_its_problems() {
    let house = House::empty().await;
    let document = house.get("/api/openapi.json", None).await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let route = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{route}: no summary");
            assert!(
                operation["x-summary-ja"].is_string(),
                "{route}: no Japanese summary"
            );
            assert!(
                operation["description"].is_string(),
                "{route}: no description"
            );
            assert!(operation["security"].is_array(), "{route}: no security");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                if !status.starts_with('2') {
                    assert_eq!(problem, "#/components/schemas/Problem", "{route} {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let house = House::empty().await;
    let text = house.get("/api/openapi.json", None).await.text;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn the_page_shows_every_route_and_needs_nothing_from_elsewhere() {
    let house = House::empty().await;
    let page = house.get("/api", None).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    for path in house.openapi.paths.paths.keys() {
        assert!(page.text.contains(&format!("GET {path}</code>")), "{path}");
    }
    for foreign in ["<script", "src=", "http://", "https://", "@import", "url("] {
        assert!(!page.text.contains(foreign), "{foreign}");
    }
    assert!(page.text.starts_with("<!doctype html>\n<html lang=\"ja\">"));
}
