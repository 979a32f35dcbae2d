//! What the log promises, on both backends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod amcheck;
mod append;
mod audit;
mod audit_flips;
mod audit_requests;
mod belonging;
mod bytes;
mod clock;
mod concurrency;
mod copies;
mod erase;
mod evidence;
mod follow;
mod frontiers;
mod full_disk;
mod identities;
mod immutability;
mod moment;
mod open;
mod outage;
mod pooler;
mod publish;
mod publish_refusals;
mod read;
mod read_only;
mod request_keys;
mod silence;
mod supervision;
mod tokens;
mod tree;
mod vault;
mod witnesses;

use meguri_log::{Append, Cause, Condition, Expected, NewEvent, NewSection, StreamName, Version};
use uuid::Uuid;

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn event(stream_name: &str, event_type: &'static str) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        stream: stream(stream_name),
        event_type: event_type.into(),
        schema: 1,
        data: r#"{"amount":1}"#.into(),
        sealed: Vec::new(),
    }
}

fn sealed(mut event: NewEvent, subject: &str, plaintext: &str) -> NewEvent {
    event.sealed.push(NewSection {
        section: "words".into(),
        subject: subject.into(),
        class: "message".into(),
        plaintext: plaintext.into(),
    });
    event
}

fn append(events: impl IntoIterator<Item = NewEvent>) -> Append {
    let cause = Cause {
        actor: "member-1".into(),
        ..Cause::default()
    };
    Append {
        cause,
        events: events.into_iter().collect(),
        conditions: Vec::new(),
        key: None,
    }
}

fn on_condition(mut append: Append, name: &str, expected: Expected) -> Append {
    append.conditions.push(Condition {
        stream: stream(name),
        expected,
    });
    append
}

const fn version(version: u64) -> Expected {
    Expected::Version(Version::new(version))
}
