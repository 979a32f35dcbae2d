//! A graceful end: what was accepted is finished, what was answered is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meguri_postgres_cluster::shared;
use serde_json::json;

use crate::support::api::{Api, Member, Outcome};
use crate::support::server::Installation;

const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_under_load_the_server_loses_nothing_on_sqlite() {
    told_to_stop_under_load_it_loses_nothing(&Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_under_load_the_server_loses_nothing_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    told_to_stop_under_load_it_loses_nothing(&Installation::on_databases(database)).await;
}

async fn told_to_stop_under_load_it_loses_nothing(installation: &Installation) {
    let server = installation.serve().await;
    let member = server.api().register("hanako", "はなこ").await;
    let going = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (api, member) = (server.api().clone(), member.clone());
            tokio::spawn(write(writer, api, member, Arc::clone(&going)))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.terminate().await;
    going.store(false, Ordering::Relaxed);
    let mut acknowledged = vec![];
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(
        acknowledged.len() > WRITERS,
        "{} were acknowledged",
        acknowledged.len()
    );

    let exported = installation.run(&["log", "export"]);
    for need in &acknowledged {
        let stream = format!(r#""stream":"need-{need}""#);
        assert_eq!(
            exported.matches(&stream).count(),
            1,
            "{need} is there, once"
        );
    }
}

/// Posts needs one after the other until the server has gone; returns the ids of those that were
/// acknowledged.
async fn write(writer: usize, api: Api, member: Member, going: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = vec![];
    let mut number = 0;
    while going.load(Ordering::Relaxed) {
        number += 1;
        let title = format!("{writer} の {number} つめ");
        let need = json!({"title": title, "description": "手伝ってください", "online": true,
            "category": "talk", "no_return_needed": true});
        match api
            .post(&member, "needs", &need, &format!("{writer}-{number}"))
            .await
        {
            Outcome::Accepted(accepted) => acknowledged.push(accepted.id),
            Outcome::Retry(_) | Outcome::Gone(_) => return acknowledged,
            Outcome::Refused(status, text) => panic!("{status} {text}"),
        }
    }
    acknowledged
}
