//! Nothing lost, nothing doubled: many writers, followers that come and go, several processes.

use std::{
    collections::HashMap,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use meguri_log::{AppendError, Expected, Filter, Log, Position, Recorded, StreamRange, Version};
use meguri_test_logs::{Backend, Home, on_both_backends};
use uuid::Uuid;

use super::{append, event, on_condition, stream};

on_both_backends!(
    sixteen_writers_and_their_followers_lose_and_double_nothing,
    writers_of_two_processes_take_turns_and_lose_nothing,
);

const WRITERS: usize = 16;
const APPENDS_EACH: usize = 60;

/// Appends 1 to 5 events again and again, each under a condition, and keeps what was acknowledged.
async fn write(log: Log, writer: usize) -> Vec<Uuid> {
    let mut acknowledged = Vec::new();
    for number in 0..APPENDS_EACH {
        let own = format!("own-{writer}");
        let shared = format!("shared-{}", (writer + number) % 5);
        let count = 1 + (writer * 7 + number) % 5;
        loop {
            let head = log.stream_head(&stream(&own)).await.unwrap();
            let events =
                (0..count).map(|index| event(if index % 2 == 0 { &own } else { &shared }, "Made"));
            let request = on_condition(append(events), &own, Expected::Version(head));
            match log.append(request).await {
                Ok(appended) => {
                    acknowledged.extend(appended.events.iter().map(|event| event.id));
                    break;
                }
                Err(AppendError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => panic!("nobody else writes {own}: {error}"),
            }
        }
    }
    acknowledged
}

/// Follows to the end; drops its follower again and again, and lags now and then.
async fn follow(log: Log, start: Position, restless: bool, end: Position) -> Vec<(u64, Uuid)> {
    let (mut follower, mut seen) = (log.follow(start), Vec::new());
    while follower.position() < end {
        let block = follower.next().await.unwrap();
        for event in &block.events {
            seen.push((event.position().get(), event.header().unwrap().unwrap().id));
        }
        if restless {
            tokio::time::sleep(Duration::from_millis(seen.len() as u64 % 7)).await;
            follower = log.follow(follower.position());
        }
    }
    seen
}

async fn everything(log: &Log) -> Vec<Recorded> {
    let (mut events, mut after) = (Vec::new(), Position::ZERO);
    loop {
        let block = log
            .read_all(after, &Filter::default(), 1_000)
            .await
            .unwrap();
        if block.up_to == after {
            return events;
        }
        after = block.up_to;
        events.extend(block.events);
    }
}

/// Positions 1..n without a hole, versions without a hole, and exactly the acknowledged events.
pub(crate) async fn assert_whole(log: &Log, mut acknowledged: Vec<Uuid>) {
    let (mut ids, mut versions) = (Vec::new(), HashMap::<String, Version>::new());
    for (index, event) in everything(log).await.iter().enumerate() {
        assert_eq!(event.position().get(), index as u64 + 1);
        let version = versions.entry(event.stream().to_owned()).or_default();
        *version = version.next();
        assert_eq!(event.version(), *version, "in {}", event.stream());
        ids.push(event.header().unwrap().unwrap().id);
    }
    for (name, version) in versions {
        assert_eq!(log.stream_head(&stream(&name)).await.unwrap(), version);
        let newest = log
            .read_stream(&stream(&name), StreamRange::newest(1))
            .await
            .unwrap();
        assert_eq!(newest[0].version(), version);
    }
    ids.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(
        ids, acknowledged,
        "the log holds exactly what was acknowledged"
    );
}

fn total() -> Position {
    let appends = (0..WRITERS).flat_map(|writer| (0..APPENDS_EACH).map(move |n| (writer, n)));
    Position::new(
        appends
            .map(|(writer, n)| 1 + (writer as u64 * 7 + n as u64) % 5)
            .sum(),
    )
}

async fn run(logs: [Log; 2]) {
    let end = total();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(logs[writer % 2].clone(), writer)))
        .collect();
    let followers: Vec<_> = (0..6_u64)
        .map(|number| {
            let log = logs[usize::from(number % 2 == 1)].clone();
            let start = Position::new(number * 40);
            (
                start,
                tokio::spawn(follow(log, start, number % 3 == 0, end)),
            )
        })
        .collect();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let all: Vec<_> = everything(&logs[0])
        .await
        .iter()
        .map(|event| (event.position().get(), event.header().unwrap().unwrap().id))
        .collect();
    for (start, follower) in followers {
        let missed = usize::try_from(start.get()).unwrap();
        assert_eq!(
            follower.await.unwrap(),
            all[missed..],
            "a follower from {start}"
        );
    }
    assert_whole(&logs[0], acknowledged).await;
}

async fn sixteen_writers_and_their_followers_lose_and_double_nothing(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    run([log.clone(), log]).await;
}

async fn writers_of_two_processes_take_turns_and_lose_nothing(backend: Backend) {
    let home = Home::new(backend);
    run([home.open().await, home.open().await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_holds_the_head_row_holds_nobody_up() {
    let home = Home::new(Backend::Postgres);
    let log = home.open().await;
    log.append(append([event("a-1", "Made")])).await.unwrap();
    let meguri_log::Location::Postgres { log: url, .. } =
        home.options(log.clock().clone()).location
    else {
        panic!("the log is on PostgreSQL")
    };
    let mut holder = Command::new("psql")
        .args(["--quiet", "--no-psqlrc", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = holder.stdin.take().unwrap();
    writeln!(
        input,
        "begin; update log_head set position = 99; \\echo held"
    )
    .unwrap();
    let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "held" {
        line.clear();
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    }
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.append(append([event("a-1", "Made")])).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "the head row is held");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let appended = waiting.await.unwrap().unwrap();
    assert_eq!(appended.position, Position::new(2));
}
