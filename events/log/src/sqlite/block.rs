//! Bulk reads: a block of events leaves SQLite as one row, for a row at a time costs five times as
//! much.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use super::reading;
use crate::{
    read::{Direction, Filter, StreamRange},
    recorded::{BlockBuilder, NewRow, Recorded},
    store::StoreError,
    stream::{Position, StreamName, Version},
};

/// Events that one row holds.
const ROW_EVENTS: usize = 1_000;

/// The columns of an event in one text. Neither separator occurs in a header, whose JSON has no raw
/// control characters; what is binary is hexadecimal.
const COLUMNS: &str = "concat_ws(char(31), position, stream, version, type, hex(entry), \
    ifnull(cast(header as text), ''), hex(ifnull(sealed, '')))";

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
        let statement = concatenated(&condition, "position", rows);
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(after.to_sql())
            .bind(up_to.to_sql())
            .fetch_one(&mut *connection)
            .await
            .map_err(reading)?;
        let read = parse(&row)?;
        let ascending = read.is_sorted_by(|one, next| one.position() < next.position());
        // INVARIANT: the inner select is ordered and `group_concat` keeps its order; were it ever
        // not so, events would be folded out of order, so it is checked.
        if !ascending {
            return Err(StoreError::Damaged("a block came out of order".into()));
        }
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
    let row = sqlx::query(AssertSqlSafe(concatenated(&condition, order, range.limit)))
        .bind(stream.as_str())
        .bind(range.from.to_sql())
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    parse(&row)
}

fn concatenated(condition: &str, order: &str, limit: usize) -> String {
    format!(
        "select group_concat(event, char(30)) from \
         (select {COLUMNS} as event from events where {condition} order by {order} limit {limit})"
    )
}

fn parse(row: &SqliteRow) -> Result<Vec<Recorded>, StoreError> {
    let text: Option<&str> = row.try_get(0).map_err(reading)?;
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let mut block = BlockBuilder::with_capacity(ROW_EVENTS, text.len());
    for event in text.split('\u{1e}') {
        let damaged = || StoreError::Damaged(format!("{event:?} is not an event"));
        let mut columns = event.split('\u{1f}');
        let mut next = || columns.next().ok_or_else(damaged);
        let position: u64 = next()?.parse().map_err(|_| damaged())?;
        let stream = next()?;
        let version: u64 = next()?.parse().map_err(|_| damaged())?;
        let event_type = next()?;
        let mut entry = [0; 33];
        hex::decode_to_slice(next()?, &mut entry).map_err(|_| damaged())?;
        let header = Some(next()?).filter(|header| !header.is_empty());
        let sealed = next()?;
        let mut bad = false;
        let row = NewRow {
            position: Position::new(position),
            stream,
            version: Version::new(version),
            event_type,
            header,
            entry,
        };
        block.push(row, |bytes| bad = unhex(sealed, bytes).is_none());
        if bad {
            return Err(damaged());
        }
    }
    Ok(block.finish())
}

fn unhex(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let start = bytes.len();
    bytes.resize(start + text.len() / 2, 0);
    let target = bytes.get_mut(start..)?;
    hex::decode_to_slice(text, target).ok()
}
