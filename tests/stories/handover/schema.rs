//! A release whose views have another schema: they are built beside, proven, and go live while
//! members read and write, without one failed or stale answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meguri::app::Parts;
use meguri::command_line::ServeArgs;
use meguri::serve;
use meguri::settings::{Flags, Settings};
use meguri_engine::{ViewSet, ViewSettings};
use meguri_postgres_cluster::shared;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::load::Load;
use crate::support::api::Api;

const CHANGED: [&str; 2] = ["board", "profiles"];
/// Pause between two looks at a server that is starting.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is looked at: for a minute.
const LOOKS_MAX: u32 = 6_000;

/// What a server prints.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Printed {
    async fn api(&self) -> Api {
        for _ in 0..LOOKS_MAX {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let address = text
                .split_whitespace()
                .find(|word| word.starts_with("http://"));
            if let Some(address) = address {
                return Api::new(address);
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the server did not say where it listens");
    }
}

/// A server in this process, of a release that has these views.
struct Release {
    api: Api,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

async fn serve(settings: &Arc<Settings>, views: ViewSet, replace: bool) -> Release {
    let (printed, stop) = (Printed::default(), CancellationToken::new());
    let parts = Parts {
        views: ViewSettings {
            views,
            ..meguri_views::settings()
        },
        ..Parts::default()
    };
    let (settings, mut out, told) = (Arc::clone(settings), printed.clone(), stop.clone());
    let running = tokio::spawn(async move {
        let args = ServeArgs {
            replace,
            ..ServeArgs::default()
        };
        let told = || async move { told.cancelled().await };
        serve::run_with(&settings, &args, parts, &mut out, told)
            .await
            .unwrap();
    });
    Release {
        api: printed.api().await,
        stop,
        running,
    }
}

fn settings(folder: &TempDir, databases: Option<(String, String)>) -> Arc<Settings> {
    let flags = Flags {
        data: Some(folder.path().join("data")),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Flags::default()
    };
    let urls = |(log, vault)| [("DATABASE_URL", log), ("VAULT_URL", vault)];
    let environment = databases.map(urls).into_iter().flatten().collect();
    Arc::new(Settings::resolve(&flags, &environment).unwrap())
}

async fn versions(api: &Api) -> Vec<(String, u64)> {
    let status = api.get("/api/status", None).await;
    let views = status["views"].as_array().unwrap().iter();
    let one = |view: &serde_json::Value| {
        assert_eq!(view["state"], "live", "{view}");
        (
            view["name"].as_str().unwrap().to_owned(),
            view["version"].as_u64().unwrap(),
        )
    };
    views.map(one).collect()
}

async fn a_changed_schema_goes_live(databases: Option<(String, String)>) {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder, databases);
    let old = serve(&settings, meguri_views::all(), false).await;
    let load = Load::start(&old.api).await;
    load.progress().await;
    let before = versions(&old.api).await;

    let changed = CHANGED
        .into_iter()
        .fold(meguri_views::all(), ViewSet::revised);
    let new = serve(&settings, changed, true).await;
    old.running.await.unwrap();
    // The first question is answered by the new release: at no moment is a view not there.
    for ((name, was), (_, is)) in before.into_iter().zip(versions(&new.api).await) {
        let expected = if CHANGED.contains(&name.as_str()) {
            was + 1
        } else {
            was
        };
        assert_eq!(is, expected, "{name}");
    }
    load.progress().await;
    load.end().await;

    // The way back: the old release finds the file that it had, and brings it forward.
    let load = Load::start_again(&new.api).await;
    load.progress().await;
    let back = serve(&settings, meguri_views::all(), true).await;
    new.running.await.unwrap();
    load.progress().await;
    load.end().await;
    back.stop.cancel();
    back.running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schema_goes_live_under_load_without_a_failed_or_stale_read_on_sqlite() {
    a_changed_schema_goes_live(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schema_goes_live_under_load_without_a_failed_or_stale_read_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    a_changed_schema_goes_live(Some((database(), database()))).await;
}
