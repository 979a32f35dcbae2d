//! What a program runs on: a database, two logs on it, and ways to let things befall it.

use std::{sync::Arc, time::Duration};

use meguri_log::{
    Clock as _, Head, Location, Log, ManualClock, Timestamp, Vault,
    simulation::{self, Database, Faults, Random, Trace},
};
use meguri_test_logs::{Backend, Home};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

/// When a new log begins.
const BEGINNING: i64 = 1_796_000_000_000_000;

pub(crate) enum Machine {
    Model(Model),
    Real(Box<Real>),
}

/// The database in memory, made anew for every program.
pub(crate) struct Model {
    database: Database,
    vault: Vault,
    random: Random,
    clock: ManualClock,
    logs: [Log; 2],
}

/// A real database, which all programs share: each has streams of its own.
pub(crate) enum Real {
    Here {
        home: Home,
        backend: Backend,
        clock: ManualClock,
        logs: [Log; 2],
    },
    /// Somebody runs a program on it.
    Elsewhere,
}

/// How the database is, so that it can be made so again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    head: Head,
    changes: usize,
}

struct Silent;

impl Trace for Silent {
    fn note(&self, _: Option<u32>, _: std::fmt::Arguments<'_>) {}
}

impl Model {
    pub(crate) async fn new(seed: u64, vault: Vault) -> Self {
        let random = Random::new(seed ^ 0x5eed);
        let kind = simulation::Kind::Postgres;
        let database = Database::new(kind, random.clone(), Faults::default(), Arc::new(Silent));
        let clock = ManualClock::new(Timestamp::from_micros(BEGINNING));
        let first = simulated(&database, 0, (&vault, &random, &clock)).await;
        let second = simulated(&database, 1, (&vault, &random, &clock)).await;
        Self {
            database,
            vault,
            random,
            clock,
            logs: [first, second],
        }
    }
}

async fn simulated(
    database: &Database,
    process: u32,
    (vault, random, clock): (&Vault, &Random, &ManualClock),
) -> Log {
    let machine = simulation::Machine {
        clock: Arc::new(clock.clone()),
        randomness: Arc::new(random.clone()),
        clock_jump_max: None,
        vault: (vault.clone(), false),
    };
    let log = Log::simulated(&database.link(process), &machine).await;
    log.unwrap()
}

/// What lets a real database refuse events of one type, as the model does.
const REFUSE_ON_SQLITE: &str = "create trigger refused before insert on events \
    when new.type = 'Refused' begin select raise(abort, 'it does not take this'); end";
const REFUSE_ON_POSTGRES: &str = "create function refuse() returns trigger language plpgsql as \
    $$ begin raise exception 'it does not take this'; end $$; \
    create trigger refused before insert on events for each row when (new.type = 'Refused') \
    execute function refuse()";

impl Real {
    pub(crate) async fn new(backend: Backend) -> Self {
        let home = Home::new(backend);
        let clock = ManualClock::new(Timestamp::from_micros(BEGINNING));
        let open = || home.open_with(Arc::new(clock.clone()));
        let logs = [open().await, open().await];
        let real = Self::Here {
            home,
            backend,
            clock,
            logs,
        };
        match backend {
            Backend::Sqlite => {
                let mut connection = real.sqlite().await;
                let made = sqlx::raw_sql(REFUSE_ON_SQLITE);
                made.execute(&mut connection).await.unwrap();
            }
            Backend::Postgres => {
                let mut connection = real.postgres().await;
                let made = sqlx::raw_sql(REFUSE_ON_POSTGRES);
                made.execute(&mut connection).await.unwrap();
            }
        }
        real
    }

    fn location(&self) -> Location {
        let Self::Here { home, clock, .. } = self else {
            panic!("it is elsewhere")
        };
        home.options(Arc::new(clock.clone())).location
    }

    async fn sqlite(&self) -> SqliteConnection {
        let Location::Sqlite { log, .. } = self.location() else {
            panic!("it is on SQLite")
        };
        let url = format!("sqlite:{}", log.display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    async fn postgres(&self) -> PgConnection {
        let Location::Postgres { log, .. } = self.location() else {
            panic!("it is on PostgreSQL")
        };
        PgConnection::connect(&log).await.unwrap()
    }

    async fn fall_back(&self, head: Head) {
        let Self::Here { backend, .. } = self else {
            panic!("it is elsewhere")
        };
        let (position, at) = (head.position, head.at.micros());
        let tail = head.tail.simple().to_string();
        match backend {
            Backend::Sqlite => {
                let mut connection = self.sqlite().await;
                let triggers = "select name, sql from sqlite_master where type = 'trigger'";
                let triggers = sqlx::query(triggers).fetch_all(&mut connection).await;
                let (mut drops, mut makes) = (String::new(), String::new());
                for trigger in triggers.unwrap() {
                    let (name, sql): (String, String) = (trigger.get(0), trigger.get(1));
                    drops.extend(["drop trigger ", &name, ";\n"]);
                    makes.extend([&sql, ";\n"]);
                }
                let all = format!(
                    "begin immediate; {drops}
                     delete from events where position > {position};
                     delete from frontiers where position > {position};
                     delete from request_keys where outcome ->> 'position' > {position};
                     update log_head set position = {position}, tail = x'{tail}', at = {at};
                     {makes} commit;"
                );
                let done = sqlx::raw_sql(AssertSqlSafe(all));
                done.execute(&mut connection).await.unwrap();
            }
            Backend::Postgres => {
                let mut connection = self.postgres().await;
                let all = format!(
                    "begin; set local session_replication_role = replica;
                     delete from events where position > {position};
                     delete from frontiers where position > {position};
                     delete from request_keys
                     where (convert_from(convert_to(outcome, 'UTF8'), 'UTF8')::json
                            ->> 'position')::bigint > {position};
                     update log_head set position = {position}, tail = '\\x{tail}', at = {at};
                     commit;"
                );
                let done = sqlx::raw_sql(AssertSqlSafe(all));
                done.execute(&mut connection).await.unwrap();
            }
        }
    }

    /// All connections of the log, where there are such.
    async fn kill(&self) {
        let Self::Here { backend, .. } = self else {
            panic!("it is elsewhere")
        };
        if *backend == Backend::Postgres {
            let mut connection = self.postgres().await;
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity \
                        where datname = current_database() and pid <> pg_backend_pid()";
            let killed = sqlx::raw_sql(kill).execute(&mut connection).await;
            killed.unwrap();
        }
    }
}

impl Machine {
    pub(crate) fn log(&self, index: usize) -> &Log {
        match self {
            Self::Model(model) => &model.logs[index],
            Self::Real(real) => match &**real {
                Real::Here { logs, .. } => &logs[index],
                Real::Elsewhere => panic!("it is elsewhere"),
            },
        }
    }

    pub(crate) fn clock(&self) -> &ManualClock {
        match self {
            Self::Model(model) => &model.clock,
            Self::Real(real) => match &**real {
                Real::Here { clock, .. } => clock,
                Real::Elsewhere => panic!("it is elsewhere"),
            },
        }
    }

    /// Sets the clock to a moment after everything that is there, and says when that is.
    pub(crate) async fn begin(&self) -> (Head, Timestamp) {
        let head = self.log(0).head().await.unwrap();
        let clock = self.clock();
        clock.set(clock.now().max(head.at).plus_seconds(1));
        (head, clock.now())
    }

    pub(crate) async fn state(&self) -> State {
        let head = self.log(0).head().await.unwrap();
        let changes = match self {
            Self::Model(model) => model.database.changes(),
            Self::Real(_) => 0,
        };
        State { head, changes }
    }

    pub(crate) async fn fall_back(&self, state: State) {
        match self {
            Self::Model(model) => {
                let lost = model.database.changes() - state.changes;
                let head = model.database.fail_over(lost, Duration::ZERO);
                assert_eq!(head, state.head.position, "it fell back to that state");
            }
            Self::Real(real) => real.fall_back(state.head).await,
        }
    }

    pub(crate) async fn kill(&self) {
        match self {
            Self::Model(model) => model.database.restart(Duration::ZERO),
            Self::Real(real) => real.kill().await,
        }
    }

    pub(crate) async fn reopen(&mut self, index: usize) {
        self.log(index).close().await;
        match self {
            Self::Model(model) => {
                let process = u32::try_from(index).unwrap();
                let parts = (&model.vault, &model.random, &model.clock);
                let log = simulated(&model.database, process, parts).await;
                model.logs[index] = log;
            }
            Self::Real(real) => {
                if let Real::Here {
                    home, clock, logs, ..
                } = &mut **real
                {
                    logs[index] = home.open_with(Arc::new(clock.clone())).await;
                }
            }
        }
    }
}
