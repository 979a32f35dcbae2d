//! `kill -9` of a process at random moments while it builds views anew, switches to them, and
//! commits and merges the index of what is posted meanwhile.
//!
//! The process is this test binary itself, called for one test that only works when it is told
//! where: so that transactions are small and there are many moments to be hit at.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use meguri_engine::{RebuildStep, ViewSettings, Views};
use meguri_events::{
    Category, Event, MemberId, Modes, NeedClosed, NeedEdited, NeedId, NeedPosted, PostOutline,
    PostText, ReasonCode,
};
use meguri_log::{Append, Cause, Kek, Location, Log, LogOptions, NewEvent, NewSection};
use meguri_postgres_cluster::Cluster;

use uuid::Uuid;

use crate::support::chance::Chance;
use crate::support::server::Installation;

/// How often the process is killed.
const KILLS: usize = 50;
/// Where the process finds its log; without it the test that is the process does nothing.
const FOLDER: &str = "MEGURI_REBUILD_FOLDER";
const NAMES: [&str; 7] = [
    "board", "profiles", "thanks", "rooms", "history", "search", "blocks",
];
const LONG: Duration = Duration::from_mins(2);

fn settings() -> ViewSettings {
    ViewSettings {
        block_events: 40,
        transaction_events: 300,
        ..meguri_views::settings()
    }
}

async fn open_log(data: &Path, databases: Option<(String, String)>) -> Log {
    let location = match databases {
        Some((log, vault)) => Location::Postgres { log, vault },
        None => Location::Sqlite {
            log: data.join("log.db"),
            vault: data.join("vault.db"),
        },
    };
    let options = LogOptions::new(location, Kek::File(data.join("vault.key")));
    Log::open(&options).await.unwrap()
}

/// The digest of every view's rows, each proven to be what the log says.
async fn contents(log: &Log, dir: PathBuf) -> Vec<String> {
    let views = Views::open(log.clone(), dir, settings()).await.unwrap();
    views.wait_for_all(log.known_head(), LONG).await.unwrap();
    let mut contents = Vec::new();
    for name in NAMES {
        let proven = views.prove(name).await.unwrap();
        assert_eq!(proven.mismatch, None, "{name}");
        assert_eq!(proven.position, log.known_head(), "{name}");
        contents.push(proven.content);
    }
    views.close().await;
    contents
}

/// Posts, edits and closes, so that the index is committed and merged all the time.
async fn post_without_end(log: Log) {
    let by = MemberId::new(Uuid::from_u128(7));
    for number in 0_usize.. {
        let need = NeedId::new(Uuid::now_v7());
        let events = what_happens(need, by, number);
        let events = events.iter().map(|event| new_event(need.stream(), event));
        let append = Append {
            cause: Cause {
                actor: by.stream(),
                ..Cause::default()
            },
            events: events.collect(),
            ..Append::default()
        };
        log.append(append).await.unwrap();
    }
}

/// Of three posts, one stays as it was posted, one is edited, one is closed.
fn what_happens(need: NeedId, by: MemberId, number: usize) -> Vec<Event> {
    let outline = PostOutline {
        category: Category::Pets,
        prefecture: None,
        modes: Modes {
            online: true,
            offline: false,
        },
        no_return_needed: true,
    };
    let text = |title: String| PostText {
        description: format!("{title}をお願いします"),
        title,
        tags: vec!["犬".to_owned()],
        city: None,
        wished_return: None,
        place: None,
    };
    let posted = NeedPosted {
        need,
        by,
        outline,
        text: text(format!("犬の散歩{number}")).into(),
    };
    let edited = NeedEdited {
        need,
        by,
        outline,
        text: text(format!("猫の世話{number}")).into(),
    };
    let closed = NeedClosed {
        need,
        by,
        reason_code: ReasonCode::OwnWords,
    };
    let all: [Event; 3] = [posted.into(), edited.into(), closed.into()];
    all.into_iter().take(number % 3 + 1).collect()
}

fn new_event(stream: String, event: &Event) -> NewEvent {
    let encoded = event.encode().unwrap();
    let sealed = encoded.sections.into_iter().map(|section| NewSection {
        section: section.name.into(),
        subject: section.subject,
        class: section.class.into(),
        plaintext: section.plaintext,
    });
    NewEvent {
        id: Uuid::now_v7(),
        stream: stream.parse().unwrap(),
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sealed.collect(),
    }
}

/// Is the process that is killed: rebuilds all views over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_rebuilds_until_it_is_killed() {
    let Some(data) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let databases = std::env::var("MEGURI_REBUILD_LOG")
        .ok()
        .zip(std::env::var("MEGURI_REBUILD_VAULT").ok());
    let log = open_log(&data, databases).await;
    let views = Views::open(log.clone(), data.join("views"), settings())
        .await
        .unwrap();
    views.wait_for_all(log.known_head(), LONG).await.unwrap();
    tokio::spawn(post_without_end(log.clone()));
    loop {
        for name in NAMES {
            let mut steps = views.rebuild(name).await.unwrap();
            while let Some(step) = steps.recv().await {
                // One that a crash has left is being built already.
                assert!(
                    !matches!(&step, RebuildStep::Failed { reason } if !reason.contains("already")),
                    "{step:?}"
                );
            }
        }
    }
}

/// A process that is killed when it goes out of scope.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn launch(installation: &Installation) -> Killed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "faults::rebuild::the_process_that_rebuilds_until_it_is_killed",
        ])
        .env(FOLDER, installation.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some((log, vault)) = installation.databases() {
        command
            .env("MEGURI_REBUILD_LOG", log)
            .env("MEGURI_REBUILD_VAULT", vault);
    }
    Killed(command.spawn().unwrap())
}

async fn survive(installation: &Installation) {
    installation.run(&["demo", "--members", "20", "--exchanges", "60"]);
    let data = installation.data();
    let mut chance = Chance::new();
    for _ in 0..KILLS {
        let mut process = launch(installation);
        tokio::time::sleep(chance.millis(30..450)).await;
        let ended = process.0.try_wait().unwrap();
        assert!(ended.is_none(), "the process ended by itself: {ended:?}");
    }
    let log = open_log(&data, installation.databases()).await;
    let fresh = contents(&log, data.join("fresh")).await;
    assert_eq!(contents(&log, data.join("views")).await, fresh);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_killed_50_times_while_they_are_rebuilt_are_those_of_a_fresh_build_on_sqlite() {
    survive(&Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_killed_50_times_while_they_are_rebuilt_are_those_of_a_fresh_build_on_postgresql() {
    let cluster = Cluster::start().unwrap();
    survive(&Installation::on_databases(|| {
        cluster.create_database().unwrap()
    }))
    .await;
}
