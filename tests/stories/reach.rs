//! A server whose log, vault or folder is taken away says so, and writes nothing where it was.

use std::fs;
use std::time::Duration;

use crate::support::server::{Installation, Server};

/// How often something is looked at: for 60 s.
const LOOKS_MAX: u32 = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

async fn readiness_is(server: &Server, wanted: u16) {
    for _ in 0..LOOKS_MAX {
        if server.api().status("/readyz", None).await == wanted {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("/readyz is never {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_ready_while_its_log_or_its_vault_is_out_of_reach() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("yuki", "ゆき").await;
    let elsewhere = installation.folder().join("elsewhere");
    for name in ["vault.db", "log.db"] {
        let file = installation.data().join(name);
        fs::rename(&file, &elsewhere).unwrap();
        readiness_is(&server, 503).await;
        assert_eq!(server.api().status("/healthz", None).await, 200, "{name}");
        assert!(!file.exists(), "no other {name} is made in its place");
        // Another file in its place is not it.
        fs::write(&file, "").unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(server.api().status("/readyz", None).await, 503, "{name}");
        fs::rename(&elsewhere, &file).unwrap();
        readiness_is(&server, 200).await;
    }
    server.api().register("taro", "たろう").await;
    let said = installation.diagnostics();
    let warned = said.matches("cannot be reached").count();
    assert!((2..=8).contains(&warned), "{warned} times: {said}");
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_data_folder_is_moved_away_ends_and_leaves_nothing_where_it_was() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("yuki", "ゆき").await;
    let (data, moved) = (installation.data(), installation.folder().join("moved"));
    fs::rename(&data, &moved).unwrap();
    let code = server.ended_with().await;
    let said = installation.diagnostics();
    assert_eq!(code, Some(70), "{said}");
    assert!(said.contains("was moved away or replaced"), "{said}");
    assert!(!data.exists(), "nothing is written by its path any more");
    // Nothing is lost, and it goes on where it is now.
    fs::rename(&moved, &data).unwrap();
    let server = installation.serve().await;
    assert_eq!(server.api().status("/api/members/yuki", None).await, 200);
    server.terminate().await;
}
