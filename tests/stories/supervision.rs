//! What follows when a loop of the server fails: it is said, and nothing that works is said to.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use meguri::app::App;
use meguri::connections::{Ending, Entrance};
use meguri::failure::{BROKEN, Failure};
use meguri::settings::{Flags, Settings};
use meguri_supervision::{LoopState, OnFailure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Far longer than a loop takes to hear that it is to panic.
const WAIT: Duration = Duration::from_mins(1);

fn settings(folder: &TempDir) -> Settings {
    let flags = Flags {
        data: Some(folder.path().join("data")),
        ..Flags::default()
    };
    // With everything that can be switched on.
    let environment = [("MEGURI_TELL_OF_MATCHES", "true")].into_iter().collect();
    Settings::resolve(&flags, &environment).unwrap()
}

async fn get(router: &Router, path: &str) -> (u16, String) {
    let request = Request::get(path).header(header::ACCEPT_LANGUAGE, "en");
    let request = request.body(Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(router.clone(), request);
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Waits until the server says something else than that it is well.
async fn unwell(router: &Router) -> Value {
    let looking = async {
        loop {
            let (status, text) = get(router, "/healthz").await;
            if status != 200 {
                assert_eq!(status, 503, "{text}");
                return serde_json::from_str(&text).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WAIT, looking).await.unwrap()
}

async fn ready(router: &Router) {
    let looking = async {
        while get(router, "/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WAIT, looking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_loop_panics_the_server_says_so_and_ends_where_nothing_works_without_it() {
    let folder = TempDir::new().unwrap();
    let app = App::start(&settings(&folder)).await.unwrap();
    let loops = app.log().supervisor().loops();
    app.close().await;
    assert!(loops.len() > 10, "{loops:?}");
    let names: BTreeSet<_> = loops.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names.len(), loops.len(), "two loops of one name: {loops:?}");
    for one in loops {
        let name = one.name;
        let app = App::start(&settings(&folder)).await.unwrap();
        let (router, supervisor) = (app.router(), app.log().supervisor().clone());
        ready(&router).await;
        assert_eq!(get(&router, "/healthz").await.0, 200);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, told) = tokio::sync::oneshot::channel();
        let told = async move {
            let _ = told.await;
            Ending::Stop
        };
        let entrance = Entrance::from(listener);
        let mut serving = tokio::spawn(app.serve(entrance, told));

        assert!(supervisor.inject_panic(&name), "{name}");
        let problem = unwell(&router).await;
        assert_eq!(problem["loops"][0], *name, "{problem}");
        let (status, text) = get(&router, "/readyz").await;
        assert_eq!(status, 503, "{name}: {text}");
        let status = supervisor.loops();
        let failed = status.iter().find(|one| one.name == name).unwrap();
        assert!(
            matches!(failed.state, LoopState::Failed { .. }),
            "{failed:?}"
        );
        if one.on_failure == OnFailure::EndProcess {
            let ended = tokio::time::timeout(WAIT, &mut serving).await.unwrap();
            let failure = ended.unwrap().unwrap_err();
            assert_eq!(failure.exit_code(), BROKEN);
            assert!(matches!(&failure, Failure::Loop { name: of, .. } if *of == name));
            drop(stop);
        } else {
            stop.send(()).unwrap();
            serving.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_metrics_name_a_loop_that_failed() {
    let folder = TempDir::new().unwrap();
    let app = App::start(&settings(&folder)).await.unwrap();
    let router = app.router();
    let of_policies = async || {
        let (_, status) = get(&router, "/api/status").await;
        let status: Value = serde_json::from_str(&status).unwrap();
        let loops = status["loops"].as_array().unwrap().clone();
        let one = loops.into_iter().find(|one| one["name"] == "policies");
        one.unwrap()
    };
    let running = of_policies().await;
    assert_eq!(
        (&running["state"], &running["failed_at"]),
        (&"running".into(), &Value::Null)
    );
    assert!(app.log().supervisor().inject_panic("policies"));
    unwell(&router).await;
    let failed = of_policies().await;
    assert_eq!(failed["state"], "failed");
    assert!(failed["failed_at"].is_string(), "{failed}");
    let (_, metrics) = get(&router, "/metrics").await;
    assert!(
        metrics.contains("meguri_loop_panics_total{loop=\"policies\"}"),
        "{metrics}"
    );
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_stands_still_is_named_by_readiness_whichever_it_is() {
    for name in [
        "writer",
        "watcher",
        "feed",
        "erasures",
        "policies",
        "publisher",
    ] {
        let folder = TempDir::new().unwrap();
        let app = App::start(&settings(&folder)).await.unwrap();
        let (router, supervisor) = (app.router(), app.log().supervisor().clone());
        ready(&router).await;
        assert!(supervisor.inject_standstill(name), "{name}");
        let (status, text) = get(&router, "/readyz").await;
        assert_eq!(status, 503, "{name}: {text}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["loops"], serde_json::json!([name]), "{problem}");
        let (_, status) = get(&router, "/api/status").await;
        let status: Value = serde_json::from_str(&status).unwrap();
        let mut loops = status["loops"].as_array().unwrap().iter();
        let one = loops.find(|one| one["name"] == name).unwrap();
        assert_eq!(one["state"], "stuck", "{one}");
        assert_eq!(
            get(&router, "/healthz").await.0,
            200,
            "{name}: it may go on"
        );
        // It cannot be waited for: the runtime of this test ends it.
        std::mem::forget(app);
    }
}
