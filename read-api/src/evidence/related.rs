//! What belongs to the evidence of an exchange beside its own events: what led to it, what
//! destroyed the keys of its texts, and what tells of redacted events.

use std::collections::HashMap;

use meguri_events::PostId;
use meguri_evidence::ErasedKeys;
use meguri_log::{Log, ReadError, Recorded, StreamName, StreamRange, Version};
use serde_json::Value;
use uuid::Uuid;

/// The event that tells of destroyed keys, on the stream of whom they belonged to.
const ERASING: &str = "KeysDestroyed";

/// The event that tells of a redaction, in the stream of what was redacted.
const REDACTING: &str = "EventRedacted";

/// Every event of a stream that the checkpoint covers.
pub(crate) async fn whole(
    log: &Log,
    stream: &StreamName,
    size: u64,
) -> Result<Vec<Recorded>, ReadError> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let from = events
            .last()
            .map_or(Version::ZERO, Recorded::version)
            .next();
        let more = log
            .read_stream(stream, StreamRange::forward_from(from))
            .await?;
        if more.is_empty() {
            break;
        }
        events.extend(more);
    }
    events.retain(|event| event.position().get() <= size);
    Ok(events)
}

/// What led to the events of an exchange: its post up to the opening, and where a member's leaving
/// or the like ended it, that member up to then. Each from its first event on.
pub(super) async fn causes(
    log: &Log,
    exchange: &[Recorded],
    size: u64,
) -> Result<Vec<Recorded>, ReadError> {
    let mut found = Vec::new();
    let Some(opening) = exchange.first() else {
        return Ok(found);
    };
    let mut own = Vec::new();
    let mut causations = Vec::new();
    for event in exchange {
        if let Some(header) = event.header().transpose()? {
            own.push(header.id);
            causations.extend(header.causation);
        }
    }
    causations.retain(|id| !own.contains(id));
    for name in named(opening)? {
        let Ok(stream) = StreamName::new(name.as_str()) else {
            continue;
        };
        let mut events = whole(log, &stream, size).await?;
        let end = if PostId::from_stream(&name).is_some() {
            events
                .iter()
                .rposition(|event| event.position() < opening.position())
        } else {
            let led = |event: &Recorded| id_of(event).is_some_and(|id| causations.contains(&id));
            events.iter().rposition(led)
        };
        events.truncate(end.map_or(0, |end| end + 1));
        found.extend(events);
    }
    Ok(found)
}

fn id_of(event: &Recorded) -> Option<Uuid> {
    let header = event.header()?.ok()?;
    Some(header.id)
}

/// The posts and members that the opening of an exchange names.
fn named(opening: &Recorded) -> Result<Vec<String>, ReadError> {
    let Some(header) = opening.header().transpose()? else {
        return Ok(Vec::new());
    };
    let data: Value =
        serde_json::from_str(header.data).map_err(|error| ReadError::Damaged(error.to_string()))?;
    let fields = data.as_object().into_iter().flat_map(|data| data.values());
    let names = fields
        .filter_map(Value::as_str)
        .filter(|name| *name != opening.stream());
    Ok(names.map(str::to_owned).collect())
}

/// The events by which the keys of these sections were destroyed: for each section, given by its
/// event's position, its key and whatever it is called, the first one after it; and the sections of
/// which there is one.
pub(super) async fn erasures<N: Clone>(
    log: &Log,
    closed: &[(u64, String, N)],
    size: u64,
) -> Result<(Vec<Recorded>, Vec<(u64, N)>), ReadError> {
    let (mut events, mut erased): (Vec<Recorded>, _) = (Vec::new(), Vec::new());
    let subject = |key: &str| key.split('/').next().map(str::to_owned);
    let mut subjects: Vec<String> = closed.iter().filter_map(|it| subject(&it.1)).collect();
    subjects.sort();
    subjects.dedup();
    for of in subjects {
        let Ok(stream) = StreamName::new(of.as_str()) else {
            continue;
        };
        let own = whole(log, &stream, size).await?.into_iter();
        let erasing = own.filter(|event| event.event_type() == ERASING);
        let erasing: Vec<(Recorded, ErasedKeys)> = erasing
            .filter_map(|event| {
                let keys = ErasedKeys::of(event.header_text()?.as_bytes());
                Some((event, keys))
            })
            .collect();
        // Somebody has few keys, and a long exchange many sections under one.
        let mut destroyed: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, key, name) in closed
            .iter()
            .filter(|it| subject(&it.1).as_ref() == Some(&of))
        {
            let by = destroyed.entry(key).or_insert_with(|| {
                let all = erasing.iter().enumerate();
                let by = all.filter(|(_, (_, keys))| keys.has(key));
                by.map(|(number, _)| number).collect()
            });
            let after = |number: &&usize| erasing[**number].0.position().get() > *position;
            if let Some(number) = by.iter().find(after) {
                events.push(erasing[*number].0.clone());
                erased.push((*position, name.clone()));
            }
        }
    }
    events.sort_by_key(Recorded::position);
    events.dedup_by_key(|event| event.position());
    erased.sort_by_key(|(position, _)| *position);
    Ok((events, erased))
}

/// The events that tell of these redacted ones and are not among them, each in its stream.
pub(super) async fn redactions(
    log: &Log,
    events: &[Recorded],
    size: u64,
) -> Result<Vec<Recorded>, ReadError> {
    let mut found: Vec<Recorded> = Vec::new();
    for redacted in events.iter().filter(|event| event.header_text().is_none()) {
        let Ok(stream) = StreamName::new(redacted.stream()) else {
            continue;
        };
        for event in whole(log, &stream, size).await? {
            let known = |it: &Recorded| it.position() == event.position();
            if tells_of(&event, redacted) && !events.iter().any(known) {
                found.push(event);
            }
        }
    }
    Ok(found)
}

fn tells_of(event: &Recorded, redacted: &Recorded) -> bool {
    let position = event
        .header()
        .and_then(Result::ok)
        .and_then(|header| serde_json::from_str::<Value>(header.data).ok())
        .and_then(|data| data.get("position").and_then(Value::as_u64));
    event.event_type() == REDACTING && position == Some(redacted.position().get())
}
