//! A graceful end: what was accepted is finished, what was answered is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meguri_postgres_cluster::shared;
use serde_json::json;

use crate::support::api::{Api, Member, Outcome};
use crate::support::server::Installation;

const WRITERS: usize = 8;
/// So many commands are acknowledged before the server is told to stop.
const ACKNOWLEDGED_MIN: usize = 5 * WRITERS;
/// How often one looks how many there are: for a minute.
const LOOKS_MAX: u32 = 6_000;

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
    let count = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (api, member) = (server.api().clone(), member.clone());
            tokio::spawn(write(writer, api, member, Arc::clone(&count)))
        })
        .collect();
    for _ in 0..LOOKS_MAX {
        if count.load(Ordering::Relaxed) >= ACKNOWLEDGED_MIN {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.terminate().await;
    let mut acknowledged = vec![];
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(
        acknowledged.len() >= ACKNOWLEDGED_MIN,
        "only {} were acknowledged",
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
async fn write(writer: usize, api: Api, member: Member, count: Arc<AtomicUsize>) -> Vec<String> {
    let mut acknowledged = vec![];
    let mut number = 0;
    loop {
        number += 1;
        let title = format!("{writer} の {number} つめ");
        let need = json!({"title": title, "description": "手伝ってください", "online": true,
            "category": "talk", "no_return_needed": true});
        match api
            .post(&member, "needs", &need, &format!("{writer}-{number}"))
            .await
        {
            Outcome::Accepted(accepted) => {
                acknowledged.push(accepted.id);
                count.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Retry(_) | Outcome::Gone(_) => return acknowledged,
            Outcome::Refused(status, text) => panic!("{status} {text}"),
        }
    }
}
