//! Requests of every kind: several events, several streams, conditions of all kinds, keys.

use meguri_log::{Append, Cause, Condition, Expected, NewEvent, RequestKey, StreamName, Version};
use meguri_simulation::history::{Asked, AskedEvent};
use uuid::Uuid;

use crate::chance::Chance;

/// Streams that everybody writes.
const SHARED: u64 = 6;
/// Streams that are to be begun once, as claims are.
const CLAIMS: u64 = 2_000;

pub(super) fn stream(name: &str) -> StreamName {
    name.parse().expect("the name of a stream")
}

pub(super) fn shared(chance: &mut Chance) -> StreamName {
    stream(&format!("shared-{}", chance.number(0..SHARED)))
}

fn claim(chance: &mut Chance) -> StreamName {
    stream(&format!("claim-{}", chance.number(0..CLAIMS)))
}

/// A request, for somebody who has a stream of their own and knows some versions.
pub(super) fn compose(
    chance: &mut Chance,
    own: &StreamName,
    known: impl Fn(&StreamName) -> Option<Version>,
) -> Asked {
    let mut streams = vec![own.clone()];
    let mut conditions = Vec::new();
    for _ in 0..chance.number(0..4) {
        let stream = match chance.number(0..4) {
            0 => own.clone(),
            1 => claim(chance),
            _ => shared(chance),
        };
        streams.push(stream);
    }
    for _ in 0..chance.number(0..3) {
        let index = chance.number(0..streams.len() as u64);
        let index = usize::try_from(index).unwrap_or_default();
        let stream = if chance.one_in(3) {
            shared(chance)
        } else {
            streams[index].clone()
        };
        let expected = expected(chance, &stream, &known);
        conditions.push(Condition { stream, expected });
    }
    // One that is looked at and not written, now and then.
    if chance.one_in(4) && streams.len() > 1 {
        let stream = streams.swap_remove(0);
        let expected = expected(chance, &stream, &known);
        conditions.push(Condition { stream, expected });
    }
    let events = streams.into_iter().map(|stream| AskedEvent {
        id: Uuid::now_v7(),
        stream,
    });
    Asked {
        events: events.collect(),
        conditions,
        key: chance.one_in(2).then(|| key(chance)),
    }
}

fn expected(
    chance: &mut Chance,
    stream: &StreamName,
    known: impl Fn(&StreamName) -> Option<Version>,
) -> Expected {
    let begins_once = stream.category() == "claim";
    match chance.number(0..8) {
        0 => Expected::Any,
        1 => Expected::Exists,
        2 => Expected::NoStream,
        // Wrong more often than not, where others write.
        3 => Expected::Version(Version::new(chance.number(0..50))),
        _ if begins_once => Expected::NoStream,
        _ => Expected::Version(known(stream).unwrap_or_default()),
    }
}

fn key(chance: &mut Chance) -> RequestKey {
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&chance.draw().to_be_bytes());
    }
    RequestKey {
        key,
        request: key,
        expires: chance.one_in(2),
    }
}

/// What is asked, with everything that a record leaves out.
pub(super) fn append(asked: &Asked) -> Append {
    let events = asked.events.iter().map(|event| NewEvent {
        id: event.id,
        stream: event.stream.clone(),
        event_type: "Made".into(),
        schema: 1,
        data: r#"{"amount":1}"#.into(),
        sealed: Vec::new(),
    });
    let cause = Cause {
        actor: "member-1".into(),
        ..Cause::default()
    };
    Append {
        cause,
        events: events.collect(),
        conditions: asked.conditions.clone(),
        key: asked.key,
    }
}
