//! A connection pooler between the log and PostgreSQL.

use meguri_log::{Kek, Location, Log, LogOptions};
use meguri_postgres_cluster::Cluster;
use meguri_test_logs::Pooler;

use super::{append, concurrency::assert_whole, event, sealed};

/// How to open a log through it, on databases of their own.
fn options(pooler: &Pooler, cluster: &Cluster, folder: &std::path::Path) -> LogOptions {
    let database = || pooler.url(&cluster.create_database().unwrap());
    let location = Location::Postgres {
        log: database(),
        vault: database(),
    };
    LogOptions::new(location, Kek::File(folder.join("kek")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_behind_a_pooler_of_sessions_works() {
    let (cluster, folder) = (Cluster::start().unwrap(), tempfile::tempdir().unwrap());
    let pooler = Pooler::start(cluster.port(), "session", "");
    let options = options(&pooler, &cluster, folder.path());
    let (log, second) = (
        Log::open(&options).await.unwrap(),
        Log::open(&options).await.unwrap(),
    );
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        let log = if number % 2 == 0 { &log } else { &second };
        let said = sealed(event("a-1", "Said"), "member-1", "{}");
        acknowledged.push(log.append(append([said])).await.unwrap().events[0].id);
    }
    assert_whole(&second, acknowledged).await;
    let mut follower = second.follow(second.head().await.unwrap().position);
    let hears = tokio::spawn(async move { follower.next().await.unwrap().events.len() });
    log.append(append([event("a-1", "Made")])).await.unwrap();
    assert_eq!(hears.await.unwrap(), 1);
    log.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_shares_sessions_is_refused_with_what_to_do() {
    let (cluster, folder) = (Cluster::start().unwrap(), tempfile::tempdir().unwrap());
    let shared = [
        ("transaction", ""),
        ("transaction", "server_round_robin = 1"),
        ("transaction", "default_pool_size = 1"),
        ("transaction", "server_reset_query_always = 1"),
        ("statement", ""),
    ];
    for (pool_mode, more) in shared {
        let pooler = Pooler::start(cluster.port(), pool_mode, more);
        let opened = Log::open(&options(&pooler, &cluster, folder.path())).await;
        let refused = opened.expect_err(&format!("{pool_mode} {more} was taken"));
        let says = refused.to_string().contains("pool_mode = session");
        assert!(says, "{pool_mode} {more}: {refused}");
    }
}
