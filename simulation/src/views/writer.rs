//! Members who block each other, and take it back.

use std::time::Duration;

use meguri_events::{BlockEvent, Event, MemberBlocked, MemberId, MemberUnblocked};
use meguri_log::{
    Append, Cause, Condition, Expected, Log, NewEvent, Position, Version,
    simulation::{Database, Machine, Random},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::reading;

/// How many members there are.
const MEMBERS: u64 = 4;
/// The longest time between two appends, in milliseconds.
const APPENDS_MS: u64 = 250;

/// Appends until it is aborted.
pub(super) async fn write(random: Random, database: Database, machine: Machine) {
    let link = database.link(1);
    let log = loop {
        match Log::simulated(&link, &machine).await {
            Ok(log) => break log,
            Err(_) => sleep(Duration::from_millis(300)).await,
        }
    };
    loop {
        sleep(Duration::from_millis(1 + random.below(APPENDS_MS))).await;
        for _ in 0..=random.below(2) {
            // What fails, or is overtaken by a fall back, is asked for by nobody again.
            let _ = log.append(next(&random, &database)).await;
        }
    }
}

fn member(number: u64) -> MemberId {
    MemberId::new(Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number),
    ))
}

/// What one member does to another, as what is there allows.
fn next(random: &Random, database: &Database) -> Append {
    let number = random.below(MEMBERS);
    let (by, blocked) = (
        member(number),
        member((number + 1 + random.below(MEMBERS - 1)) % MEMBERS),
    );
    let stream = by.block_stream(blocked);
    let events = database.events_after(Position::ZERO);
    let head = events.last().map(meguri_log::Recorded::position);
    let rows = reading::expected(&events, head.unwrap_or_default()).rows;
    let pair = (by.uuid().to_string(), blocked.uuid().to_string());
    let event: Event = if rows.contains_key(&pair) {
        BlockEvent::from(MemberUnblocked { by, blocked }).into()
    } else {
        BlockEvent::from(MemberBlocked { by, blocked }).into()
    };
    let encoded = event.encode().expect("INVARIANT: it has no text");
    let version = events.iter().filter(|it| it.stream() == stream).count();
    let stream = meguri_log::StreamName::new(stream).expect("INVARIANT: it is a name");
    let expected = match version {
        0 => Expected::NoStream,
        version => Expected::Version(Version::new(version as u64)),
    };
    let high = u128::from(random.below(u64::MAX));
    let event = NewEvent {
        id: Uuid::from_u128(high << 64 | u128::from(random.below(u64::MAX))),
        stream: stream.clone(),
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: Vec::new(),
    };
    Append {
        cause: Cause {
            actor: "system".into(),
            ..Cause::default()
        },
        events: vec![event],
        conditions: vec![Condition { stream, expected }],
        key: None,
    }
}
