//! Clients that write and read at constant rates, and count whatever is no good answer.

use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::support::api::{Accepted, Api, Member};
use crate::support::connection::{Answer, Connection, get, post};

/// How many clients write, and as many read; every other one connects anew for each request.
const WRITERS: usize = 8;
/// How many commands all writers send together; one that was held up sends the sooner after.
const COMMANDS_A_SECOND: u32 = 550;
/// How many times all readers together look, likewise.
const READS_A_SECOND: u32 = 800;
/// So many commands are acknowledged between two things that happen to the server.
const COMMANDS: u64 = 500;
/// How long that may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// The clients at work.
pub(super) struct Load {
    tally: Arc<Tally>,
    clients: JoinSet<Vec<String>>,
    begun: Instant,
}

/// What all clients know together.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    acknowledged: AtomicU64,
    /// The position of the last command that was acknowledged.
    written: AtomicU64,
    failures: Mutex<Vec<String>>,
    end: AtomicBool,
}

/// One client.
struct Client {
    host: String,
    tally: Arc<Tally>,
    /// The connection that is kept, by a client that keeps one.
    kept: Option<Connection>,
    keeps: bool,
}

impl Load {
    pub(super) async fn start(api: &Api) -> Self {
        Self::of(api, "member").await
    }

    /// Other clients than those of the start.
    pub(super) async fn start_again(api: &Api) -> Self {
        Self::of(api, "another").await
    }

    async fn of(api: &Api, name: &str) -> Self {
        let tally = Arc::<Tally>::default();
        let mut clients = JoinSet::new();
        for number in 0..WRITERS {
            let member = api.register(&format!("{name}{number}"), "はなこ").await;
            let client = || Client {
                host: api.host().to_owned(),
                tally: Arc::clone(&tally),
                kept: None,
                keeps: number % 2 == 0,
            };
            clients.spawn(client().write(member));
            clients.spawn(client().read());
        }
        Self {
            tally,
            clients,
            begun: Instant::now(),
        }
    }

    /// Waits until many more commands have been acknowledged.
    pub(super) async fn progress(&self) {
        let enough = self.tally.acknowledged.load(Ordering::Relaxed) + COMMANDS;
        let reached = async {
            while self.tally.acknowledged.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("commands are acknowledged");
    }

    /// Ends it: every request has been answered, and well. The ids of what was posted.
    #[expect(clippy::print_stdout, reason = "shown with `--no-capture`")]
    pub(super) async fn end(self) -> Vec<String> {
        self.tally.end.store(true, Ordering::Relaxed);
        let posted: Vec<_> = self.clients.join_all().await.concat();
        let failures = self.tally.failures.lock().unwrap();
        let answered = self.tally.answered.load(Ordering::Relaxed);
        assert!(failures.is_empty(), "beside {answered}: {failures:#?}");
        let (commands, lasted) = (posted.len(), self.begun.elapsed());
        println!(
            "{commands} commands, {:.0} a second, and {} reads in {:.1} s: none failed or stale",
            Duration::from_secs(commands as u64).div_duration_f64(lasted),
            answered - commands as u64,
            lasted.as_secs_f64()
        );
        posted
    }
}

/// When one of the clients asks, where all do so many times a second.
fn times(a_second: u32) -> Interval {
    let all = u32::try_from(WRITERS).unwrap();
    let mut times = interval(Duration::from_secs(1) * all / a_second);
    times.set_missed_tick_behavior(MissedTickBehavior::Burst);
    times
}

impl Client {
    /// Posts one need after the other. Gives their ids.
    async fn write(mut self, member: Member) -> Vec<String> {
        let need = json!({"title": "庭の草むしり", "description": "二時間ほど", "online": true,
            "category": "talk", "no_return_needed": true});
        let (mut posted, mut times) = (Vec::new(), times(COMMANDS_A_SECOND));
        while !self.tally.end.load(Ordering::Relaxed) {
            times.tick().await;
            let key = format!("need-{}", posted.len());
            let request = post("/api/needs", &member, &key, &need);
            let Some(answer) = self.ask(&request, 0).await else {
                // Whatever came of it: a client would go on like this.
                posted.push("a need without an answer".to_owned());
                continue;
            };
            let accepted: Accepted = serde_json::from_str(&answer).unwrap();
            let position = accepted.position;
            self.tally.written.fetch_max(position, Ordering::Relaxed);
            self.tally.acknowledged.fetch_add(1, Ordering::Relaxed);
            posted.push(accepted.id);
        }
        posted
    }

    /// Looks at the board, which has to show what was acknowledged before.
    async fn read(mut self) -> Vec<String> {
        let mut times = times(READS_A_SECOND);
        while !self.tally.end.load(Ordering::Relaxed) {
            times.tick().await;
            let written = self.tally.written.load(Ordering::Relaxed);
            let request = get(&format!("/api/board?limit=5&min_position={written}"));
            if let Some(board) = self.ask(&request, written).await {
                let board: Value = serde_json::from_str(&board).unwrap();
                assert!(written == 0 || !board["items"].as_array().unwrap().is_empty());
            }
        }
        Vec::new()
    }

    /// The body of a good answer, that has seen so much of the log; anything else is counted.
    async fn ask(&mut self, request: &str, seen: u64) -> Option<String> {
        let answer = match self.exchange(request).await {
            Ok(answer) if answer.position.is_some_and(|position| position < seen) => {
                return self.failed(request, &answer);
            }
            Ok(answer) if (200..300).contains(&answer.status) => answer.body,
            Ok(answer) => return self.failed(request, &answer),
            Err(error) => return self.failed(request, &error),
        };
        self.tally.answered.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    async fn exchange(&mut self, request: &str) -> io::Result<Answer> {
        let mut connection = match self.kept.take() {
            Some(connection) => connection,
            None => Connection::open(&self.host).await?,
        };
        let answer = connection.ask(request).await?;
        self.kept = (self.keeps && !answer.last).then_some(connection);
        Ok(answer)
    }

    fn failed(&self, request: &str, with: &impl Debug) -> Option<String> {
        let what = request.lines().next().unwrap();
        let keeps = if self.keeps { "kept" } else { "new" };
        let failure = format!("{what} on a {keeps} connection: {with:?}");
        self.tally.failures.lock().unwrap().push(failure);
        None
    }
}
