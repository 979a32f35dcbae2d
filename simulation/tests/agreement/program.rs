//! Random programs: what is asked of two logs on one database, and what befalls it.

use meguri_log::simulation::Random;

/// Streams of a program.
pub(crate) const STREAMS: u64 = 4;
/// Keys of a program: few, so that they meet.
pub(crate) const KEYS: u64 = 5;

/// A program. It can be run anywhere, any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
}

/// One step, which ends before the next begins.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One log is asked for these, all at once and in this order.
    Append { log: usize, requests: Vec<Request> },
    /// The same of one request under a key, while all connections are killed; it is repeated until
    /// it has an answer.
    AppendWhileKilled { log: usize, request: Request },
    /// All connections are killed while nothing is asked.
    Kill,
    /// A log is closed, and opened again.
    Reopen(usize),
    /// The clock moves, forward or back.
    Clock(i64),
    /// The database falls back to how it was so many steps ago, with both logs open.
    FallBack(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What its events' ids are made of.
    pub(crate) number: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) conditions: Vec<(u64, Expect)>,
    /// Which key, and which request under it.
    pub(crate) key: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) stream: u64,
    pub(crate) kind: Kind,
}

/// What there may be about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    /// The database does not take it.
    Refused,
    /// The log does not take it: its data is no object.
    Invalid,
    /// The log does not take it: it is too large.
    TooLarge,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    Any,
    Exists,
    NoStream,
    Version(u64),
    /// The version that the stream has when the request is made, moved by this.
    Current(i64),
}

impl Program {
    pub(crate) fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        // What expires is not put back where the database falls back.
        let falls_back = random.below(4) == 0;
        let mut number = 0;
        let first = Request {
            number,
            events: vec![Event {
                stream: 0,
                kind: Kind::Good,
            }],
            conditions: Vec::new(),
            key: None,
        };
        let mut steps = vec![Step::Append {
            log: 0,
            requests: vec![first],
        }];
        for _ in 0..4 + random.below(12) {
            steps.push(step(&random, falls_back, &mut number));
        }
        Self { seed, steps }
    }

    /// The same with one thing less, in every way.
    pub(crate) fn shorter(&self) -> Vec<Self> {
        let without = |steps: Vec<Step>| Self {
            seed: self.seed,
            steps,
        };
        let mut shorter = Vec::new();
        // The first event tells all machines the same time.
        for index in (1..self.steps.len()).rev() {
            let mut steps = self.steps.clone();
            steps.remove(index);
            shorter.push(without(steps));
        }
        for (index, step) in self.steps.iter().enumerate().skip(1) {
            let Step::Append { log, requests } = step else {
                continue;
            };
            for requests in shorter_requests(requests) {
                let mut steps = self.steps.clone();
                steps[index] = Step::Append {
                    log: *log,
                    requests,
                };
                shorter.push(without(steps));
            }
        }
        shorter
    }
}

/// The same requests without one of them, or without a part of one.
fn shorter_requests(requests: &[Request]) -> Vec<Vec<Request>> {
    let mut shorter = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let mut rest = requests.to_vec();
        rest.remove(index);
        shorter.push(rest);
        let mut instead = |request: Request| {
            let mut requests = requests.to_vec();
            requests[index] = request;
            shorter.push(requests);
        };
        if request.events.len() > 1 {
            for left_out in 0..request.events.len() {
                let mut request = request.clone();
                request.events.remove(left_out);
                instead(request);
            }
        }
        for left_out in 0..request.conditions.len() {
            let mut request = request.clone();
            request.conditions.remove(left_out);
            instead(request);
        }
        if request.key.is_some() {
            instead(Request {
                key: None,
                ..request.clone()
            });
        }
    }
    shorter
}

fn step(random: &Random, falls_back: bool, number: &mut u64) -> Step {
    let log = usize::from(random.below(2) == 1);
    match random.below(90) {
        0 => Step::Kill,
        1 => Step::Reopen(log),
        2..10 => Step::Clock(seconds(random, falls_back)),
        10 => {
            let mut request = request(random, number);
            for event in &mut request.events {
                event.kind = Kind::Good;
            }
            request.key.get_or_insert((KEYS + *number, 0));
            Step::AppendWhileKilled { log, request }
        }
        11..18 if falls_back => {
            let back = 1 + random.below(4);
            Step::FallBack(usize::try_from(back).unwrap())
        }
        _ => {
            let count = if random.below(3) == 0 {
                2 + random.below(4)
            } else {
                1
            };
            let requests = (0..count).map(|_| request(random, number)).collect();
            Step::Append { log, requests }
        }
    }
}

fn seconds(random: &Random, falls_back: bool) -> i64 {
    let day = 86_400;
    match random.below(5) {
        0 if !falls_back => 31 * day,
        1 if !falls_back => 29 * day,
        2 => -3_600,
        _ => 1 + i64::try_from(random.below(60)).unwrap(),
    }
}

fn request(random: &Random, number: &mut u64) -> Request {
    *number += 1;
    let events = (0..=random.below(3)).map(|_| Event {
        stream: random.below(STREAMS),
        kind: match random.below(60) {
            0 | 1 => Kind::Refused,
            2 => Kind::Invalid,
            3 => Kind::TooLarge,
            _ => Kind::Good,
        },
    });
    let events = events.collect();
    let conditions = (0..random.below(3)).map(|_| {
        let expected = match random.below(8) {
            0 => Expect::Any,
            1 => Expect::Exists,
            2 => Expect::NoStream,
            3 => Expect::Version(random.below(6)),
            4 => Expect::Current(-1),
            5 => Expect::Current(1),
            _ => Expect::Current(0),
        };
        // Also of a stream that nobody ever writes.
        (random.below(STREAMS + 1), expected)
    });
    let conditions = conditions.collect();
    let keyed = random.below(2) == 0;
    Request {
        number: *number,
        events,
        conditions,
        key: keyed.then(|| (random.below(KEYS), random.below(2))),
    }
}
