//! What a refusal costs in a room of few and of many events, beside an acceptance; and what others
//! wait for while many are refused.
//!
//! `cargo bench -p meguri-benches --bench refuse -- [sqlite] [postgres]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use meguri_benches::percentile;
use meguri_commands::{
    Abort, Caller, CommandSettings, Commands, NewExchange, NewMember, NewMessage, NewPost,
    keep_snapshots,
};
use meguri_events::{Category, ExchangeId, MemberId, Mode, NeedId};
use meguri_log::{Log, SystemClock};
use meguri_test_logs::{Backend, Home};
use tokio_util::sync::CancellationToken;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages in a room.
const LENGTHS: [u64; 3] = [50, 300, 5_000];
/// Commands that are timed one after the other.
const TIMED: usize = 500;
/// Clients who are refused all the time.
const REFUSED_AT_ONCE: usize = 32;
const LASTS: Duration = Duration::from_secs(10);
/// Starts after which the first command is timed.
const STARTS: usize = 20;
/// How long one waits for the snapshots that are due.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// Two members with an exchange between them, which is being negotiated.
#[derive(Clone)]
struct Room {
    member: Caller,
    exchange: ExchangeId,
}

impl Room {
    async fn of(commands: &Commands, name: &str, messages: u64) -> Self {
        let owner = member(commands, &format!("asks{name}")).await;
        let helper = member(commands, &format!("helps{name}")).await;
        let need = commands.post_need(&owner, need()).await.unwrap();
        let opening = NewExchange {
            message: "お手伝いします".to_owned(),
            mode: Mode::Online,
        };
        let post = NeedId::new(need.id()).into();
        let opened = commands
            .open_exchange(&helper, post, opening)
            .await
            .unwrap();
        let room = Self {
            member: owner,
            exchange: ExchangeId::new(opened.id()),
        };
        for _ in 0..messages {
            room.accepted(commands).await;
        }
        room
    }

    async fn accepted(&self, commands: &Commands) -> Duration {
        let message = NewMessage {
            text: "土曜日の午後はいかがでしょうか。".to_owned(),
            keep_negotiating: true,
            terms_version: None,
        };
        let begun = Instant::now();
        let posted = commands.post_message(&self.member, self.exchange, message);
        posted.await.unwrap();
        begun.elapsed()
    }

    /// What is not in progress cannot be aborted.
    async fn refused(&self, commands: &Commands) -> Duration {
        let why = Abort {
            reason: "都合により".to_owned(),
        };
        let begun = Instant::now();
        let aborted = commands.abort(&self.member, self.exchange, why);
        aborted.await.unwrap_err();
        begun.elapsed()
    }
}

async fn member(commands: &Commands, name: &str) -> Caller {
    let new = NewMember {
        user_name: name.to_owned(),
        nickname: "はなこ".to_owned(),
        mail: format!("{name}@example.org"),
        prefecture: None,
    };
    let member = commands.register(new, None).await.unwrap();
    Caller::member(MemberId::new(member.id()))
}

fn need() -> NewPost {
    NewPost {
        title: "庭の草むしり".to_owned(),
        description: "二時間ほど手伝ってください。".to_owned(),
        category: Category::Talk,
        tags: vec!["庭".to_owned()],
        prefecture: None,
        city: None,
        online: true,
        offline: true,
        no_return_needed: true,
        wished_return: None,
        lat: None,
        lon: None,
    }
}

fn show(what: &str, times: &[Duration]) {
    let millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let [p50, p99] = [0.5, 0.99].map(|part| percentile(&millis, part));
    println!("  {what:<60} {p50:>9.2} {p99:>9.2}");
}

/// What the first commands in a room cost after a start, without a snapshot of it and with one.
async fn after_a_start(log: &Log, room: &Room, settings: &CommandSettings, length: u64) {
    for snapshots_in in [None, settings.snapshots_in.clone()] {
        let with = if snapshots_in.is_some() {
            "with"
        } else {
            "without"
        };
        let settings = CommandSettings {
            snapshots_in,
            ..settings.clone()
        };
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let started = || Commands::new(log.clone(), settings.clone());
            accepted.push(room.accepted(&started()).await);
            refused.push(room.refused(&started()).await);
        }
        let first = format!("after a start, room of {length}, {with} a snapshot");
        show(&format!("accepted {first}"), &accepted);
        show(&format!("refused {first}"), &refused);
    }
}

async fn measure(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open_with(Arc::new(SystemClock)).await;
    let dir = tempfile::tempdir().unwrap();
    let settings = CommandSettings {
        snapshots_in: Some(dir.path().to_owned()),
        ..CommandSettings::default()
    };
    let commands = Commands::new(log.clone(), settings.clone());
    let stop = CancellationToken::new();
    let taking = tokio::spawn(keep_snapshots(commands.clone(), stop.clone()));
    println!("{backend:?}, in ms{:>62} {:>9}", "p50", "p99");
    let aside = Room::of(&commands, "aside", 10).await;
    for length in LENGTHS {
        let room = Room::of(&commands, &length.to_string(), length).await;
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..TIMED {
            accepted.push(room.accepted(&commands).await);
            refused.push(room.refused(&commands).await);
        }
        show(&format!("accepted, room of {length} messages"), &accepted);
        show(&format!("refused, room of {length} messages"), &refused);
        beside(&commands, &room, &aside, length).await;
        tokio::time::sleep(TAKEN_WITHIN).await;
        // It has become longer meanwhile.
        let length = length + u64::try_from(TIMED).unwrap();
        after_a_start(&log, &room, &settings, length).await;
    }
    stop.cancel();
    taking.await.unwrap();
    log.close().await;
}

/// Many are refused in one room while somebody writes in another.
async fn beside(commands: &Commands, room: &Room, aside: &Room, length: u64) {
    let (stop, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let refused: Vec<_> = (0..REFUSED_AT_ONCE)
        .map(|_| {
            let (commands, room) = (commands.clone(), room.clone());
            let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    room.refused(&commands).await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (until, mut accepted) = (Instant::now() + LASTS, Vec::new());
    while Instant::now() < until {
        accepted.push(aside.accepted(commands).await);
    }
    stop.store(true, Ordering::Relaxed);
    for client in refused {
        client.await.unwrap();
    }
    let what = format!("accepted elsewhere, while {REFUSED_AT_ONCE} are refused there");
    show(&what, &accepted);
    let a_second = count.load(Ordering::Relaxed) / LASTS.as_secs();
    println!("  ({a_second} refusals a second in the room of {length})");
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |name: &str| {
        asked.iter().all(|it| it.starts_with('-')) || asked.iter().any(|it| it == name)
    };
    if wants("sqlite") {
        measure(Backend::Sqlite).await;
    }
    if wants("postgres") {
        measure(Backend::Postgres).await;
    }
}
