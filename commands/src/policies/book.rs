//! The book of the policies: the rows of each, folded from the log into a file of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_domain::FollowUpPeriods;
use meguri_events::{Event, Opened};
use meguri_log::{Block, Position, Recorded, Timestamp, off_the_runtime};
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};

use super::duty::{Duty, DutyRow};
use super::erasure::{Erased, erased_by};
use super::policy::{Happened, Policy};
use super::{POLICIES, PolicyError};

mod connection;
mod left;
pub(super) mod parked;

pub(super) use connection::ask;
use connection::{Lent, OneConnection};

const SCHEMA: &str = include_str!("book.sql");
/// The folder of the books, in the one that is given, and how their files are called.
const FOLDER: &str = "policies";
const PREFIX: &str = "book-";
const EXTENSION: &str = "sqlite";

/// What is to be done, and up to where the log was folded into it.
#[derive(Debug)]
pub(super) struct Book {
    connection: OneConnection,
    path: PathBuf,
    /// It was thrown away, and no other one was begun.
    is_gone: bool,
}

impl Book {
    /// Opens the book of this schema in `policies` below this folder; others of older schemas are
    /// removed. One that is missing, damaged, or not as it was left is folded anew: whatever it
    /// says could hide a duty.
    pub(super) async fn open(dir: &Path) -> Result<Self, PolicyError> {
        let dir = &dir.join(FOLDER);
        make_folder(dir).await?;
        let name = file_name();
        remove_all_but(dir, &name).await?;
        let path = dir.join(&name);
        let is_new = !path.exists();
        let as_left = left::is_as_left(&path);
        match Self::connect(&path).await {
            Ok(book) => {
                if is_new || (as_left && !book.has_unreadable().await?) {
                    return Ok(book);
                }
                tracing::info!("the book of the policies is not as it was left: it is folded anew");
                match book.begin_again().await {
                    Err(PolicyError::Book(error)) if is_damage(&error) => {}
                    begun => return begun.map(|()| book),
                }
                book.connection.close().await;
            }
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Self::anew(dir, &path).await
    }

    async fn anew(dir: &Path, path: &Path) -> Result<Self, PolicyError> {
        tracing::warn!("the book of the policies is damaged: it is thrown away, and folded anew");
        remove_all_but(dir, "").await?;
        Ok(Self::connect(path).await?)
    }

    /// Throws the book away, and begins another.
    pub(super) async fn throw_away(&mut self) -> Result<(), PolicyError> {
        self.connection.close().await;
        self.is_gone = true;
        let dir = self.path.parent().unwrap_or(Path::new(""));
        *self = Self::anew(dir, &self.path).await?;
        Ok(())
    }

    /// Whether it was thrown away, and no other one was begun.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    async fn connect(path: &Path) -> Result<Self, sqlx::Error> {
        // Durable to a crash of the process; after one of the machine it may be folded again.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let book = Self {
            connection: OneConnection::new(options),
            path: path.to_owned(),
            is_gone: false,
        };
        book.prepare().await?;
        Ok(book)
    }

    async fn prepare(&self) -> Result<(), sqlx::Error> {
        ask!(self, |book| async {
            let mut transaction = book.begin_with("begin immediate").await?;
            let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
                .fetch_one(&mut *transaction)
                .await?;
            if tables == 0 {
                let schema = sqlx::AssertSqlSafe(schema());
                sqlx::raw_sql(schema).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        });
        Ok(())
    }

    /// Whether there were events that could not be read: perhaps they can be now.
    async fn has_unreadable(&self) -> Result<bool, sqlx::Error> {
        let any = "select exists (select 1 from unreadable)";
        Ok(ask!(self, |book| sqlx::query_scalar(any).fetch_one(book)))
    }

    pub(super) async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        self.connection.lend().await
    }

    /// Closes the book, and notes how it was left.
    pub(super) async fn close(&self) {
        self.connection.close().await;
        left::leave(&self.path);
    }

    /// Up to where the log was folded.
    pub(super) async fn position(&self) -> Result<Position, PolicyError> {
        let folded = sqlx::query_scalar("select position from folded");
        let position: i64 = ask!(self, |book| folded.fetch_one(book));
        let negative = |error| sqlx::Error::Decode(Box::new(error));
        Ok(Position::new(u64::try_from(position).map_err(negative)?))
    }

    /// Forgets everything.
    pub(super) async fn begin_again(&self) -> Result<(), PolicyError> {
        ask!(self, |book| async {
            let mut transaction = book.begin_with("begin immediate").await?;
            let tables: Vec<String> = sqlx::query_scalar(
                "select name from sqlite_schema \
                 where type = 'table' and name not in ('folded', 'parked')",
            )
            .fetch_all(&mut *transaction)
            .await?;
            for table in tables {
                let delete = sqlx::AssertSqlSafe(format!("delete from {table}"));
                sqlx::query(delete).execute(&mut *transaction).await?;
            }
            sqlx::query("update folded set position = 0")
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        });
        Ok(())
    }

    /// Folds a block, all of it or nothing; what another runner has folded already is left out.
    /// Answers the erasures that are in it.
    pub(super) async fn fold(&self, block: &Block) -> Result<Vec<Erased>, PolicyError> {
        Ok(ask!(self, |book| fold_block(book, block)))
    }

    /// What a policy has to do at this moment, at most so much. What is parked hides nothing.
    pub(super) async fn due(
        &self,
        policy: &dyn Policy,
        clock: Clock,
        limit: i64,
    ) -> Result<Vec<Duty>, PolicyError> {
        let due = "where coalesce(at, 0) <= $1 and not exists (select 1 from parked \
            where kind = due.action and parked.target = due.target \
            and parked.member = due.member and parked.position = due.position \
            and again_at > $1)";
        Ok(ask!(self, |book| duties(book, policy, clock, due, limit)))
    }

    /// Notes that something was done of which no event says so: by a statement about the member.
    pub(super) async fn note_done(
        &self,
        statement: &'static str,
        duty: &Duty,
    ) -> Result<(), sqlx::Error> {
        let note = sqlx::query(statement).bind(duty.member.stream());
        ask!(self, |book| note.execute(book));
        Ok(())
    }
}

/// The moment, and the periods that policies wait for.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The moment.
    pub now: Timestamp,
    /// The periods.
    pub periods: FollowUpPeriods,
}

/// Duties of a policy, the first first: all of them, or those that fit.
async fn duties(
    book: &mut SqliteConnection,
    policy: &dyn Policy,
    Clock { now, periods }: Clock,
    fit: &str,
    limit: i64,
) -> Result<Vec<Duty>, PolicyError> {
    let query = format!(
        "with clock (now, remind_after, complete_after) as (select $1, $2, $3), due as ({}) \
         select action, target, member, at, position, event, correlation from due \
         {fit} order by at, position limit $4",
        policy.due()
    );
    let rows: Vec<DutyRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(now.micros())
        .bind(micros(periods.remind_after))
        .bind(micros(periods.complete_after))
        .bind(limit)
        .fetch_all(book)
        .await?;
    let duty = |row: DutyRow| {
        let reason = format!("it says something that nobody has written: {row:?}");
        let duty = Duty::of(policy.name(), row);
        duty.ok_or_else(|| PolicyError::Book(sqlx::Error::Decode(reason.into())))
    };
    rows.into_iter().map(duty).collect()
}

fn micros(period: Duration) -> i64 {
    i64::try_from(period.as_micros()).unwrap_or(i64::MAX)
}

fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Lets every policy that wants an event fold it. Answers what it erases.
async fn fold_one(
    book: &mut SqliteConnection,
    recorded: &Recorded,
) -> Result<Option<Erased>, PolicyError> {
    let bad = |text: String| PolicyError::Event {
        position: recorded.position(),
        text,
    };
    // A redacted event tells nothing; the commands find its stream frozen.
    let Some(header) = recorded.header() else {
        return Ok(None);
    };
    let header = header.map_err(|error| bad(error.to_string()))?;
    // What is sealed is of no concern here, so no key is asked for.
    let sealed = header.sealed.iter();
    let sealed: Vec<_> = sealed.map(|it| (it.section, Opened::Erased)).collect();
    let fact = Event::decode(header.event_type, header.schema, header.data, &sealed)
        .map_err(|error| bad(error.to_string()))?;
    let happened = Happened {
        stream: header.stream,
        position: sql(recorded.position().get()),
        event: header.id.to_string(),
        correlation: header.correlation.map(|id| id.to_string()),
    };
    for policy in POLICIES {
        if policy.wants().contains(&header.event_type) {
            policy.fold(&mut *book, &fact, &happened).await?;
        }
    }
    Ok(erased_by(fact))
}

/// The tables of the book, and those of all policies.
fn schema() -> String {
    let policies = POLICIES.iter().map(|policy| policy.schema());
    [SCHEMA].into_iter().chain(policies).collect()
}

async fn fold_block(
    book: &mut SqliteConnection,
    block: &Block,
) -> Result<Vec<Erased>, PolicyError> {
    let mut transaction = book.begin_with("begin immediate").await?;
    let folded: i64 = sqlx::query_scalar("select position from folded")
        .fetch_one(&mut *transaction)
        .await?;
    let mut erased = Vec::new();
    for recorded in &block.events {
        if sql(recorded.position().get()) > folded {
            match fold_one(&mut transaction, recorded).await {
                Ok(said) => erased.extend(said),
                Err(PolicyError::Event { position, text }) => {
                    parked::note_unreadable(&mut transaction, recorded, &text).await?;
                    tracing::error!(
                        %position, event_type = recorded.event_type(), text,
                        "a policy cannot read an event: what follows from it is not done"
                    );
                }
                Err(error) => return Err(error),
            }
        }
    }
    sqlx::query("update folded set position = max(position, $1)")
        .bind(sql(block.up_to.get()))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(erased)
}

/// The name of the book of this schema.
fn file_name() -> String {
    let fingerprint = hex::encode(&Sha256::digest(schema())[..8]);
    format!("{PREFIX}{fingerprint}.{EXTENSION}")
}

/// Where the book of this schema is, in this data folder.
pub(super) fn path_in(dir: &Path) -> PathBuf {
    dir.join(FOLDER).join(file_name())
}

/// Makes the folder; a file in its place is none of ours.
async fn make_folder(dir: &Path) -> std::io::Result<()> {
    let dir = dir.to_owned();
    on_disk(move || {
        if dir.is_file() {
            fs::remove_file(&dir)?;
        }
        fs::create_dir_all(&dir)
    })
    .await
}

/// Does work on files where it holds nobody up.
async fn on_disk(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> std::io::Result<()> {
    let done = off_the_runtime(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Whether the book fails because it is damaged: trying again does not help.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    /// A table is gone; the file is damaged, of another format, or none.
    const PRIMARY: [u32; 4] = [1, 11, 24, 26];
    /// The file ends before it should; it says of itself that it can be read only.
    const EXTENDED: [u32; 2] = [522, 8];
    let says_nothing = matches!(
        error,
        sqlx::Error::RowNotFound | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }
    );
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok());
    // Extended codes carry the primary one in their lowest byte.
    let damaged = |code| PRIMARY.contains(&(code & 0xff)) || EXTENDED.contains(&code);
    says_nothing || code.is_some_and(damaged)
}

/// Removes all books but the one of this name, with the files beside them. Nothing else is touched.
async fn remove_all_but(dir: &Path, kept: &str) -> Result<(), PolicyError> {
    let (dir, kept) = (dir.to_owned(), kept.to_owned());
    let removed = on_disk(move || {
        for file in fs::read_dir(dir)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            let is_kept = !kept.is_empty() && name.starts_with(&kept);
            if name.starts_with(PREFIX) && !is_kept {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    });
    Ok(removed.await?)
}
