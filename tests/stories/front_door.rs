//! First visits to the server: a browser, a program, a scraper of numbers.

use crate::support::server::Installation;

#[tokio::test]
async fn a_browser_finds_the_page_and_a_program_the_description_of_both_sides() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let page = server.api().text("/", None).await;
    assert!(page.contains("<title>Meguri API</title>"), "{page}");
    assert!(page.contains("lang=\"ja\""), "{page}");

    let description = server.api().get("/api/openapi.json", None).await;
    assert_eq!(description["openapi"], "3.1.0");
    let paths = &description["paths"];
    for (path, method) in [
        ("/api/needs/{id}", "get"),
        ("/api/needs/{id}", "patch"),
        ("/api/exchanges/{id}/messages", "get"),
        ("/api/exchanges/{id}/messages", "post"),
        ("/api/exchanges/{id}/thanks", "post"),
        ("/api/board", "get"),
        ("/healthz", "get"),
    ] {
        assert!(paths[path][method].is_object(), "{method} {path}");
    }
    for (path, methods) in paths.as_object().unwrap() {
        assert!(
            page.contains(path.as_str()),
            "the page does not show {path}: {methods}"
        );
    }
}

#[tokio::test]
async fn metrics_count_requests_and_commands_in_histograms() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let metrics = server.api().text("/metrics", None).await;
    let counted = r#"meguri_commands_total{command="register",outcome="done"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    let bucket = r#"meguri_command_seconds_bucket{command="register",le="10"} 1"#;
    assert!(metrics.contains(bucket), "{metrics}");
    assert!(!metrics.contains("hanako"), "labels name nobody");
}
