//! The other client: it asks at a steady pace, and remembers how long it waited.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::support::connection::{Connection, get};

/// How often it reads the board.
const EVERY: Duration = Duration::from_millis(20);
/// How often it asks for the server's health.
const HEALTH_EVERY: Duration = Duration::from_millis(200);
/// What it waits for at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waited, shortest first.
#[derive(Default)]
pub(super) struct Other {
    board: Vec<Duration>,
    health: Vec<Duration>,
}

impl Other {
    /// Asks until then, on a thread of its own. Every answer has to be a good one.
    pub(super) async fn watch(host: &str, until: Instant) -> Self {
        let host = host.to_owned();
        let asking = tokio::task::spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(Self::ask(&host, until))
        });
        asking.await.unwrap()
    }

    async fn ask(host: &str, until: Instant) -> Self {
        let kept = Some(Connection::open(host).await.unwrap());
        let (board, health) = tokio::join!(
            ask(host, "/api/board", EVERY, until, kept),
            ask(host, "/healthz", HEALTH_EVERY, until, None),
        );
        Self { board, health }
    }

    /// What it has seen in all.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.board.extend(more.board);
        self.health.extend(more.health);
        self.board.sort_unstable();
        self.health.sort_unstable();
        self
    }

    pub(super) fn p99(&self) -> Duration {
        at(&self.board, 99)
    }

    pub(super) fn slowest_health(&self) -> Duration {
        at(&self.health, 100)
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(index).copied().unwrap_or_default()
}

/// Every other time on a connection that is kept, if there is one, else on a new one.
async fn ask(
    host: &str,
    path: &str,
    every: Duration,
    until: Instant,
    mut kept: Option<Connection>,
) -> Vec<Duration> {
    let (mut waited, request) = (Vec::new(), get(path));
    let mut times = interval(every);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u32.. {
        times.tick().await;
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        let answered = async {
            match &mut kept {
                Some(kept) if number.is_multiple_of(2) => kept.ask(&request).await,
                Some(_) | None => Connection::open(host).await?.ask(&request).await,
            }
        };
        let answer = timeout(PATIENCE, answered).await;
        let answer = answer.unwrap_or_else(|_| panic!("{path} is not answered"));
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        waited.push(begun.elapsed());
    }
    waited.sort_unstable();
    waited
}

impl fmt::Debug for Other {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [middle, p99, slowest] = [50, 99, 100].map(|percent| at(&self.board, percent));
        write!(
            out,
            "board {middle:.1?} in the middle, {p99:.1?} at 99 %, {slowest:.1?} at most; \
             health {:.1?} at most ({} reads)",
            self.slowest_health(),
            self.board.len()
        )
    }
}
