//! The database goes away under commands and policies: what was answered stays, nothing doubles.

use std::time::Duration;

use meguri_commands::policies::run;
use meguri_commands::{Caller, CommandError, Commands, Done, NewMessage};
use meguri_events::ExchangeId;
use meguri_log::RequestKey;
use meguri_postgres_cluster::Cluster;
use tokio_util::sync::CancellationToken;

use meguri_test_community::World;

const MESSAGES: u8 = 40;

/// Writes a message under its key until there is an answer, as a client does.
async fn until_answered(
    commands: &Commands,
    caller: &Caller,
    exchange: ExchangeId,
    number: u8,
) -> Done {
    let (mut key, request) = ([number; 32], [number; 32]);
    key[..16].copy_from_slice(caller.id().unwrap().uuid().as_bytes());
    let expires = true;
    let caller = caller.clone().with_key(Some(RequestKey {
        key,
        request,
        expires,
    }));
    loop {
        let (text, keep_negotiating) = (format!("{number}通目"), true);
        let message = NewMessage {
            text,
            keep_negotiating,
            terms_version: None,
        };
        match commands.post_message(&caller, exchange, message).await {
            Ok(done) => return done,
            Err(
                CommandError::Unknown
                | CommandError::Unavailable(_)
                | CommandError::Busy
                | CommandError::Conflict,
            ) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes so many messages, one after the other.
async fn write(commands: Commands, caller: Caller, exchange: ExchangeId) -> Vec<Done> {
    let mut answers = Vec::new();
    for number in 0..MESSAGES {
        answers.push(until_answered(&commands, &caller, exchange, number).await);
    }
    answers
}

/// Twice, with work under way.
async fn crash(cluster: &Cluster) {
    for pause in [60, 40] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        cluster.stop_immediate().unwrap();
        cluster.start_again().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_stays_when_the_database_crashes_and_repeats_double_nothing() {
    let cluster = Cluster::start().unwrap();
    let world = World::on_cluster(&cluster).await;
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let silent = world.started(&aki, &haru).await;
    world
        .commands
        .report_completion(&aki, silent)
        .await
        .unwrap();
    world.pass_days(14);
    let exchange = world.requested(&aki, &haru).await;
    let writers =
        [aki, haru].map(|caller| tokio::spawn(write(world.commands.clone(), caller, exchange)));
    let stop = CancellationToken::new();
    let policies = tokio::spawn(run(
        world.commands.clone(),
        world.dir().to_owned(),
        stop.clone(),
    ));
    crash(&cluster).await;
    let mut answers = Vec::new();
    for writer in writers {
        answers.extend(writer.await.unwrap());
    }
    while world.count("ExchangeCompleted").await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    policies.await.unwrap().unwrap();
    let mut positions: Vec<_> = answers.iter().map(|done| done.position).collect();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(
        positions.len(),
        2 * usize::from(MESSAGES),
        "each answer is of its own message"
    );
    assert_eq!(
        world.count("MessagePosted").await,
        2 * usize::from(MESSAGES)
    );
    assert_eq!(world.count("ExchangeCompleted").await, 1);
}
