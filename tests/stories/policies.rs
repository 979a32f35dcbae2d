//! What the policies could not do is told, by the command line and in the status.

use meguri_log::{Append, Cause, Kek, Log, LogOptions, NewEvent};
use uuid::Uuid;

use crate::support::server::Installation;

/// How often something is looked at: for 60 s.
const LOOKS_MAX: u32 = 600;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Appends a post of a release that is yet to come, from which something would follow.
async fn append_from_the_future(installation: &Installation) {
    let key = Kek::File(installation.data().join("vault.key"));
    let log = Log::open(&LogOptions::new(installation.location(), key))
        .await
        .unwrap();
    let event = NewEvent {
        id: Uuid::now_v7(),
        stream: "need-0192f0c0-7c1e-7b0a-8d7e-2f4a5c6b7d8e".parse().unwrap(),
        event_type: "NeedPosted".into(),
        schema: 99,
        data: "{}".into(),
        sealed: Vec::new(),
    };
    let cause = Cause {
        actor: "system".into(),
        ..Cause::default()
    };
    let append = Append {
        cause,
        events: vec![event],
        ..Append::default()
    };
    log.append(append).await.unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policies_could_not_do_is_told_by_the_command_line_and_in_the_status() {
    let installation = Installation::on_sqlite();
    assert_eq!(
        installation.run(&["policies"]),
        "no policies have run on this data folder\n"
    );
    let server = installation.serve().await;
    let status = server.api().get("/api/status", None).await;
    let none = serde_json::json!({"parked_duties": 0, "unreadable_events": 0});
    assert_eq!(status["policies"], none, "{status}");
    append_from_the_future(&installation).await;
    let mut status = status;
    for _ in 0..LOOKS_MAX {
        status = server.api().get("/api/status", None).await;
        if status["policies"] != none {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(status["policies"]["unreadable_events"], 1, "{status}");
    let said = installation.run(&["policies"]);
    assert!(
        said.starts_with("position 1: NeedPosted cannot be read, and nothing follows from it: "),
        "{said}"
    );
    server.terminate().await;
    assert_eq!(
        installation.run(&["policies"]),
        said,
        "also without a server"
    );
}
