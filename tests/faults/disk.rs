//! The disk under a server on SQLite is full for a while, or its files may grow no further. It
//! says so, refuses what it cannot write, and goes on by itself as soon as there is space: appends,
//! views, the index of search and the policies.

use std::time::{Duration, Instant};

use meguri_test_logs::SmallDisk;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::support::{
    api::{Api, Member, Outcome, new_key},
    server::{Installation, Server},
};

/// Longer than anything takes here: a test that waits so long has failed.
const SOON: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);

fn need(title: &str) -> Value {
    json!({
        "title": title, "category": "housework", "description": "庭の草むしりを手伝ってください。",
        "city": "渋谷区", "online": true,
    })
}

/// Waits until something holds.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let late = Instant::now() + SOON;
    while !holds().await {
        assert!(Instant::now() < late, "{what}: not within {SOON:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Posts until that is refused because it cannot be written; no other refusal will do.
async fn post_until_refused(api: &Api, member: &Member) {
    let late = Instant::now() + SOON;
    while Instant::now() < late {
        match api
            .post(member, "needs", &need("草むしり"), &new_key())
            .await
        {
            Outcome::Accepted(_) => {}
            Outcome::Retry(_) => return,
            other @ (Outcome::Gone(_) | Outcome::Refused(..)) => panic!("{other:?}"),
        }
    }
    panic!("everything is accepted all the time");
}

/// What is done is done again, under its key, until it is accepted.
async fn post_again(api: &Api, member: &Member, path: &str, body: &Value) -> String {
    let (late, key) = (Instant::now() + SOON, new_key());
    loop {
        match api.post(member, path, body, &key).await {
            Outcome::Accepted(accepted) => return accepted.id,
            Outcome::Retry(why) => assert!(Instant::now() < late, "still: {why}"),
            other @ (Outcome::Gone(_) | Outcome::Refused(..)) => panic!("{other:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Nothing can be written, and everything can again.
pub(super) async fn an_outage(server: &mut Server, begins: impl Fn(), ends: impl Fn()) {
    let api = server.api();
    let (aki, haru) = (
        api.register("aki", "あき").await,
        api.register("haru", "はる").await,
    );
    api.done(&haru, "needs", &need("窓ふき")).await;
    for _ in 0..3 {
        begins();
        post_until_refused(api, &aki).await;
        until("it is said that nothing can be written", async || {
            !api.is_ready().await
        })
        .await;
        // Readers are served all the while.
        assert_eq!(api.status("/api/board", None).await, 200);
        assert_eq!(api.status("/healthz", None).await, 200);
        ends();
        let title = format!("草むしり{}", new_key());
        let id = post_again(api, &aki, "needs", &need(&title)).await;
        until("ready", async || api.is_ready().await).await;
        until("on the board", async || {
            api.text("/api/board", None).await.contains(&id)
        })
        .await;
        until("found", async || {
            let found = format!("/api/search?q={title}");
            api.text(&found, None).await.contains(&id)
        })
        .await;
    }
    assert!(server.is_running());
    // A policy takes care of what somebody leaves behind.
    let api = server.api();
    post_again(api, &haru, "me/departure", &json!({})).await;
    until("done by the policy", async || {
        let metrics = api.text("/metrics", None).await;
        let mut done = metrics
            .lines()
            .filter(|line| line.contains(r#"policy="member-left""#));
        done.any(|line| line.contains(r#"outcome="done""#))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_is_full_goes_on_as_soon_as_there_is_space() {
    let disk = SmallDisk::new(48);
    let installation = Installation::on_disk(disk.folder());
    let mut server = installation.serve().await;
    an_outage(&mut server, || disk.fill(), || disk.free()).await;
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_files_may_grow_no_further_goes_on_as_soon_as_they_may() {
    let installation = Installation::on_sqlite();
    let mut server = installation.serve().await;
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = |current| {
        let limits = Rlimit {
            current,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limits).unwrap();
    };
    an_outage(&mut server, || limit(Some(1)), || limit(None)).await;
    server.terminate().await;
}
