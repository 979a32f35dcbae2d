//! How soon after its acknowledgement a command is to be seen in every view, while a thousand
//! commands a second come in, each at its time whatever became of those before.
//!
//! `cargo bench -p meguri-benches --bench lag -- [sqlite] [postgres] [commands a second]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops on failure"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use meguri_benches::percentile;
use meguri_commands::{
    Caller, CommandSettings, Commands, NewExchange, NewMember, NewMessage, NewNickname, NewPost,
};
use meguri_engine::Views;
use meguri_events::{Category, ExchangeId, MemberId, Mode, NeedId};
use meguri_log::{Log, Position, SystemClock};
use meguri_test_logs::{Backend, Home};
use tokio::time::MissedTickBehavior;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMMANDS_A_SECOND: u64 = 1_000;
const LASTS: Duration = Duration::from_secs(30);
/// What comes before the caches are warm is not counted.
const WARM_AFTER: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(10);
/// The views that show what is written as soon as it is.
const ROWS_ALONE: [&str; 5] = ["board", "profiles", "thanks", "rooms", "history"];
/// Pairs of members who talk with each other.
const ROOMS: u64 = 512;

/// Two members with an exchange between them.
struct Pair {
    asks: Caller,
    helps: Caller,
    exchange: ExchangeId,
}

impl Pair {
    async fn meet(commands: &Commands, number: u64) -> Self {
        let asks = member(commands, &format!("asks{number}")).await;
        let helps = member(commands, &format!("helps{number}")).await;
        let need = commands.post_need(&asks, need(number)).await.unwrap();
        let opening = NewExchange {
            message: "お手伝いします".to_owned(),
            mode: Mode::Online,
        };
        let post = NeedId::new(need.id()).into();
        let opened = commands.open_exchange(&helps, post, opening).await.unwrap();
        let exchange = ExchangeId::new(opened.id());
        Self {
            asks,
            helps,
            exchange,
        }
    }

    /// Does something, half of the time in the room: the position of what happened.
    async fn act(&self, commands: &Commands, number: u64) -> Position {
        let turn = number / ROOMS;
        let done = match turn % 4 {
            0 => commands.post_need(&self.asks, need(number)).await,
            1 => {
                let nickname = format!("はなこ{turn}");
                let new = NewNickname { nickname };
                commands.change_nickname(&self.helps, new).await
            }
            _ => {
                let message = NewMessage {
                    text: "土曜日の午後はいかがでしょうか。".to_owned(),
                    keep_negotiating: true,
                    terms_version: None,
                };
                commands
                    .post_message(&self.asks, self.exchange, message)
                    .await
            }
        };
        done.unwrap().position
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

fn need(number: u64) -> NewPost {
    NewPost {
        title: format!("庭の草むしり {number}"),
        description: "二時間ほど手伝ってください。".to_owned(),
        category: Category::Talk,
        tags: vec!["庭".to_owned(), "週末".to_owned()],
        prefecture: None,
        city: None,
        online: true,
        offline: false,
        no_return_needed: true,
        wished_return: None,
        lat: None,
        lon: None,
    }
}

/// One command: how long it took to be acknowledged, and from then on to be seen, and found.
async fn one(
    commands: Commands,
    views: Views,
    pairs: Arc<Vec<Pair>>,
    number: u64,
) -> [Duration; 3] {
    let pair = &pairs[usize::try_from(number % ROOMS).unwrap()];
    let sent = Instant::now();
    let position = pair.act(&commands, number).await;
    let acknowledged = Instant::now();
    let each = ROWS_ALONE.map(|view| views.wait_for(view, position, PATIENCE));
    futures::future::try_join_all(each).await.unwrap();
    let seen = acknowledged.elapsed();
    views.wait_for("search", position, PATIENCE).await.unwrap();
    [acknowledged - sent, seen, acknowledged.elapsed()]
}

async fn measure(backend: Backend, commands_a_second: u64) {
    let home = Home::new(backend);
    let log = Log::open(&home.options(Arc::new(SystemClock)))
        .await
        .unwrap();
    let dir = home.folder().join("views");
    let views = Views::open(log.clone(), dir, meguri_views::settings())
        .await
        .unwrap();
    let commands = Commands::new(log.clone(), CommandSettings::default());
    let [acknowledged, seen, found] = send(&commands, &views, commands_a_second).await;
    views.close().await;
    log.close().await;
    let counted = seen.len();
    println!("{backend:?}, {commands_a_second} commands/s for {LASTS:?}, {counted} counted, in ms");
    println!("                                        p50      p99      max");
    for (what, times) in [
        ("command acknowledged", acknowledged),
        ("then visible in all five views", seen),
        ("then found by search", found),
    ] {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|part| percentile(&times, part));
        println!("  {what:<30}  {half:>9.2}{most:>9.2}{all:>9.2}");
    }
}

/// Sends commands at their times: for each, in milliseconds, how long it took to be acknowledged,
/// and from then on to be seen, and to be found.
async fn send(commands: &Commands, views: &Views, a_second: u64) -> [Vec<f64>; 3] {
    let pairs = join_all((0..ROOMS).map(|number| Pair::meet(commands, number))).await;
    let (pairs, begun) = (Arc::new(pairs), Instant::now());
    let every = Duration::from_secs(1) / u32::try_from(a_second).unwrap();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut under_way, mut number) = (Vec::new(), 0);
    while begun.elapsed() < LASTS {
        ticks.tick().await;
        let pairs = Arc::clone(&pairs);
        let one = tokio::spawn(one(commands.clone(), views.clone(), pairs, number));
        if begun.elapsed() > WARM_AFTER {
            under_way.push(one);
        }
        number += 1;
    }
    let mut all: [Vec<f64>; 3] = Default::default();
    for one in under_way {
        let times = one.await.unwrap();
        for (times, time) in all.iter_mut().zip(times) {
            times.push(time.as_secs_f64() * 1_000.0);
        }
    }
    all
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let commands = wanted.iter().find_map(|argument| argument.parse().ok());
    let named = |name: &str| wanted.iter().any(|argument| argument == name);
    let wants = |name| named(name) || !(named("sqlite") || named("postgres"));
    for (name, backend) in [("sqlite", Backend::Sqlite), ("postgres", Backend::Postgres)] {
        if wants(name) {
            measure(backend, commands.unwrap_or(COMMANDS_A_SECOND)).await;
        }
    }
}
