//! The book of the policies: what is to be done, folded from the log into a file of its own.

use std::path::Path;
use std::time::Duration;

use meguri_domain::FollowUpPeriods;
use meguri_events::MemberId;
use meguri_log::{Block, Position, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::PolicyError;
use super::duty::{Action, Duty, Trigger};
use super::fold::{Erased, fold_one, sql};

const SCHEMA: &str = include_str!("book.sql");
/// The folder of the books, in the one that is given, and how their files are called.
const FOLDER: &str = "policies";
const PREFIX: &str = "book-";
const EXTENSION: &str = "sqlite";

/// The types of events that the book is folded from. Others are passed over undecoded.
pub(super) const FOLDED: &[&str] = &[
    "NeedPosted",
    "NeedReopened",
    "NeedClosed",
    "OfferPosted",
    "OfferReopened",
    "OfferClosed",
    "ExchangeRequested",
    "ExchangeApplied",
    "ExchangeCancelled",
    "ExchangeAborted",
    "ExchangeCompleted",
    "CompletionReported",
    "CompletionReminded",
    "MemberLeft",
    "MemberErased",
    "KeysDestroyed",
];

/// What is to be done, and up to where the log was folded into it.
#[derive(Debug, Clone)]
pub(super) struct Book(SqlitePool);

type Row = (String, i64, i64, i64, String, Option<String>);

impl Book {
    /// Opens the book of this schema in `policies` below this folder; one that is missing or
    /// unreadable begins anew, others of older schemas are removed.
    pub(super) async fn open(dir: &Path) -> Result<Self, PolicyError> {
        let dir = &dir.join(FOLDER);
        tokio::fs::create_dir_all(dir).await?;
        let fingerprint = hex::encode(&Sha256::digest(SCHEMA)[..8]);
        let name = format!("{PREFIX}{fingerprint}.{EXTENSION}");
        remove_all_but(dir, &name).await?;
        let path = dir.join(&name);
        match Self::connect(&path).await {
            Ok(book) => Ok(book),
            Err(error) if is_unreadable(&error) => {
                tracing::warn!(%error, "the book of the policies is unreadable and begins anew");
                remove_all_but(dir, "").await?;
                Ok(Self::connect(&path).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn connect(path: &Path) -> Result<Self, sqlx::Error> {
        // Durable to a crash of the process; after one of the machine it may be folded again.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        let book = Self(pool);
        book.prepare().await?;
        Ok(book)
    }

    async fn prepare(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin_with("begin immediate").await?;
        let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
            .fetch_one(&mut *transaction)
            .await?;
        if tables == 0 {
            sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }

    /// Up to where the log was folded.
    pub(super) async fn position(&self) -> Result<Position, PolicyError> {
        let position: i64 = sqlx::query_scalar("select position from folded")
            .fetch_one(&self.0)
            .await?;
        Ok(Position::new(u64::try_from(position).unwrap_or(0)))
    }

    /// Forgets everything.
    pub(super) async fn begin_again(&self) -> Result<(), PolicyError> {
        let mut transaction = self.0.begin_with("begin immediate").await?;
        for table in ["reported", "held", "departed", "erasing", "kept"] {
            let delete = sqlx::AssertSqlSafe(format!("delete from {table}"));
            sqlx::query(delete).execute(&mut *transaction).await?;
        }
        sqlx::query("update folded set position = 0")
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Folds a block, all of it or nothing; what another runner has folded already is left out.
    /// Answers the erasures that are in it.
    pub(super) async fn fold(&self, block: &Block) -> Result<Vec<Erased>, PolicyError> {
        let mut transaction = self.0.begin_with("begin immediate").await?;
        let folded: i64 = sqlx::query_scalar("select position from folded")
            .fetch_one(&mut *transaction)
            .await?;
        let mut erased = Vec::new();
        for recorded in &block.events {
            if sql(recorded.position().get()) > folded {
                erased.extend(fold_one(&mut transaction, recorded).await?);
            }
        }
        sqlx::query("update folded set position = max(position, $1)")
            .bind(sql(block.up_to.get()))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(erased)
    }

    /// What is due at this moment, at most so many of each kind.
    pub(super) async fn due(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
        limit: i64,
    ) -> Result<Vec<Duty>, PolicyError> {
        let mut duties = self.due_follow_ups(now, periods, limit).await?;
        duties.extend(self.due_erasures(now, limit).await?);
        let departures: Vec<Row> = sqlx::query_as(
            "select member, 0, 0, position, event, correlation from departed \
             where locked_out = 0 limit $1",
        )
        .bind(limit)
        .fetch_all(&self.0)
        .await?;
        duties.extend(departures.into_iter().filter_map(
            |(member, _, _, at, event, correlation)| {
                let member = MemberId::from_stream(&member)?;
                Some(Duty {
                    action: Action::LockOut,
                    member,
                    trigger: trigger(at, &event, correlation)?,
                })
            },
        ));
        let ends: Vec<(String, String, i64, String, Option<String>)> = sqlx::query_as(
            "select stream, member, position, event, correlation from departed \
             join held using (member) limit $1",
        )
        .bind(limit)
        .fetch_all(&self.0)
        .await?;
        duties.extend(
            ends.into_iter()
                .filter_map(|(stream, member, at, event, correlation)| {
                    let (action, member) = (Action::end(&stream)?, MemberId::from_stream(&member)?);
                    Some(Duty {
                        action,
                        member,
                        trigger: trigger(at, &event, correlation)?,
                    })
                }),
        );
        Ok(duties)
    }

    async fn due_follow_ups(
        &self,
        now: Timestamp,
        periods: FollowUpPeriods,
        limit: i64,
    ) -> Result<Vec<Duty>, PolicyError> {
        let before = |period: Duration| {
            now.micros()
                .saturating_sub(i64::try_from(period.as_micros()).unwrap_or(i64::MAX))
        };
        let complete_before = before(periods.complete_after);
        let rows: Vec<(String, String, i64, i64, String, Option<String>)> = sqlx::query_as(
            "select exchange, silent, reported_at, position, event, correlation from reported \
             where reported_at <= $1 or (reported_at <= $2 and reminded = 0) \
             order by reported_at limit $3",
        )
        .bind(complete_before)
        .bind(before(periods.remind_after))
        .bind(limit)
        .fetch_all(&self.0)
        .await?;
        let duties = rows.into_iter().filter_map(
            |(exchange, silent, reported_at, at, event, correlation)| {
                let action = Action::follow_up(&exchange, reported_at <= complete_before)?;
                let member = MemberId::from_stream(&silent)?;
                Some(Duty {
                    action,
                    member,
                    trigger: trigger(at, &event, correlation)?,
                })
            },
        );
        Ok(duties.collect())
    }

    async fn due_erasures(&self, now: Timestamp, limit: i64) -> Result<Vec<Duty>, PolicyError> {
        let rows: Vec<(String, i64, i64, String, Option<String>)> = sqlx::query_as(
            "select member, 1, position, event, correlation from erasing union all \
             select member, 0, position, event, correlation from kept where until <= $1 \
             limit $2",
        )
        .bind(now.micros())
        .bind(limit)
        .fetch_all(&self.0)
        .await?;
        let duties = rows
            .into_iter()
            .filter_map(|(member, begun, at, event, correlation)| {
                let action = if begun == 1 {
                    Action::DestroyKeys
                } else {
                    Action::EraseKept
                };
                Some(Duty {
                    action,
                    member: MemberId::from_stream(&member)?,
                    trigger: trigger(at, &event, correlation)?,
                })
            });
        Ok(duties.collect())
    }

    /// Notes that a member's tokens and password are gone: no event says so.
    pub(super) async fn locked_out(&self, member: MemberId) -> Result<(), PolicyError> {
        sqlx::query("update departed set locked_out = 1 where member = $1")
            .bind(member.stream())
            .execute(&self.0)
            .await?;
        Ok(())
    }
}

fn trigger(position: i64, event: &str, correlation: Option<String>) -> Option<Trigger> {
    Some(Trigger {
        position: Position::new(u64::try_from(position).ok()?),
        event: event.parse().ok()?,
        correlation: correlation.and_then(|id| id.parse().ok()),
    })
}

fn is_unreadable(error: &sqlx::Error) -> bool {
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "11" || code == "26")
}

/// Removes all books but the one of this name, with the files beside them. Nothing else is touched.
async fn remove_all_but(dir: &Path, kept: &str) -> Result<(), PolicyError> {
    let mut files = tokio::fs::read_dir(dir).await?;
    while let Some(file) = files.next_entry().await? {
        let name = file.file_name();
        let name = name.to_string_lossy();
        let is_kept = !kept.is_empty() && name.starts_with(kept);
        if name.starts_with(PREFIX) && !is_kept {
            tokio::fs::remove_file(file.path()).await?;
        }
    }
    Ok(())
}
