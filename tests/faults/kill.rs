//! `kill -9` of the server at random moments, under load and while it starts.

use super::verdict::Community;
use crate::support::chance::Chance;
use crate::support::server::Installation;
use meguri_postgres_cluster::Cluster;
use std::sync::atomic::Ordering;

/// How often the server is killed on SQLite.
const KILLS_ON_SQLITE: u64 = 100;
/// How often the server is killed on PostgreSQL.
const KILLS_ON_POSTGRES: u64 = 50;
/// One in so many is killed while it starts, without any load.
const AT_START_ONE_IN: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_100_times_on_sqlite_loses_nothing_and_doubles_nothing() {
    survive(&Installation::on_sqlite(), KILLS_ON_SQLITE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_50_times_on_postgresql_loses_nothing_and_doubles_nothing() {
    let cluster = Cluster::start().unwrap();
    survive(
        &Installation::on_databases(|| cluster.create_database().unwrap()),
        KILLS_ON_POSTGRES,
    )
    .await;
}

async fn survive(installation: &Installation, kills: u64) {
    let mut chance = Chance::new();
    let server = installation.serve().await;
    let (community, mut load) = Community::found(installation, &server, &mut chance).await;
    server.kill();

    for _ in 0..kills {
        if chance.one_in(AT_START_ONE_IN) {
            let server = installation.launch();
            tokio::time::sleep(chance.millis(0..300)).await;
            server.kill();
            continue;
        }
        let server = installation.serve().await;
        let running = load.start(server.api());
        tokio::time::sleep(chance.millis(5..350)).await;
        server.kill();
        load = running.ended().await;
    }

    let server = installation.serve().await;
    let load = load.finish(server.api()).await;
    let acknowledged = load.progress.acknowledged.load(Ordering::Relaxed);
    let in_doubt = load.progress.in_doubt.load(Ordering::Relaxed);
    assert!(
        acknowledged > 5 * kills,
        "too little load to prove anything: {acknowledged}"
    );
    assert!(
        in_doubt > kills,
        "too few commands were hit to prove anything: {in_doubt}"
    );
    community.judge(installation, server, &load).await;
}
