//! Bulk reads: a block of events leaves SQLite as one row, for a row at a time costs five times as
//! much.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use super::reading;
use crate::{
    read::{Direction, Filter, StreamRange},
    recorded::{BlockBuilder, NewRow, Recorded},
    store::StoreError,
    stream::{Position, StreamName},
};

/// Events that one row holds: 64 MB at most, and about a thousandth of that as people write.
const ROW_EVENTS: usize = 1_000;

/// A block as one row. All aggregates see the events in the same order, and keep the bytes of blobs
/// as they are. `char(30)` does not occur in a header, whose JSON has no raw control characters.
const AGGREGATES: &str = "group_concat(position), \
    group_concat(ifnull(header, concat_ws(char(29), stream, version, type)), char(30)), \
    cast(group_concat(entry, '') as blob), \
    group_concat(ifnull(length(sealed), 0)), \
    cast(group_concat(sealed, '') as blob)";

/// Events in the order of the log.
pub(super) async fn all(
    connection: &mut SqliteConnection,
    after: Position,
    up_to: Position,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Recorded>, StoreError> {
    let mut events = Vec::new();
    let mut after = after;
    loop {
        let rows = ROW_EVENTS.min(limit - events.len());
        let condition = format!("position > $1 and position <= $2{}", filter.to_sql());
        let statement = aggregated(filter, &condition, "position", rows);
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(after.to_sql())
            .bind(up_to.to_sql())
            .fetch_one(&mut *connection)
            .await
            .map_err(reading)?;
        let read = in_order(parse(&row)?, Direction::Forward)?;
        let full = read.len() == rows;
        after = read.last().map_or(after, Recorded::position);
        if events.is_empty() {
            events = read;
        } else {
            events.extend(read);
        }
        if !full || events.len() >= limit {
            return Ok(events);
        }
    }
}

/// Events of one stream.
pub(super) async fn stream(
    connection: &mut SqliteConnection,
    stream: &StreamName,
    range: StreamRange,
) -> Result<Vec<Recorded>, StoreError> {
    let (comparison, order) = match range.direction {
        Direction::Forward => (">=", "version"),
        Direction::Backward => ("<=", "version desc"),
    };
    let condition = format!("stream = $1 and version {comparison} $2");
    let (mut events, mut from) = (Vec::new(), range.from);
    loop {
        let rows = ROW_EVENTS.min(range.limit - events.len());
        let statement = aggregated(&Filter::default(), &condition, order, rows);
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(stream.as_str())
            .bind(from.to_sql())
            .fetch_one(&mut *connection)
            .await
            .map_err(reading)?;
        let read = in_order(parse(&row)?, range.direction)?;
        let full = read.len() == rows;
        let last = read.last().map(Recorded::version);
        events.extend(read);
        from = match (last, range.direction) {
            (Some(last), Direction::Forward) => last.next(),
            (Some(last), Direction::Backward) => match last.before() {
                Some(before) => before,
                None => return Ok(events),
            },
            (None, _) => return Ok(events),
        };
        if !full || events.len() >= range.limit {
            return Ok(events);
        }
    }
}

/// What was read, if it is in the order that was asked for.
///
/// INVARIANT: the inner select is ordered and aggregates keep its order; were it ever not so,
/// events would be folded out of order, so it is checked wherever events are read.
fn in_order(read: Vec<Recorded>, direction: Direction) -> Result<Vec<Recorded>, StoreError> {
    let ordered = read.is_sorted_by(|one, next| match direction {
        Direction::Forward => one.position() < next.position(),
        Direction::Backward => one.position() > next.position(),
    });
    if ordered {
        Ok(read)
    } else {
        Err(StoreError::Damaged("a block came out of order".into()))
    }
}

fn aggregated(filter: &Filter, condition: &str, order: &str, limit: usize) -> String {
    let (header, sealed) = (filter.content_sql("header"), filter.content_sql("sealed"));
    format!(
        "select {AGGREGATES} from \
         (select position, stream, version, type, {header} as header, entry, {sealed} as sealed \
         from events where {condition} order by {order} limit {limit})"
    )
}

/// Takes the row of a block apart.
fn parse(row: &SqliteRow) -> Result<Vec<Recorded>, StoreError> {
    let positions: Option<&str> = row.try_get(0).map_err(reading)?;
    let Some(positions) = positions else {
        return Ok(Vec::new());
    };
    let headers: &str = row.try_get(1).map_err(reading)?;
    let entries: &[u8] = row.try_get(2).map_err(reading)?;
    let lengths: &str = row.try_get(3).map_err(reading)?;
    let sealed: Option<&[u8]> = row.try_get(4).map_err(reading)?;
    let (entries, rest) = entries.as_chunks::<33>();
    let damaged = || StoreError::Damaged(format!("the block of {positions} does not fit together"));
    if !rest.is_empty() {
        return Err(damaged());
    }
    let mut block = BlockBuilder::with_capacity(entries.len(), headers.len());
    let (mut headers, mut entries) = (headers.split('\u{1e}'), entries.iter());
    let (mut lengths, mut sealed) = (lengths.split(','), sealed.unwrap_or_default());
    for position in positions.split(',') {
        let position = position
            .parse()
            .ok()
            .map(Position::new)
            .ok_or_else(damaged)?;
        let (header, entry) = headers.next().zip(entries.next()).ok_or_else(damaged)?;
        let row = NewRow::stored(position, *entry, header).ok_or_else(damaged)?;
        let length = lengths.next().and_then(|length| length.parse().ok());
        let (own, rest) = length
            .and_then(|length| sealed.split_at_checked(length))
            .ok_or_else(damaged)?;
        block.push(row, |target| target.extend_from_slice(own));
        sealed = rest;
    }
    Ok(block.finish())
}
