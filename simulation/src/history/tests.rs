//! A check that cannot fail is worth nothing: each kind of violation is found in a small history.

mod breaches;
mod sound;

use meguri_log::{
    AppendedEvent, Condition, Expected, Position, RequestKey, StreamName, Timestamp, Version,
};
use uuid::Uuid;

use super::*;

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn id(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

fn at(position: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(position).unwrap())
}

/// The event that stands at this position of a log of one-event appends; its id is its position.
fn stored(position: u64, name: &str, version: u64) -> StoredEvent {
    StoredEvent {
        position: Position::new(position),
        stream: stream(name),
        version: Version::new(version),
        id: id(position),
        at: at(position),
    }
}

fn told(events: &[StoredEvent]) -> Acknowledged {
    let last = events.last().unwrap();
    let place = |event: &StoredEvent| AppendedEvent {
        id: event.id,
        stream: event.stream.clone(),
        version: event.version,
        position: event.position,
    };
    Acknowledged {
        position: last.position,
        at: last.at,
        events: events.iter().map(place).collect(),
        repeated: false,
    }
}

fn repeated(events: &[StoredEvent]) -> Acknowledged {
    Acknowledged {
        repeated: true,
        ..told(events)
    }
}

fn key(key: u8, request: u8) -> RequestKey {
    RequestKey {
        key: [key; 32],
        request: [request; 32],
        expires: true,
    }
}

/// One that asks for these events, from `invoked` on, and never hears an answer.
fn asks(invoked: u64, events: &[(u64, &str)]) -> Operation {
    let event = |(number, name): &(u64, &str)| AskedEvent {
        id: id(*number),
        stream: stream(name),
    };
    Operation {
        invoked: Moment(invoked),
        asked: Asked {
            events: events.iter().map(event).collect(),
            conditions: Vec::new(),
            key: None,
        },
        answered: None,
    }
}

impl Operation {
    fn told(mut self, answered: u64, answer: Acknowledged) -> Self {
        self.answered = Some((Moment(answered), Answer::Acknowledged(answer)));
        self
    }

    fn answers(mut self, answered: u64, answer: Answer) -> Self {
        self.answered = Some((Moment(answered), answer));
        self
    }

    fn under(mut self, key: RequestKey) -> Self {
        self.asked.key = Some(key);
        self
    }

    fn when(mut self, name: &str, expected: Expected) -> Self {
        let stream = stream(name);
        self.asked.conditions.push(Condition { stream, expected });
        self
    }

    fn conflicts(self, answered: u64, name: &str, expected: Expected, found: u64) -> Self {
        let condition = Condition {
            stream: stream(name),
            expected,
        };
        let found = Version::new(found);
        let refusal = Refusal::Conflict { condition, found };
        self.when(name, expected)
            .answers(answered, Answer::Refused(refusal))
    }
}

fn version(number: u64) -> Expected {
    Expected::Version(Version::new(number))
}

/// A log of three appends to `a-1`, `b-1`, `a-1`: each is asked for at ten times its position, and
/// acknowledged five later.
fn three() -> History {
    let events = vec![
        stored(1, "a-1", 1),
        stored(2, "b-1", 1),
        stored(3, "a-1", 2),
    ];
    let operation = |event: &StoredEvent| {
        let position = event.position.get();
        let asked = asks(10 * position, &[(position, event.stream.as_str())]);
        asked.told(10 * position + 5, told(std::slice::from_ref(event)))
    };
    History {
        operations: events.iter().map(operation).collect(),
        timelines: vec![Timeline::only(events)],
        ..History::default()
    }
}

/// What is found in a history, in one piece for people who read a failed test.
fn found(history: &History) -> Vec<Violation> {
    check(history).violations
}
