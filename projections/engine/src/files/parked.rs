//! Streams that a view goes on without: one event of them cannot be folded, and they are left out
//! from there on, where the settings say so. Never silently: the file lists them beside its
//! certificate.

use std::collections::BTreeMap;

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use crate::{files::error::StoreError, folding::row::TableError};

/// The list, in every file.
const SCHEMA: &str = "create table if not exists parked (
    stream text primary key,
    position integer not null,
    reason text not null,
    sum text not null
) strict, without rowid";

/// The longest reason that is kept, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What a view does when it meets an event that it cannot fold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPoison {
    /// It stops before the event, until somebody has mended it.
    #[default]
    Stop,
    /// It goes on without the stream of the event, and says so. What takes away (an erasure,
    /// somebody who leaves) is never left out: there it stops.
    ParkStream,
}

/// A stream that a view goes on without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedStream {
    /// Its name.
    pub stream: String,
    /// The first of its events that is left out; all that follow are, too.
    pub position: Position,
    /// Why it cannot be folded.
    pub reason: String,
}

/// All parked streams of a file, by name.
pub type Parked = BTreeMap<String, ParkedStream>;

/// Makes the list in a file that has none.
pub async fn create(file: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(SCHEMA).execute(file).await?;
    Ok(())
}

/// What the list of a file says; nothing where it has none.
///
/// # Errors
/// [`StoreError::Damaged`] where it says what nobody has written.
pub async fn read(file: &mut SqliteConnection) -> Result<Parked, StoreError> {
    let there = "select exists (select 1 from sqlite_schema where name = 'parked')";
    if !sqlx::query_scalar::<_, bool>(there)
        .fetch_one(&mut *file)
        .await?
    {
        return Ok(Parked::new());
    }
    let rows: Vec<(String, i64, String, String)> =
        sqlx::query_as("select stream, position, reason, sum from parked")
            .fetch_all(file)
            .await?;
    let mut parked = Parked::new();
    for (stream, position, reason, said) in rows {
        let one = ParkedStream {
            stream: stream.clone(),
            position: Position::new(position.unsigned_abs()),
            reason,
        };
        if said != sum(&one) {
            let reason = format!("its list of parked streams is damaged at {stream:?}");
            return Err(StoreError::Damaged(reason));
        }
        parked.insert(stream, one);
    }
    Ok(parked)
}

/// Puts a stream on the list.
pub async fn write(one: &ParkedStream, file: &mut SqliteConnection) -> Result<(), TableError> {
    sqlx::query("insert or replace into parked values (?, ?, ?, ?)")
        .bind(&one.stream)
        .bind(i64::try_from(one.position.get()).unwrap_or(i64::MAX))
        .bind(&one.reason)
        .bind(sum(one))
        .execute(file)
        .await?;
    Ok(())
}

impl ParkedStream {
    /// A stream from this event on.
    pub fn new(stream: &str, position: Position, reason: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            position,
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        }
    }
}

fn sum(one: &ParkedStream) -> String {
    let ParkedStream {
        stream,
        position,
        reason,
    } = one;
    let text = format!("{stream}\n{position}\n{reason}");
    hex::encode(&Sha256::digest(text)[..8])
}
