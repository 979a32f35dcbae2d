//! Streams that tell who somebody is: what is looked up in them is proven before it is believed.
//!
//! A damaged index does not fail, it answers: that a name is free, that a member is not there. So
//! the last versions of these streams are kept a second time, apart from the events and their
//! index; and what is read of them is computed again up to the entry that the log's tree is made
//! of.

use crate::{
    read::{Direction, StreamRange},
    recorded::Recorded,
    seal,
    store::{Head, Heads, Store, StoreError, stored_head},
    stream::{Position, StreamName, Version},
};

/// The categories of these streams; the table beside the events has the same (migration 5).
const CATEGORIES: [&str; 2] = ["claim", "member"];

fn is_identity(stream: &StreamName) -> bool {
    is_named(stream.as_str().as_bytes())
}

/// Is this the name of such a stream?
pub(crate) fn is_named(stream: &[u8]) -> bool {
    CATEGORIES.iter().any(|category| {
        let id = stream.strip_prefix(category.as_bytes());
        id.is_some_and(|id| id.starts_with(b"-"))
    })
}

/// The versions of these streams as they are stored, one row for each: by the index of the events,
/// and what is kept apart. Where a stream tells who somebody is, both have to say the same.
pub(crate) fn proven_heads(
    streams: &[StreamName],
    rows: Vec<(i64, Option<i64>)>,
) -> Result<Heads, StoreError> {
    if rows.len() != streams.len() {
        return Err(StoreError::Damaged("a stream has no version".into()));
    }
    let heads = streams.iter().zip(rows).map(|(stream, (indexed, apart))| {
        let apart = apart.unwrap_or(0);
        if is_identity(stream) && apart != indexed {
            return Err(StoreError::Damaged(format!(
                "{stream} has version {indexed} by the index of the events, and {apart} apart \
                 from it"
            )));
        }
        Ok((stream.clone(), Version::from_sql(indexed)?))
    });
    heads.collect()
}

/// Both versions of a stream, and where the log ended then: position, tail and time.
pub(crate) type HeadsRow = (i64, Option<i64>, i64, Vec<u8>, i64);

/// The same of rows that say with each version where the log ended.
pub(crate) fn proven_heads_and_end(
    streams: &[StreamName],
    rows: Vec<HeadsRow>,
) -> Result<(Heads, Head), StoreError> {
    let Some((.., position, tail, at)) = rows.first() else {
        return Err(StoreError::Damaged(
            "nothing says where the log ends".into(),
        ));
    };
    let end = stored_head(*position, tail, *at)?;
    let versions = rows.iter().map(|(indexed, apart, ..)| (*indexed, *apart));
    Ok((proven_heads(streams, versions.collect())?, end))
}

/// Reads events of a stream. They are its own and in order; where it tells who somebody is, none
/// is missing at the end, and each is the one that the log's tree is made of.
pub(crate) async fn read(
    store: &dyn Store,
    stream: &StreamName,
    range: StreamRange,
) -> Result<Vec<Recorded>, StoreError> {
    if !is_identity(stream) {
        let events = store.read_stream(stream, range).await?;
        in_order(stream, range, &events)?;
        return Ok(events);
    }
    // Before the events: what is written meanwhile is more than this.
    let heads = store.stream_heads(std::slice::from_ref(stream)).await?;
    let head = heads.get(stream).copied().unwrap_or_default();
    let events = store.read_stream(stream, range).await?;
    in_order(stream, range, &events)?;
    whole(stream, range, &events, head)?;
    of_the_tree(store, &events).await?;
    Ok(events)
}

/// Are these events of this stream, each the one after the one before?
fn in_order(
    stream: &StreamName,
    range: StreamRange,
    events: &[Recorded],
) -> Result<(), StoreError> {
    let mut expected = match range.direction {
        Direction::Forward => Some(range.from.get().max(1)),
        Direction::Backward => None,
    };
    for event in events {
        let version = event.version().get();
        let follows = expected.is_none_or(|expected| expected == version);
        if event.stream() != stream.as_str() || !follows || version > i64::MAX as u64 {
            return Err(StoreError::Damaged(format!(
                "position {} was read as the next of {stream}, and is {} version {version}",
                event.position(),
                event.stream(),
            )));
        }
        expected = match range.direction {
            Direction::Forward => version.checked_add(1),
            Direction::Backward => version.checked_sub(1),
        };
    }
    Ok(())
}

/// Do they go on up to where the stream ends, or to where the range does?
fn whole(
    stream: &StreamName,
    range: StreamRange,
    events: &[Recorded],
    head: Version,
) -> Result<(), StoreError> {
    let (newest, wanted) = match range.direction {
        Direction::Forward if events.len() >= range.limit => return Ok(()),
        Direction::Forward if range.from > head => return Ok(()),
        Direction::Forward => (events.last(), head),
        Direction::Backward => (events.first(), head.min(range.from)),
    };
    let newest = newest.map_or(Version::ZERO, Recorded::version);
    if newest >= wanted || range.limit == 0 {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "{stream} has version {wanted}, and its events end with {newest}"
    )))
}

/// Is each the event whose entry the tree is made of? One that was redacted has nothing to tell.
async fn of_the_tree(store: &dyn Store, events: &[Recorded]) -> Result<(), StoreError> {
    let positions: Vec<Position> = events.iter().map(Recorded::position).collect();
    if positions.is_empty() {
        return Ok(());
    }
    let blinds = store.read_blinds(&positions).await?;
    for event in events {
        let Some(header) = event.header_text() else {
            continue;
        };
        let blind = blinds.get(&event.position());
        let entry = blind.map(|blind| seal::entry(blind, header.as_bytes()));
        if entry.as_ref() != Some(event.entry()) {
            let position = event.position();
            return Err(StoreError::Damaged(format!(
                "the header at position {position} is not the one that its entry was made of"
            )));
        }
    }
    Ok(())
}
