//! Duties that have failed, and events that could not be read: each by itself, with its reason.

use std::path::Path;
use std::time::Duration;

use meguri_log::{Position, Recorded, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::super::duty::Duty;
use super::super::{POLICIES, PolicyError};
use super::{Book, Clock, ask, duties, micros, path_in, sql};

/// How long a duty that has failed is left alone, at first and at last.
const LEFT_ALONE: Duration = Duration::from_secs(30);
const LEFT_ALONE_MAX: Duration = Duration::from_hours(1);
/// A duty that nobody has tried again for so long after its time is none any more.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(30);
/// The longest reason that is kept, in characters.
const REASON_CHARS_MAX: usize = 500;

/// So many duties of a policy are listed.
const COMING_MAX: i64 = 1_000;

type ParkedRow = (String, String, String, i64, i64, i64, i64, String);

/// A duty that has failed: it is tried again, each time later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedDuty {
    /// Which policy says so.
    pub policy: String,
    /// What is to be done: `remind`, `complete`, `close`, `end`, `lock-out`, `destroy-keys`,
    /// `erase-kept`.
    pub kind: String,
    /// For which member, by their stream.
    pub member: String,
    /// The event that it follows on.
    pub position: Position,
    /// When it failed first.
    pub since: Timestamp,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// How often it has failed.
    pub tries: u32,
    /// Why it failed last.
    pub reason: String,
}

/// An event that no policy can read: what follows from it is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableEvent {
    /// Where it stands.
    pub position: Position,
    /// Its type.
    pub event_type: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// What the policies are going to do, and what they could not do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// What is to be done, now or later, policy by policy, the first first; of each policy so much
    /// at most.
    pub coming: Vec<Duty>,
    /// Duties that have failed, the oldest first.
    pub parked: Vec<ParkedDuty>,
    /// Events that could not be read.
    pub unreadable: Vec<UnreadableEvent>,
}

/// What the policies of this data folder are going to do and could not do, as their book says; none
/// where there is no book. Nothing is changed, also where a process runs them.
///
/// # Errors
/// [`PolicyError::Book`] where the book cannot be read.
pub async fn undone(dir: &Path, clock: Clock) -> Result<Option<Undone>, PolicyError> {
    let path = path_in(dir);
    if !path.exists() {
        return Ok(None);
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut book = SqliteConnection::connect_with(&options).await?;
    let parked: Vec<ParkedRow> = sqlx::query_as(
        "select policy, kind, member, position, since, again_at, tries, reason from parked \
         order by since, key",
    )
    .fetch_all(&mut book)
    .await?;
    let unreadable: Vec<(i64, String, String)> =
        sqlx::query_as("select position, event_type, reason from unreadable order by position")
            .fetch_all(&mut book)
            .await?;
    let mut coming = Vec::new();
    for policy in POLICIES {
        coming.extend(duties(&mut book, *policy, clock, "", COMING_MAX).await?);
    }
    book.close().await?;
    let duty = |(policy, kind, member, at, since, again_at, tries, reason): ParkedRow| ParkedDuty {
        policy,
        kind,
        member,
        position: position(at),
        since: Timestamp::from_micros(since),
        again_at: Timestamp::from_micros(again_at),
        tries: tries_of(tries),
        reason,
    };
    let event = |(at, event_type, reason)| UnreadableEvent {
        position: position(at),
        event_type,
        reason,
    };
    Ok(Some(Undone {
        coming,
        parked: parked.into_iter().map(duty).collect(),
        unreadable: unreadable.into_iter().map(event).collect(),
    }))
}

fn tries_of(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn position(number: i64) -> Position {
    Position::new(number.unsigned_abs())
}

/// Notes an event that cannot be read.
pub(super) async fn note_unreadable(
    book: &mut SqliteConnection,
    recorded: &Recorded,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into unreadable values ($1, $2, $3) on conflict do nothing")
        .bind(sql(recorded.position().get()))
        .bind(recorded.event_type())
        .bind(cut(reason))
        .execute(book)
        .await?;
    Ok(())
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}

impl Book {
    /// Leaves a duty alone for a while, which is longer each time. Answers how often it has failed.
    pub(in super::super) async fn park(
        &self,
        duty: &Duty,
        now: Timestamp,
        reason: &str,
    ) -> Result<i64, sqlx::Error> {
        let key = hex::encode(duty.key().key);
        let before = sqlx::query_scalar("select tries from parked where key = $1");
        let before = before.bind(&key);
        let before: Option<i64> = ask!(self, |book| before.fetch_optional(book));
        let tries = before.unwrap_or(0).saturating_add(1);
        let doubled = LEFT_ALONE.saturating_mul(1 << (tries - 1).clamp(0, 16));
        let again_at = now.micros() + micros(doubled.min(LEFT_ALONE_MAX));
        let park = sqlx::query(
            "insert into parked values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             on conflict (key) do update set again_at = excluded.again_at, \
             tries = excluded.tries, reason = excluded.reason",
        )
        .bind(key)
        .bind(&duty.action)
        .bind(&duty.target)
        .bind(duty.policy)
        .bind(duty.member.stream())
        .bind(sql(duty.trigger.position.get()))
        .bind(now.micros())
        .bind(again_at)
        .bind(tries)
        .bind(cut(reason));
        ask!(self, |book| park.execute(book));
        Ok(tries)
    }

    /// A duty was done: it is not parked any more.
    pub(in super::super) async fn unpark(&self, duty: &Duty) -> Result<(), sqlx::Error> {
        let unpark = sqlx::query("delete from parked where key = $1");
        let unpark = unpark.bind(hex::encode(duty.key().key));
        ask!(self, |book| unpark.execute(book));
        Ok(())
    }

    /// Forgets parked duties that are none any more, and counts the others, and the events that
    /// cannot be read.
    pub(in super::super) async fn count_undone(
        &self,
        now: Timestamp,
    ) -> Result<(i64, i64), sqlx::Error> {
        let forget = sqlx::query("delete from parked where again_at < $1");
        let forget = forget.bind(now.micros().saturating_sub(micros(FORGOTTEN_AFTER)));
        ask!(self, |book| forget.execute(book));
        let both = "select (select count(*) from parked), (select count(*) from unreadable)";
        Ok(ask!(self, |book| sqlx::query_as(both).fetch_one(book)))
    }
}
