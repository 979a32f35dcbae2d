//! Runs a program on a machine, and tells what it came to in words that are the same everywhere.

use std::{future::Future, time::Duration};

use futures::future::{join, join_all};
use meguri_log::{
    Append, AppendError, Appended, Cause, Condition, Expected, Filter, Log, NewEvent, Position,
    RequestKey, StreamName, Timestamp, Version,
};
use uuid::Uuid;

use super::{
    machine::Machine,
    program::{Event, Expect, KEYS, Kind, Program, Request, STREAMS, Step},
};

/// Says that it is too large, whatever else there is in it.
const TOO_LARGE: usize = 70 * 1024;
/// How often something is asked again before it is taken to fail for good.
const TRIES: usize = 400;

/// More than a log has connections to read by.
const READERS: usize = 24;

/// What one step, or the log at the end, came to.
pub(crate) type Outcome = String;

/// What is the same everywhere is told from here.
struct Origin {
    number: u64,
    position: Position,
    at: Timestamp,
}

/// `number` is one that no run before had: streams, ids and keys are made of it.
pub(crate) async fn run(program: &Program, number: u64, machine: &mut Machine) -> Vec<Outcome> {
    let (head, at) = machine.begin().await;
    let origin = Origin {
        number,
        position: head.position,
        at,
    };
    let mut outcomes = Vec::new();
    let mut states = Vec::new();
    let falls = |step: &Step| matches!(step, Step::FallBack(_));
    let falls_back = program.steps.iter().any(falls);
    for step in &program.steps {
        match step {
            Step::Append { log, requests } => {
                let log = machine.log(*log);
                let mut asked = Vec::new();
                for request in requests {
                    asked.push(origin.append(request, log).await);
                }
                let answers = join_all(asked.into_iter().map(|asked| log.append(asked))).await;
                outcomes.extend(answers.iter().map(|it| origin.told(it, true)));
            }
            Step::AppendWhileKilled { log, request } => {
                let asked = origin.append(request, machine.log(*log)).await;
                let log = machine.log(*log);
                let (answer, ()) = join(settle(log, &asked), machine.kill()).await;
                outcomes.push(origin.told(&answer, false));
                heal(machine).await;
            }
            Step::Kill => {
                machine.kill().await;
                heal(machine).await;
            }
            Step::Reopen(index) => machine.reopen(*index).await,
            Step::Clock(seconds) => machine.clock().advance_seconds(*seconds),
            Step::FallBack(back) => {
                let index = states.len().saturating_sub(1 + back);
                machine.fall_back(states[index]).await;
                // A standby that takes over knows no connection.
                machine.kill().await;
                states.truncate(index + 1);
                heal(machine).await;
            }
        }
        if falls_back {
            states.push(machine.state().await);
        }
    }
    outcomes.extend(origin.ends(machine).await);
    outcomes
}

/// Asks until there is an answer, as one does whose connection is lost.
async fn settle(log: &Log, asked: &Append) -> Result<Appended, AppendError> {
    let appending = || log.append(asked.clone());
    let is_settled = |answer: &Result<Appended, AppendError>| {
        !matches!(
            answer,
            Err(AppendError::Unavailable(_) | AppendError::Unknown | AppendError::Busy)
        )
    };
    again(appending, is_settled).await
}

/// Asks both logs until they have noticed that their connections are gone: who reads by one of
/// those is told that it failed.
async fn heal(machine: &Machine) {
    for index in 0..2 {
        let log = machine.log(index);
        let asked = || join_all((0..READERS).map(|_| log.head()));
        let answers = again(asked, |answers| answers.iter().all(Result::is_ok)).await;
        assert!(
            answers.iter().all(Result::is_ok),
            "it comes back: {answers:?}"
        );
    }
}

async fn again<T, F: Future<Output = T>>(ask: impl Fn() -> F, is_enough: impl Fn(&T) -> bool) -> T {
    for _ in 0..TRIES {
        let answer = ask().await;
        if is_enough(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ask().await
}

pub(crate) fn cause() -> Cause {
    Cause {
        actor: "member-1".into(),
        ..Cause::default()
    }
}

pub(crate) fn event(id: Uuid, stream: StreamName, kind: Kind) -> NewEvent {
    let (event_type, data) = match kind {
        Kind::Good => ("Made", r#"{"amount":1}"#.into()),
        Kind::Refused => ("Refused", "{}".into()),
        Kind::Invalid => ("Made", "[1]".into()),
        Kind::TooLarge => ("Made", format!(r#"{{"text":"{}"}}"#, "a".repeat(TOO_LARGE))),
    };
    NewEvent {
        id,
        stream,
        event_type: event_type.into(),
        schema: 1,
        data,
        sealed: Vec::new(),
    }
}

impl Origin {
    fn stream(&self, number: u64) -> StreamName {
        format!("thing-{}.{number}", self.number).parse().unwrap()
    }

    fn id(&self, request: u64, event: usize) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&request.to_be_bytes());
        bytes[8..].copy_from_slice(&u16::try_from(event).unwrap().to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.number, &bytes).into_uuid()
    }

    fn key(&self, (key, request): (u64, u64)) -> RequestKey {
        let bytes = |numbers: [u64; 2]| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&numbers[0].to_be_bytes());
            bytes[8..16].copy_from_slice(&numbers[1].to_be_bytes());
            bytes
        };
        RequestKey {
            key: bytes([self.number, key]),
            request: bytes([key, request]),
            expires: key % 2 == 0,
        }
    }

    async fn append(&self, request: &Request, log: &Log) -> Append {
        let Request {
            number,
            events,
            conditions,
            key,
        } = request;
        let events = events.iter().enumerate().map(|(index, it)| {
            let Event { stream, kind } = it;
            event(self.id(*number, index), self.stream(*stream), *kind)
        });
        let mut append = Append {
            cause: cause(),
            events: events.collect(),
            conditions: Vec::new(),
            key: key.map(|key| self.key(key)),
        };
        for (stream, expect) in conditions {
            let stream = self.stream(*stream);
            let expected = match expect {
                Expect::Any => Expected::Any,
                Expect::Exists => Expected::Exists,
                Expect::NoStream => Expected::NoStream,
                Expect::Version(version) => Expected::Version(Version::new(*version)),
                Expect::Current(by) => {
                    let current = log.stream_head(&stream).await.unwrap().get();
                    Expected::Version(Version::new(current.saturating_add_signed(*by)))
                }
            };
            append.conditions.push(Condition { stream, expected });
        }
        append
    }

    fn position(&self, position: Position) -> i64 {
        position.get().cast_signed() - self.position.get().cast_signed()
    }

    fn time(&self, at: Timestamp) -> i64 {
        (at.micros() - self.at.micros()) / 1_000_000
    }

    /// An answer, but for what differs from one database to the next.
    fn told(&self, answer: &Result<Appended, AppendError>, says_repeated: bool) -> Outcome {
        match answer {
            Ok(appended) => {
                let events = appended.events.iter().map(|event| {
                    let position = self.position(event.position);
                    format!(
                        "{position}: {} {} {}",
                        event.id, event.stream, event.version
                    )
                });
                let events: Vec<_> = events.collect();
                let repeated = says_repeated && appended.repeated;
                let (position, at) = (self.position(appended.position), self.time(appended.at));
                format!("{position} at {at}, repeated: {repeated}, {events:?}")
            }
            Err(AppendError::Unavailable(_)) => "the database does not take it".into(),
            Err(error) => format!("{error:?}"),
        }
    }

    /// The log at the end, and what is remembered, as both logs see it.
    async fn ends(&self, machine: &Machine) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for index in 0..2 {
            let log = machine.log(index);
            let filter = Filter::default();
            let block = log.read_all(self.position, &filter, 10_000).await.unwrap();
            for event in &block.events {
                let header = event.header().unwrap().unwrap();
                outcomes.push(format!(
                    "{} {} {} {} {} {} {}",
                    self.position(event.position()),
                    header.stream,
                    header.version,
                    header.id,
                    header.event_type,
                    self.time(header.at),
                    header.data
                ));
            }
            let streams: Vec<_> = (0..=STREAMS).map(|number| self.stream(number)).collect();
            let versions = log.stream_heads(&streams).await.unwrap();
            let versions = streams.iter().map(|stream| versions[stream]);
            outcomes.push(format!("versions {:?}", versions.collect::<Vec<_>>()));
            for key in 0..KEYS {
                // Each log is asked for the outcome of another request.
                let request = u64::from(index == 1);
                let answer = log.outcome(&self.key((key, request))).await;
                let told = match answer.transpose() {
                    None => "nothing".to_owned(),
                    Some(answer) => self.told(&answer, true),
                };
                outcomes.push(format!("under key {key} for {request}: {told}"));
            }
        }
        outcomes
    }
}

/// What the programs came to: programs in which nothing happens agree, too.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    steps: usize,
    appended: usize,
    repeated: usize,
    conflicts: usize,
    keys_reused: usize,
    not_taken: usize,
    kills: usize,
    falls: usize,
    reopened: usize,
}

impl Counted {
    pub(crate) fn add(&mut self, program: &Program, outcomes: &[Outcome]) {
        let count = |what: &str| outcomes.iter().filter(|it| it.contains(what)).count();
        self.steps += program.steps.len();
        self.appended += count("repeated: false");
        self.repeated += outcomes
            .iter()
            .filter(|it| it.contains("repeated: true"))
            .count();
        self.conflicts += count("Conflict");
        self.keys_reused += count("KeyReused");
        self.not_taken += count("does not take") + count("Invalid") + count("TooLarge");
        for step in &program.steps {
            match step {
                Step::Kill | Step::AppendWhileKilled { .. } => self.kills += 1,
                Step::FallBack(_) => self.falls += 1,
                Step::Reopen(_) => self.reopened += 1,
                Step::Append { .. } | Step::Clock(_) => {}
            }
        }
    }

    pub(crate) fn assert_enough(&self, programs: u64) {
        let programs = usize::try_from(programs).unwrap();
        if programs < 100 {
            return;
        }
        for (count, least) in [
            (self.appended, 3 * programs),
            (self.repeated, programs / 4),
            (self.conflicts, programs),
            (self.keys_reused, programs / 4),
            (self.not_taken, programs / 4),
            (self.kills, programs / 10),
            (self.falls, programs / 10),
            (self.reopened, programs / 20),
        ] {
            assert!(count >= least, "too little to prove anything: {self:?}");
        }
    }
}
