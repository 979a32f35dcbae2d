//! A community to test with: a log on either backend, a clock that is moved by hand, two members.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot make its community has to stop"
)]

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use meguri_commands::{
    Agreement, Caller, CommandError, CommandSettings, Commands, Done, NewExchange, NewMember,
    NewPost, PasswordCost, SeededIds,
};
use meguri_events::{Category, ExchangeId, MemberId, Mode, OfferId, PostId};
use meguri_log::{
    Filter, Kek, Location, Log, LogOptions, ManualClock, Position, ReadError, RequestKey, Timestamp,
};
use meguri_postgres_cluster::Cluster;
use tempfile::TempDir;

/// Runs each test on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_backends {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {
        $($(#[$meta])* async fn $name($world: &World) $body)*

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::World::on_sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::World::on_postgres().await).await;
            })*
        }
    };
}

/// A community, and what moves it.
#[derive(Debug)]
pub struct World {
    /// Tells the time.
    pub clock: ManualClock,
    /// The write side, whose ids are the same in each run.
    pub commands: Commands,
    /// Where the log is.
    pub location: Location,
    dir: TempDir,
}

impl World {
    /// On two files.
    pub async fn on_sqlite() -> Self {
        let dir = TempDir::new().unwrap();
        let (log, vault) = (
            dir.path().join("log.sqlite"),
            dir.path().join("vault.sqlite"),
        );
        Self::at(Location::Sqlite { log, vault }, dir).await
    }

    /// On two databases of the throwaway cluster that the tests of a run share.
    pub async fn on_postgres() -> Self {
        let cluster = meguri_postgres_cluster::shared().unwrap();
        let (log, vault) = (
            cluster.create_database().unwrap(),
            cluster.create_database().unwrap(),
        );
        Self::at(Location::Postgres { log, vault }, TempDir::new().unwrap()).await
    }

    /// On a server of PostgreSQL of its own, which may be stopped.
    pub async fn on_cluster(cluster: &Cluster) -> Self {
        let database = || cluster.create_database().unwrap();
        let (log, vault) = (database(), database());
        Self::at(Location::Postgres { log, vault }, TempDir::new().unwrap()).await
    }

    async fn at(location: Location, dir: TempDir) -> Self {
        let clock = ManualClock::new("2026-11-21T07:00:00Z".parse::<Timestamp>().unwrap());
        let commands = opened(&location, dir.path(), &clock, settings()).await;
        let ids = SeededIds::new(1, Arc::new(clock.clone()));
        Self {
            commands: commands.with_ids(Arc::new(ids)),
            clock,
            location,
            dir,
        }
    }

    /// The same community through another process: its own writer, its own cache.
    pub async fn another_process(&self) -> Commands {
        self.another_process_with(settings()).await
    }

    /// The same, with other settings.
    pub async fn another_process_with(&self, settings: CommandSettings) -> Commands {
        opened(&self.location, self.dir.path(), &self.clock, settings).await
    }

    /// The log.
    pub fn log(&self) -> &Log {
        self.commands.log()
    }

    /// The folder of its own.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Moves the clock on.
    pub fn pass_days(&self, days: i64) {
        self.clock.advance_seconds(days * 24 * 3600);
    }

    /// Registers somebody.
    pub async fn member(&self, name: &str) -> Caller {
        let done = self
            .commands
            .register(new_member(name), None)
            .await
            .unwrap();
        Caller::member(MemberId::new(done.id()))
    }

    /// Posts an offer.
    pub async fn offer(&self, owner: &Caller) -> PostId {
        let done = self
            .commands
            .post_offer(owner, new_post("包丁研ぎ"))
            .await
            .unwrap();
        OfferId::new(done.id()).into()
    }

    /// An exchange that is negotiated on a new offer of the owner.
    pub async fn requested(&self, owner: &Caller, requester: &Caller) -> ExchangeId {
        let offer = self.offer(owner).await;
        let done = self
            .commands
            .open_exchange(requester, offer, request())
            .await
            .unwrap();
        ExchangeId::new(done.id())
    }

    /// An exchange that is in progress.
    pub async fn started(&self, owner: &Caller, requester: &Caller) -> ExchangeId {
        let exchange = self.requested(owner, requester).await;
        let terms = Agreement { terms_version: 0 };
        self.commands.agree(owner, exchange, terms).await.unwrap();
        exchange
    }

    /// How many events of this type there are.
    pub async fn count(&self, event_type: &str) -> usize {
        self.types()
            .await
            .iter()
            .filter(|(found, _)| found == event_type)
            .count()
    }

    /// Type and actor of every event, in order.
    pub async fn types(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut after = Position::ZERO;
        loop {
            let all = Filter::default();
            let read = self.log().read_all(after, &all, 1_000);
            let block = match read.await {
                // The database was away, and its connections are still those of before.
                Err(ReadError::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                block => block.unwrap(),
            };
            if block.up_to == after {
                return found;
            }
            after = block.up_to;
            found.extend(block.events.iter().map(|event| {
                let header = event.header().unwrap().unwrap();
                (header.event_type.to_owned(), header.actor.to_owned())
            }));
        }
    }

    /// The types of the events of a stream, in order.
    pub async fn types_in(&self, stream: &str) -> Vec<String> {
        let stream = meguri_log::StreamName::new(stream).unwrap();
        let range = meguri_log::StreamRange::forward_from(meguri_log::Version::new(1));
        let events = self.log().read_stream(&stream, range).await.unwrap();
        events
            .iter()
            .map(|event| event.event_type().to_owned())
            .collect()
    }
}

/// Passwords cost next to nothing, and nobody is held up.
pub fn settings() -> CommandSettings {
    CommandSettings {
        password_cost: PasswordCost {
            memory_kib: 64,
            passes: 1,
        },
        ..CommandSettings::default()
    }
}

async fn opened(
    location: &Location,
    dir: &Path,
    clock: &ManualClock,
    settings: CommandSettings,
) -> Commands {
    let mut options = LogOptions::new(location.clone(), Kek::File(dir.join("kek")));
    options.clock = Arc::new(clock.clone());
    Commands::new(Log::open(&options).await.unwrap(), settings)
}

/// What somebody of this user name registers with.
pub fn new_member(name: &str) -> NewMember {
    NewMember {
        user_name: name.to_owned(),
        nickname: name.to_owned(),
        mail: format!("{name}@example.jp"),
        prefecture: None,
    }
}

/// A post with this title.
pub fn new_post(title: &str) -> NewPost {
    NewPost {
        title: title.to_owned(),
        description: "道具は持っていきます。".to_owned(),
        category: Category::Housework,
        tags: vec!["台所".to_owned()],
        prefecture: None,
        city: None,
        online: true,
        offline: true,
        no_return_needed: false,
        wished_return: None,
        lat: None,
        lon: None,
    }
}

/// What opens an exchange on an offer.
pub fn request() -> NewExchange {
    NewExchange {
        message: "お願いできますか。".to_owned(),
        mode: Mode::InPerson,
    }
}

/// A key of a request.
pub fn key(n: u8) -> RequestKey {
    RequestKey {
        key: [n; 32],
        request: [n; 32],
        expires: true,
    }
}

/// The code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<T, CommandError>) -> &'static str {
    match result {
        Err(CommandError::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// Whether two answers say the same was done.
pub fn same(one: &Done, two: &Done) -> bool {
    (&one.stream, one.version, one.position) == (&two.stream, two.version, two.position)
}

/// Polls a future so many times and then drops it, as a crash would. Whether it had finished.
pub async fn interrupted_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
