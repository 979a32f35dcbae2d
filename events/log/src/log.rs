//! The log as its users see it: one handle to append, read, follow and open.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use meguri_supervision::{OnFailure, Supervisor};
use tokio::{sync::Mutex, task::JoinHandle};
use zeroize::Zeroizing;

use crate::{
    apart,
    append::{Append, AppendError, Appended, AppendedEvent, Condition, NewEvent, RequestKey},
    appending::{Appending, AppendsFail},
    audit::store::AuditStore,
    backend::Backend,
    blocks::Blocks,
    clock::{Clock, Timestamp},
    clock_guard::{ClockGuard, ClockState},
    decide::{DoneBefore, Prepared, PreparedEvent},
    follow::{Follower, Recent},
    found::require_ours,
    header::{self, OpenHeader},
    identity,
    known_head::HeadWatch,
    limits::{APPEND_BYTES_MAX, EVENT_BYTES_MAX, READ_EVENTS_MAX, SCAN_POSITIONS_MAX, within},
    options::{Location, LogOptions, OpenError},
    postgres::PostgresStore,
    publish::store::PublishStore,
    queue::Queue,
    randomness::{self, Randomness},
    reach::{OutOfReach, Reach},
    read::{Filter, ReadError, StreamRange},
    recorded::{Block, Recorded},
    seal,
    sqlite::SqliteStore,
    store::{Head, Store},
    stream::{Position, StreamName, Version},
    vault::{Belonging, BelongingError, Kek, LostKeysError, Vault},
    writer::{RESOLVE_FOR, Writer},
};

/// Bytes that a request which had nothing to do takes of the queue.
const REMEMBERED_BYTES: usize = 512;

/// An append-only event log. Cloning is cheap, and all clones share one writer.
#[derive(Clone)]
pub struct Log(Arc<Opened>);

struct Opened {
    store: Arc<dyn Store>,
    published: Arc<dyn PublishStore>,
    audited: Arc<dyn AuditStore>,
    vault: Vault,
    /// Whether that is the one of this log, or an empty one in its place.
    has_vault: bool,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    guard: Arc<ClockGuard>,
    queue: Queue,
    recent: Arc<Recent>,
    /// The loops of this process; told to stop when the log is closed.
    supervisor: Supervisor,
    appending: Arc<Appending>,
    reach: Arc<Reach>,
    /// Taken by who has seen it end: everything is closed after it, and once.
    writer: Mutex<Option<JoinHandle<()>>>,
    watcher: JoinHandle<()>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The writer ends when nobody can ask it any more.
        self.supervisor.stop();
        self.watcher.abort();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("head", &self.known_head())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens a log and its vault, making both where they are new, and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed that a second try would trip over.
    pub async fn open(options: &LogOptions) -> Result<Self, OpenError> {
        let (clock, answer) = (Arc::clone(&options.clock), options.answer_within);
        let (backend, vault) = match &options.location {
            Location::Sqlite { log, vault } => {
                require_ours(log, Some(vault), false).await?;
                let backend = Backend::new(SqliteStore::open(log, answer).await?);
                (backend, format!("sqlite:{}", vault.display()))
            }
            Location::Postgres { log, vault } => {
                // What shares sessions is refused first: nothing else could be asked through it.
                let store = PostgresStore::open_read_only(log, answer).await?;
                apart::are_databases(log, vault, answer).await?;
                store.migrate(answer).await?;
                (Backend::new(store), vault.clone())
            }
        };
        let head = backend.store.head().await?;
        let is_empty = head.position == Position::ZERO;
        if is_empty {
            backend.keep_first_place().await?;
        }
        let (lifetime, told) = (options.token_lifetime, Arc::clone(&clock));
        let vault = Vault::open(&vault, &options.kek, is_empty, told, lifetime, answer).await?;
        match vault.belongs_to(&*backend.store).await {
            Ok(Belonging::Own) => {}
            Ok(Belonging::Emptied) => return Err(OpenError::Emptied),
            Ok(Belonging::Other) => return Err(OpenError::OtherLog),
            Err(BelongingError::Log(error)) => return Err(error.into()),
            Err(BelongingError::Vault(error)) => return Err(OpenError::Vault(error.into())),
        }
        let guard = ClockGuard::new(Arc::clone(&clock), head, options.clock_jump_max);
        let guard = Arc::new(guard);
        // A clock that is ahead would have requests forgotten that may still be repeated.
        if guard.state(head.at) == ClockState::Right {
            backend.store.forget_outcomes(clock.now()).await?;
        }
        let resolve_for = RESOLVE_FOR.min(answer);
        let (told, vault) = (Arc::clone(&guard), (vault, true));
        let surroundings = (clock, Arc::clone(&options.randomness));
        let log = Self::start(backend, vault, surroundings, head, resolve_for, told);
        guard.say_state(head.at);
        match log.end_tokens_of_an_older_vault().await {
            Ok(()) => {
                log.watch_reach();
                Ok(log)
            }
            Err(error) => {
                log.close().await;
                Err(OpenError::Unavailable(error.to_string()))
            }
        }
    }

    /// Looks from now on whether log and vault can be reached.
    fn watch_reach(&self) {
        let (published, vault) = (Arc::clone(&self.0.published), self.vault().clone());
        let watching = Arc::clone(&self.0.reach).watch(published, vault);
        let stop = self.0.supervisor.stopping().clone();
        let until = stop.clone();
        let watching = async move { until.run_until_cancelled(watching).await.unwrap_or(()) };
        let (name, unready) = ("reach of log and vault", OnFailure::Unready);
        self.0.supervisor.spawn(name, unready, &stop, watching);
    }

    /// A vault that was put back holds tokens that were revoked since, and nobody can tell which:
    /// all of them end, and everybody logs in again.
    async fn end_tokens_of_an_older_vault(&self) -> Result<(), LostKeysError> {
        if self.has_older_vault().await? {
            let tokens = self.vault().revoke_all_tokens().await?;
            tracing::warn!(
                tokens,
                "the vault is older than the log, as a backup that was put back is: tokens that \
                 were revoked since live in it again, so every token has ended"
            );
        }
        self.begin_vault_generation().await
    }

    /// Opens a log that is there to look into it: nothing is written, nothing of an older release
    /// is brought up to date, and on SQLite no file is left behind. Without its vault sealed
    /// sections are not opened, and an audit does not look at them.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_read_only(options: &LogOptions, has_vault: bool) -> Result<Self, OpenError> {
        let (clock, answer) = (Arc::clone(&options.clock), options.answer_within);
        let (backend, vault) = match &options.location {
            Location::Sqlite { log, vault } => {
                require_ours(log, has_vault.then_some(vault), true).await?;
                let backend = Backend::new(SqliteStore::open_read_only(log, answer).await?);
                (backend, format!("sqlite:{}", vault.display()))
            }
            Location::Postgres { log, vault } => {
                let store = PostgresStore::open_read_only(log, answer).await?;
                store.require_current().await?;
                (Backend::new(store), vault.clone())
            }
        };
        let head = backend.store.head().await?;
        let told = Arc::clone(&clock);
        let vault = if has_vault {
            Vault::open_read_only(&vault, &options.kek, told, answer).await?
        } else {
            let kek = Kek::Given(Zeroizing::new([0; 32]));
            let lifetime = options.token_lifetime;
            Vault::open("sqlite::memory:", &kek, true, told, lifetime, answer).await?
        };
        let resolve_for = RESOLVE_FOR.min(answer);
        let guard = ClockGuard::new(Arc::clone(&clock), head, options.clock_jump_max);
        let (vault, guard) = ((vault, has_vault), Arc::new(guard));
        let surroundings = (clock, Arc::clone(&options.randomness));
        let log = Self::start(backend, vault, surroundings, head, resolve_for, guard);
        Ok(log)
    }

    /// Starts what runs for as long as a log is open.
    pub(crate) fn start(
        backend: Backend,
        (vault, has_vault): (Vault, bool),
        (clock, randomness): (Arc<dyn Clock>, Arc<dyn Randomness>),
        head: Head,
        resolve_for: Duration,
        guard: Arc<ClockGuard>,
    ) -> Self {
        let Backend {
            store,
            published,
            audited,
        } = backend;
        let (queue, waiting) = Queue::new();
        let recent = Arc::new(Recent::new(head.position));
        let supervisor = Supervisor::new();
        let closing = supervisor.stopping();
        let (shared, told) = (Arc::clone(&recent), Arc::clone(&guard));
        let appending = Arc::new(Appending::default());
        let writer = Writer::new(
            Arc::clone(&store),
            told,
            waiting,
            head,
            shared,
            Arc::clone(&appending),
            resolve_for,
        );
        let writer = writer.run(closing.clone());
        let writer = supervisor.spawn("writer", OnFailure::EndProcess, closing, writer);
        let (watching, hints) = (Arc::clone(&store), Arc::clone(&recent));
        let watching = async move { watching.watch_head(hints).await };
        let watcher = supervisor.spawn("watcher", OnFailure::EndProcess, closing, watching);
        let writer = Mutex::new(Some(writer));
        Self(Arc::new(Opened {
            store,
            published,
            audited,
            vault,
            has_vault,
            clock,
            randomness,
            guard,
            queue,
            recent,
            supervisor,
            appending,
            reach: Arc::default(),
            writer,
            watcher,
        }))
    }

    /// Appends all of it or nothing, and answers when it is durable.
    ///
    /// Once this is under way, dropping the future does not take the request back.
    ///
    /// # Errors
    /// [`AppendError`] says what the caller can do.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let prepared = self.prepare(append).await?;
        self.enqueue(prepared).await
    }

    /// Remembers under its key that a request had nothing to do, for an event that is there had
    /// done it: `done` is that event's stream and version. Repeated, it answers so again, whatever
    /// has happened since; another request under the key is refused.
    ///
    /// # Errors
    /// [`AppendError`], as [`Log::append`]; [`AppendError::NotDone`] where there is no such event.
    pub async fn remember(
        &self,
        key: RequestKey,
        conditions: Vec<Condition>,
        (stream, version): (StreamName, Version),
    ) -> Result<Appended, AppendError> {
        let range = StreamRange {
            limit: 1,
            ..StreamRange::forward_from(version)
        };
        let found = self.0.store.read_stream(&stream, range).await;
        let found = found.map_err(|error| AppendError::Unavailable(error.to_string()))?;
        let event = found.first().filter(|event| event.version() == version);
        // One that was emptied is followed by the event that says so.
        let Some(Ok(header)) = event.and_then(|event| event.header()) else {
            return Err(AppendError::NotDone { stream, version });
        };
        let event = AppendedEvent {
            id: header.id,
            stream,
            version,
            position: found[0].position(),
        };
        let done_before = DoneBefore {
            event,
            at: header.at,
            entry: *found[0].entry(),
        };
        let bytes = REMEMBERED_BYTES;
        self.enqueue(Prepared {
            events: Vec::new(),
            done_before: Some(done_before),
            conditions,
            key: Some(key),
            bytes,
        })
        .await
    }

    async fn enqueue(&self, prepared: Prepared) -> Result<Appended, AppendError> {
        let appended = self.0.queue.append(prepared).await?;
        let is_first = |event: &AppendedEvent| event.position == Position::new(1);
        // An empty vault in the place of that of this log belongs to none.
        if self.0.has_vault
            && appended.events.first().is_some_and(is_first)
            && let Err(error) = self.0.vault.belongs_to(self.store()).await
        {
            // The next start does it.
            tracing::warn!(%error, "the vault does not know yet to which log it belongs");
        }
        Ok(appended)
    }

    /// Checks a request and makes every byte of it that does not depend on its place.
    async fn prepare(&self, append: Append) -> Result<Prepared, AppendError> {
        header::check(&append)?;
        let Append {
            cause,
            events,
            conditions,
            key,
        } = append;
        let mut prepared = Prepared {
            events: Vec::new(),
            done_before: None,
            conditions,
            key,
            bytes: 0,
        };
        for event in events {
            let (listed, sealed) = seal::seal(&event, &self.0.vault, &*self.0.randomness).await?;
            let header = OpenHeader::new(&event, &cause, &listed);
            let NewEvent {
                id,
                stream,
                event_type,
                ..
            } = event;
            let bytes = header.len_max() + sealed.len();
            within("bytes of an event:", bytes, EVENT_BYTES_MAX)?;
            prepared.bytes += bytes;
            let blind = randomness::random(&*self.0.randomness)?;
            let event_type = event_type.into_owned();
            let event = PreparedEvent {
                id,
                stream,
                event_type,
                header,
                blind,
                sealed,
            };
            prepared.events.push(event);
        }
        within("bytes of an append:", prepared.bytes, APPEND_BYTES_MAX)?;
        Ok(prepared)
    }

    /// What a request under this key came to, if it was ever appended.
    ///
    /// # Errors
    /// [`AppendError::KeyReused`] where the key belongs to another request.
    pub async fn outcome(&self, key: &RequestKey) -> Result<Option<Appended>, AppendError> {
        let outcomes = self.0.store.outcomes(&[key.key], self.0.clock.now()).await;
        let outcomes = outcomes.map_err(|error| AppendError::Unavailable(error.to_string()))?;
        match outcomes.get(&key.key) {
            None => Ok(None),
            Some(stored) if stored.request != key.request => Err(AppendError::KeyReused),
            Some(stored) => Ok(Some(Appended {
                repeated: true,
                ..stored.outcome.clone()
            })),
        }
    }

    /// Events of one stream; none where it does not exist.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, ReadError> {
        let range = StreamRange {
            limit: range.limit.min(READ_EVENTS_MAX),
            ..range
        };
        Ok(identity::read(&*self.0.store, stream, range).await?)
    }

    /// A block of events after a position, in the order of the log. Read on from [`Block::up_to`];
    /// the end is reached when that stays where it was.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Block, ReadError> {
        let limit = limit.clamp(1, READ_EVENTS_MAX);
        let head = self.head().await?.position;
        let scanned = Position::new(after.get().saturating_add(SCAN_POSITIONS_MAX));
        let whole = filter.is_everything() || filter.names_a_stream();
        let bound = if whole { head } else { head.min(scanned) };
        if bound <= after {
            return Ok(Block {
                events: Vec::new(),
                up_to: after,
            });
        }
        let events = self.0.store.read_block(after, bound, filter, limit).await?;
        let full = events.len() == limit;
        let last = events.last().filter(|_| full).map(Recorded::position);
        Ok(Block {
            events,
            up_to: last.unwrap_or(bound),
        })
    }

    /// Block after block of the events after a position that the filter lets through, up to where
    /// the log ends when that is reached. Further blocks are read while one is being used.
    pub fn read_ahead(&self, after: Position, filter: Filter) -> Blocks {
        Blocks::start(self.clone(), after, filter)
    }

    /// The events of a range of positions, which is no longer than one read may answer.
    pub(crate) async fn read_range(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
    ) -> Result<Block, ReadError> {
        let length = up_to.get().saturating_sub(after.get());
        let limit = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(READ_EVENTS_MAX);
        let events = self.0.store.read_block(after, up_to, filter, limit).await?;
        Ok(Block { events, up_to })
    }

    /// The version of a stream; [`Version::ZERO`] where it does not exist.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn stream_head(&self, stream: &StreamName) -> Result<Version, ReadError> {
        let heads = self
            .0
            .store
            .stream_heads(std::slice::from_ref(stream))
            .await?;
        let head = heads.get(stream).copied();
        Ok(head.expect("INVARIANT: backends answer one version for each stream"))
    }

    /// The versions of these streams at one moment; [`Version::ZERO`] for those that do not exist.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn stream_heads(
        &self,
        streams: &[StreamName],
    ) -> Result<HashMap<StreamName, Version>, ReadError> {
        Ok(self.0.store.stream_heads(streams).await?)
    }

    /// Where the log ends.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn head(&self) -> Result<Head, ReadError> {
        Ok(self.0.store.head().await?)
    }

    /// The newest position that this process has heard of, without asking.
    pub fn known_head(&self) -> Position {
        self.0.recent.head().position()
    }

    /// Waits until [`Log::known_head`] moves.
    pub fn watch_head(&self) -> HeadWatch {
        self.0.recent.head().watch()
    }

    /// Every event after a position, as they come.
    pub fn follow(&self, after: Position) -> Follower {
        let (recent, store) = (Arc::clone(&self.0.recent), Arc::clone(&self.0.store));
        Follower::new(after, recent, store, self.0.supervisor.stopping().clone())
    }

    /// What stores the events.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// What stores tiles and checkpoints.
    pub(crate) fn published(&self) -> &dyn PublishStore {
        &*self.0.published
    }

    /// What gives back everything as it is stored.
    pub(crate) fn audited(&self) -> &dyn AuditStore {
        &*self.0.audited
    }

    /// Whether sealed sections can be opened: not so where it was opened without its vault.
    pub fn has_vault(&self) -> bool {
        self.0.has_vault
    }

    /// The vault of this log.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// How the clock stands to the log, whose last event was at this time ([`Head::at`]).
    pub fn clock_state(&self, last: Timestamp) -> ClockState {
        self.0.guard.state(last)
    }

    /// What watches over the loops that work on this log, here and above.
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// What tells the time of events.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Since when appends fail, and why; none while they work.
    ///
    /// It costs nothing to ask. A log that is closed, and one whose writer has ended, fails.
    pub fn appends_fail(&self) -> Option<AppendsFail> {
        self.0.appending.failing()
    }

    /// Since when log or vault cannot be reached, or are not where they were opened, and why; none
    /// while they can. It costs nothing to ask.
    pub fn out_of_reach(&self) -> Option<OutOfReach> {
        self.0.reach.lost()
    }

    /// Takes no more appends, finishes those accepted, and closes both databases. Asked again, also
    /// at the same time or after a first caller was dropped, it waits for the same end.
    pub async fn close(&self) {
        self.0.supervisor.stop();
        // INVARIANT: nobody comes by this lock while the writer drains, so the store is closed
        // after it, whoever asks first.
        let mut draining = self.0.writer.lock().await;
        if let Some(writer) = &mut *draining {
            // A writer that panicked has already dropped its requests, which were answered
            // `Unknown`.
            let _ = writer.await;
            *draining = None;
        }
        self.0.watcher.abort();
        self.0.store.close().await;
        if self.0.has_vault {
            self.0.vault.close().await;
        }
    }
}
