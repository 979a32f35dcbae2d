//! A view as a file: rows and certificate in one SQLite database, written by one and read by many.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::{Log, Position, answered};
use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use tokio_util::task::AbortOnDropHandle;

use crate::{
    files::{
        build_lock,
        certificate::Certificate,
        changes::{self, Diff},
        error::{ProofError, StoreError},
        index::TextIndex,
        integrity, journal,
        limits::FileLimits,
        mismatch::Mismatch,
        parked::{self, OnPoison, Parked, ParkedStream},
        proof, rescan, schema,
        seal::{self, Seal},
    },
    folding::{
        decode::{Batch, Content, Decoded},
        outcome::{Advanced, Poison, before},
        redactions::Redactions,
        row::TableError,
        view::{AnyFold, AnyView, BlockError},
    },
};

mod index;
mod passing;
mod remains;

pub use index::Indexed;

/// The name of the database in the folder of a view.
pub const FILE: &str = "view.db";

/// Statements that a writer keeps prepared: a handful of sizes for each table.
const STATEMENTS_KEPT: usize = 256;

/// Rows are written in bulk and read a page at a time: fewer, larger pages take fewer turns.
const PAGE_BYTES: u32 = 16 * 1024;

/// Events of batches that came quickly one after the other, and share a transaction.
const EVENTS_TOGETHER: u64 = 1_000;

/// Memory for pages of a file that is being built, in KiB.
const PAGES_BUILDING_KIB: u32 = 4 * 1024;

/// One state of a view, built or being built: a folder with a database.
pub struct ViewFile {
    /// The name of the folder.
    pub folder: String,
    path: PathBuf,
    view: Arc<dyn AnyView>,
    pub writer: SqliteConnection,
    readers: SqlitePool,
    /// What the file says on disk.
    committed: Certificate,
    /// What it will say after the transaction that is open.
    reached: Certificate,
    transaction: Transaction,
    fold: Box<dyn AnyFold>,
    built: bool,
    /// Whether an erasure was folded since the file was last written anew.
    erased: bool,
    events_a_transaction: u64,
    /// An event is passed over that finds no row where these explain it.
    redactions: Arc<Redactions>,
    limits: FileLimits,
    /// Held for as long as this process builds here.
    _building: Option<std::fs::File>,
    /// Keeps the journal short while the file is read.
    journal: Option<AbortOnDropHandle<()>>,
    /// What is found of the rows, where the view is searched and they can be read.
    index: Option<Arc<TextIndex>>,
    /// Streams that the file goes on without.
    parked: Parked,
    /// Whether somebody else writes to the database.
    seal: Arc<Seal>,
    /// Whether all files are as they were left when they were last closed.
    as_left: bool,
}

/// What is read of a file, and how it stood when that began.
#[derive(Clone)]
pub struct ReadFile {
    pub readers: SqlitePool,
    pub index: Option<Arc<TextIndex>>,
    pub seal: Arc<Seal>,
    /// Everything up to here can be read: rows, and what is found of them.
    pub position: Position,
    /// What its version has changed, where that is known.
    pub changes: Option<Diff>,
    /// Streams that it goes on without.
    pub parked: Arc<Parked>,
}

/// Whether another batch comes right behind one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// It is there already: both may share a transaction.
    Follows,
    /// Perhaps not for long: who waits for this one shall see it now.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// Something failed or was cut off in the middle: the file has to be asked where it stands.
    Unknown,
}

/// So many connections that read.
pub fn readers(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        // One whose transaction could not be ended is closed: SQLite ends one by itself when the
        // disk fails, and the count of what is open would stay up for ever.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

impl ViewFile {
    /// Opens the file in this folder; creates it where there is none.
    pub async fn open(
        dir: &Path,
        folder: &str,
        view: Arc<dyn AnyView>,
        limits: FileLimits,
    ) -> Result<Self, StoreError> {
        let path = dir.join(folder);
        std::fs::create_dir_all(&path)?;
        let as_left = seal::is_as_left(&path);
        let file = SqliteConnectOptions::new().filename(path.join(FILE));
        let options = file
            .clone()
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .statement_cache_capacity(STATEMENTS_KEPT);
        let mut writer = SqliteConnection::connect_with(&options).await?;
        schema::create(&mut writer, &*view).await?;
        #[cfg(feature = "simulation")]
        crate::files::commits::announce(&path, &mut writer).await?;
        let (certificate, built) = Certificate::read(&mut writer).await?;
        let parked = parked::read(&mut writer).await?;
        let building = if built {
            None
        } else {
            Some(build_lock::put(&path)?)
        };
        let readers = readers(limits.readers).connect_lazy_with(file.read_only(true));
        let mut file = Self {
            folder: folder.to_owned(),
            path,
            fold: view.start(0),
            view,
            writer,
            readers,
            reached: certificate.clone(),
            committed: certificate,
            transaction: Transaction::None,
            built,
            erased: false,
            events_a_transaction: 0,
            redactions: Arc::default(),
            limits,
            _building: building,
            journal: None,
            index: None,
            parked,
            seal: Arc::new(Seal::new(dir.join(folder).join(FILE))),
            as_left,
        };
        file.set_up().await?;
        file.open_index().await?;
        Ok(file)
    }

    /// A file that is being built is not read, and grown again when the power fails: it needs no
    /// journal to read from and nothing on disk before its end. After that, `synchronous = normal`
    /// may lose the last transactions when the power fails, never a part of one: what is lost is
    /// folded again.
    async fn set_up(&mut self) -> Result<(), sqlx::Error> {
        let pragmas = if self.built {
            "pragma journal_mode = wal; pragma synchronous = normal; \
             pragma wal_autocheckpoint = 0; pragma secure_delete = on"
                .to_owned()
        } else {
            format!(
                "pragma journal_mode = truncate; pragma synchronous = off; \
                 pragma cache_size = -{PAGES_BUILDING_KIB}"
            )
        };
        self.events_a_transaction = if self.built {
            0
        } else {
            self.limits.transaction_events
        };
        self.fold = self.start();
        self.journal = self
            .built
            .then(|| journal::keep_short(self.database(), Arc::clone(&self.seal)));
        sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas))
            .execute(&mut self.writer)
            .await?;
        Ok(())
    }

    /// Everything up to here is in the rows, as far as this handle has written them.
    pub fn position(&self) -> Position {
        self.reached.position()
    }

    /// What the rows were made of, and what they sum up to.
    pub fn certificate(&self) -> &Certificate {
        &self.reached
    }

    /// The connections that read this file.
    pub fn readers(&self) -> SqlitePool {
        self.readers.clone()
    }

    /// Its folder.
    pub fn place(&self) -> &Path {
        &self.path
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.path.join(FILE)
    }

    /// What is read of it. From now on it is watched whether somebody else writes to it.
    pub fn to_be_read(&self) -> ReadFile {
        self.seal.put();
        ReadFile {
            readers: self.readers(),
            index: self.index(),
            seal: Arc::clone(&self.seal),
            position: self.readable(),
            changes: changes::kept(&self.path),
            parked: Arc::new(self.parked.clone()),
        }
    }

    /// Whether all files are as they were left when they were last closed.
    pub fn is_as_left(&self) -> bool {
        self.as_left
    }

    /// Folds what is new in a batch, up to a position, and writes it with the certificate, in one
    /// transaction; while the file is being built, many batches share one, and so do those that
    /// are said to have `more` right behind them. Events that were folded before are passed over,
    /// so that a batch may come twice.
    ///
    /// # Errors
    /// [`TableError`]: nothing more was kept, or that is not known; the batch may come again.
    pub async fn advance(
        &mut self,
        batch: &Batch,
        until: Position,
        more: More,
    ) -> Result<Advanced, TableError> {
        if self.transaction == Transaction::Unknown {
            self.reload().await?;
        }
        if self
            .journal
            .as_ref()
            .is_some_and(AbortOnDropHandle::is_finished)
        {
            // It panicked: a journal that nobody keeps short grows without bound.
            let seal = Arc::clone(&self.seal);
            self.journal = Some(journal::keep_short(self.database(), seal));
        }
        if batch.after > self.position() {
            return Ok(Advanced::Rewound);
        }
        let until = until.min(batch.up_to());
        let (mut step, mut poison) = (until, None);
        while self.position() < step {
            let (events, found) = self.chosen(batch, step);
            if let Some(found) = found {
                step = before(found.position);
                poison = Some(found);
                if step <= self.position() {
                    break;
                }
            }
            let alone = self.committed.position() == self.position();
            match self.fold(&events, batch, step, more).await {
                // Events that were held back for another's sake come next.
                Ok(()) => step = poison.as_ref().map_or(until, Poison::before),
                Err(BlockError::Table(error)) if !error.is_duplicate() => return Err(error),
                Err(_) if !alone => {
                    // What came before is lost with the transaction. Read again, and each batch by
                    // itself from now on, it stops exactly where it has to.
                    self.reload().await?;
                    self.events_a_transaction = 0;
                    return Ok(Advanced::Rewound);
                }
                Err(failed) => {
                    self.reload().await?;
                    (step, poison) = failed.narrowed(&events);
                }
            }
        }
        Ok(poison.map_or(Advanced::Folded, Advanced::Stopped))
    }

    /// The events to fold next, up to the first that matters to the view and cannot be decoded.
    fn chosen<'a>(&self, batch: &'a Batch, until: Position) -> (Vec<&'a Decoded>, Option<Poison>) {
        let (wants, mut events) = (self.view.kinds(), Vec::new());
        for (position, event) in batch.between(self.position(), until) {
            match &event.content {
                Content::Event(event) if wants.contains(event.kind) => {
                    if !self.goes_without(event.stream_to_park().as_deref(), position) {
                        events.push(&**event);
                    }
                }
                // An unknown type stops every view: whether it matters to one cannot be told.
                Content::Undecodable {
                    kind,
                    reason,
                    stream,
                } if kind.is_none_or(|kind| wants.contains(kind))
                    && !self.goes_without(stream.as_deref(), position) =>
                {
                    let reason = format!("position {position}: {reason}");
                    let poison = Poison::new(position, reason).of(stream.clone());
                    return (events, Some(poison));
                }
                Content::Unwanted | Content::Event(_) | Content::Undecodable { .. } => {}
            }
        }
        (events, None)
    }

    /// Streams that the file goes on without.
    pub fn parked(&self) -> &Parked {
        &self.parked
    }

    /// Whether the file goes on without this stream.
    fn goes_without(&self, stream: Option<&str>, position: Position) -> bool {
        let parked = stream.and_then(|stream| self.parked.get(stream));
        parked.is_some_and(|parked| parked.position <= position)
    }

    /// A file that goes on without streams is of no use where views are to stop instead.
    pub fn lacks_streams(&self) -> Option<Mismatch> {
        let lacks = self.limits.on_poison == OnPoison::Stop && !self.parked.is_empty();
        lacks.then(|| Mismatch::Damaged {
            reason: format!("{} streams are not in it", self.parked.len()),
        })
    }

    /// Goes on without the stream of an event that cannot be folded, where the settings say so.
    /// Answers whether it does.
    ///
    /// # Errors
    /// [`TableError`]: that is not known; the batch may come again.
    pub async fn park(&mut self, poison: &Poison) -> Result<bool, TableError> {
        let (OnPoison::ParkStream, Some(stream)) = (self.limits.on_poison, &poison.stream) else {
            return Ok(false);
        };
        self.commit().await?;
        let one = ParkedStream::new(stream, poison.position, &poison.reason);
        parked::write(&one, &mut self.writer).await?;
        self.parked.insert(one.stream.clone(), one);
        Ok(true)
    }

    async fn fold(
        &mut self,
        events: &[&Decoded],
        batch: &Batch,
        up_to: Position,
        more: More,
    ) -> Result<(), BlockError> {
        let begun = self.transaction == Transaction::Open;
        // INVARIANT: whoever drops this future in the middle leaves `Unknown` behind.
        self.transaction = Transaction::Unknown;
        if !begun {
            sqlx::raw_sql("begin immediate")
                .execute(&mut self.writer)
                .await?;
        }
        self.erased |= events.iter().any(|event| event.kind.erases());
        let content = &mut self.reached.content;
        self.fold.fold(events, &mut self.writer, content).await?;
        self.reached.frontier = batch.grow(&self.reached.frontier, up_to);
        let uncommitted = up_to.get() - self.committed.position().get();
        let together = match more {
            More::Follows if self.built => EVENTS_TOGETHER,
            More::Follows | More::Unknown => self.events_a_transaction,
        };
        if uncommitted > together {
            self.write().await?;
        } else {
            self.transaction = Transaction::Open;
        }
        Ok(())
    }

    /// Commits what is not committed yet.
    ///
    /// # Errors
    /// [`TableError`]: the file may stand further back than it did.
    pub async fn commit(&mut self) -> Result<(), TableError> {
        match self.transaction {
            Transaction::None => Ok(()),
            Transaction::Unknown => self.reload().await,
            Transaction::Open => {
                self.transaction = Transaction::Unknown;
                self.write().await
            }
        }
    }

    async fn write(&mut self) -> Result<(), TableError> {
        self.fold
            .write(&mut self.writer, &mut self.reached.content)
            .await?;
        // INVARIANT: only from the position the fold began at; a second writer cannot slip in.
        let before = &self.committed;
        if !self.reached.write(before, &mut self.writer).await? {
            return Err(sqlx::Error::RowNotFound.into());
        }
        sqlx::raw_sql("commit").execute(&mut self.writer).await?;
        self.committed = self.reached.clone();
        self.transaction = Transaction::None;
        Ok(())
    }

    /// Asks the file where it stands, after a failure that leaves that open.
    pub async fn reload(&mut self) -> Result<(), TableError> {
        self.transaction = Transaction::Unknown;
        // Refused where the failure has ended the transaction.
        let _ = sqlx::raw_sql("rollback").execute(&mut self.writer).await;
        let (certificate, _) = Certificate::read(&mut self.writer).await?;
        self.parked = parked::read(&mut self.writer).await?;
        (self.committed, self.reached) = (certificate.clone(), certificate);
        self.fold = self.start();
        self.transaction = Transaction::None;
        Ok(())
    }

    /// Writes down what this version has changed against the one whose place it takes.
    pub fn keep_changes(&self, changes: &Diff) -> std::io::Result<()> {
        changes::keep(&self.path, changes)
    }

    /// The sums over the rows as they stand in the file.
    pub async fn rescan(&mut self) -> Result<crate::folding::digest::Content, TableError> {
        rescan::content(&mut self.writer, &*self.view).await
    }

    /// Compares what it has consumed with the log's own tree, and all its rows with what was
    /// written. Nothing may be uncommitted.
    ///
    /// # Errors
    /// [`ProofError`]: nothing was proven.
    pub async fn prove(&mut self, log: &Log) -> Result<Option<Mismatch>, ProofError> {
        if let Some(mismatch) = proof::of_tree(&self.reached, log).await? {
            return Ok(Some(mismatch));
        }
        match answered(self.rescan()).await {
            Ok(found) => Ok(proof::of_rows(&self.reached, &found)),
            Err(error) => match proof::damage(&error) {
                Some(reason) => Ok(Some(Mismatch::Damaged { reason })),
                None => Err(error.into()),
            },
        }
    }

    /// Whether its pages are whole, and its tables, indexes and declarations what they should be.
    pub async fn integrity(&mut self) -> Result<Option<Mismatch>, TableError> {
        let mismatch = integrity::of_file(&mut self.writer).await?;
        if mismatch.is_some() || !self.built {
            return Ok(mismatch);
        }
        integrity::of_schema(&mut self.writer, &*self.view).await
    }

    /// Ends the building: from now on the file has its indexes and can be read while it follows.
    /// Nothing may be uncommitted.
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        if !self.built {
            if self.erased {
                self.write_anew().await?;
            }
            schema::finish(&mut self.writer, &*self.view).await?;
            self.built = true;
            // What was written without waiting for the disk is brought there before it is relied
            // on.
            std::fs::File::open(self.database())?.sync_all()?;
            self.set_up().await?;
        }
        self.open_index().await?;
        self.catch_up_index().await
    }

    /// Lets go of the file; its readers go on.
    pub async fn close(self) {
        answered(self.put_away()).await;
    }

    /// Closes a file that nobody opens again. Nothing is written to it any more, so that nobody is
    /// waited for who still reads it.
    pub async fn discard(mut self) {
        self.journal = None;
        answered(self.let_go()).await;
    }

    async fn let_go(self) {
        if let Some(index) = &self.index {
            index.let_go().await;
        }
        // Whatever this says, all that was committed is in the file and its journal.
        let _ = self.writer.close().await;
    }

    async fn put_away(mut self) {
        if let Err(error) = self.commit().await {
            tracing::debug!(%error, "the last of a view is folded again at the next start");
        }
        self.journal = None;
        let flushed = self.built && self.flush().await.is_ok();
        let folder = self.path.clone();
        self.let_go().await;
        if flushed && let Err(error) = seal::leave(&folder) {
            tracing::debug!(%error, "the next start reads the whole file");
        }
    }
}

impl std::fmt::Debug for ViewFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ViewFile");
        shown
            .field("folder", &self.folder)
            .field("position", &self.position());
        shown.finish_non_exhaustive()
    }
}
