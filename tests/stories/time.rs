//! What happens by itself as time passes, in a server whose clock is moved (H44).

use std::sync::Arc;
use std::time::Duration;

use meguri::app::{App, Parts};
use meguri::connections::Ending;
use meguri::failure::Failure;
use meguri::settings::{Environment, Flags, Settings};
use meguri_log::{ManualClock, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::api::{Api, Member};

const DAY: i64 = 86_400;
/// Longer than a policy takes to look at the clock again, many times over.
const LOOKS_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A server in this process.
struct Running {
    _folder: TempDir,
    clock: ManualClock,
    api: Api,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), Failure>>,
}

impl Running {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let flags = Flags {
            data: Some(folder.path().join("data")),
            ..Flags::default()
        };
        let settings = Settings::resolve(&flags, &Environment::default()).unwrap();
        let clock = ManualClock::new("2026-11-01T00:00:00.000000Z".parse::<Timestamp>().unwrap());
        let parts = Parts {
            clock: Arc::new(clock.clone()),
            ..Parts::default()
        };
        let app = App::start_with(&settings, parts).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(&format!("http://{}", listener.local_addr().unwrap()));
        let (stop, told) = oneshot::channel();
        let told = async move {
            told.await.unwrap();
            Ending::Stop
        };
        let serving = tokio::spawn(async move { app.serve(listener.into(), told).await });
        Self {
            _folder: folder,
            clock,
            api,
            stop,
            serving,
        }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
    }

    /// What a party sees of an exchange, once it looks as wanted.
    async fn sees(&self, member: &Member, path: &str, wanted: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        for _ in 0..LOOKS_MAX {
            last = self.api.get(path, Some(&member.token)).await;
            if wanted(&last) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{path} stays {last}");
    }
}

/// An offer, a request, help given, and the helper reports; the requester says nothing more.
async fn helped_in_silence(api: &Api, yuki: &Member, ken: &Member) -> String {
    let offer = json!({"title": "包丁を研ぎます", "description": "二本まで", "offline": true,
        "category": "repair", "no_return_needed": true});
    let offer = api.done(yuki, "offers", &offer).await;
    let request = json!({"message": "お願いします", "mode": "by_post"});
    let path = format!("offers/{}/requests", offer.id);
    let exchange = api.done(ken, &path, &request).await.id;
    let room = format!("exchanges/{exchange}");
    let yes = json!({"text": "送ってください", "terms_version": 0});
    api.done(yuki, &format!("{room}/messages"), &yes).await;
    api.done(yuki, &format!("{room}/completion"), &json!({}))
        .await;
    exchange
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stays_silent_is_reminded_after_7_days_and_completed_after_14_h44() {
    let running = Running::start().await;
    let yuki = running.api.register("yuki", "ゆき").await;
    let ken = running.api.register("ken", "けん").await;
    let exchange = helped_in_silence(&running.api, &yuki, &ken).await;
    let history = format!("/api/exchanges/{exchange}/history");
    let holds = |event: &'static str| {
        move |history: &Value| {
            let items = history["items"].as_array().unwrap();
            items.iter().any(|item| item["type"] == event)
        }
    };

    running.clock.advance_seconds(6 * DAY);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let early = running.api.get(&history, Some(&ken.token)).await;
    assert!(!holds("CompletionReminded")(&early), "{early}");

    running.clock.advance_seconds(DAY + 1);
    running
        .sees(&ken, &history, holds("CompletionReminded"))
        .await;
    running.clock.advance_seconds(7 * DAY);
    running
        .sees(&ken, &history, holds("ExchangeCompleted"))
        .await;

    let room = format!("/api/exchanges/{exchange}");
    let completed = |room: &Value| room["status"] == "completed";
    running.sees(&yuki, &room, completed).await;
    let words = json!({"words": "遅くなりました。よく切れます"});
    let thanks = format!("exchanges/{exchange}/thanks");
    running.api.done(&ken, &thanks, &words).await;
    running.end().await;
}
