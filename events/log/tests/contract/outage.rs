//! PostgreSQL goes away in the middle of everything, and comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use meguri_log::{AppendError, Kek, Location, Log, LogOptions, RequestKey};
use meguri_postgres_cluster::Cluster;
use uuid::Uuid;

use super::{append, concurrency::assert_whole, event};

const WRITERS: u8 = 8;

/// Appends under keys until told to stop; what is not acknowledged is repeated until it is.
async fn write(log: Log, writer: u8, stop: Arc<AtomicBool>) -> Vec<Uuid> {
    let (mut acknowledged, mut number) = (Vec::new(), 0_u64);
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let mut key = [writer; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        loop {
            let mut request = append([event(&format!("a-{writer}"), "Made")]);
            request.key = Some(RequestKey {
                key,
                request: key,
                expires: true,
            });
            match log.append(request).await {
                Ok(appended) => {
                    acknowledged.extend(appended.events.iter().map(|event| event.id));
                    break;
                }
                Err(AppendError::Unknown | AppendError::Unavailable(_) | AppendError::Busy) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_database_and_repeats_double_nothing() {
    let cluster = Cluster::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = || cluster.create_database().unwrap();
    let location = Location::Postgres {
        log: database(),
        vault: database(),
    };
    let options = LogOptions::new(location, Kek::File(folder.path().join("kek")));
    let log = Log::open(&options).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(log.clone(), writer, Arc::clone(&stop))))
        .collect();
    for pause in [150, 40, 90] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        cluster.stop_immediate().unwrap();
        cluster.start_again().unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(
        acknowledged.len() > usize::from(WRITERS),
        "nothing was written in between"
    );
    assert_whole(&log, acknowledged).await;
}
