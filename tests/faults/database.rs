//! PostgreSQL stops as in a crash, and comes back, while the server goes on.

use super::verdict::Community;
use crate::support::chance::Chance;
use crate::support::server::Installation;
use meguri_postgres_cluster::Cluster;
use std::sync::atomic::Ordering;

/// How often the database goes.
const STOPS: u64 = 10;
/// How many commands must be acknowledged between two stops.
const PROGRESS: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_and_comes_back_loses_nothing_and_doubles_nothing() {
    let cluster = Cluster::start().unwrap();
    let installation = Installation::on_databases(|| cluster.create_database().unwrap());
    let mut chance = Chance::new();
    let mut server = installation.serve().await;
    let (community, load) = Community::found(&installation, &server, &mut chance).await;

    let running = load.start(server.api());
    for _ in 0..STOPS {
        running.progress(PROGRESS).await;
        tokio::time::sleep(chance.millis(0..50)).await;
        cluster.stop_immediate().unwrap();
        tokio::time::sleep(chance.millis(0..400)).await;
        cluster.start_again().unwrap();
        assert!(
            server.is_running(),
            "the server has ended with its database"
        );
    }
    running.progress(PROGRESS).await;
    let load = running.finish().await;
    let in_doubt = load.progress.in_doubt.load(Ordering::Relaxed);
    assert!(
        in_doubt >= STOPS,
        "too few commands were hit to prove anything: {in_doubt}"
    );
    community.judge(&installation, server, &load).await;
}
