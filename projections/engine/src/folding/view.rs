//! What a view is: a pure fold of events into rows, without clock, chance, I/O or other views.

use std::{
    any::Any,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_trait::async_trait;
use meguri_log::Position;
use meguri_search::Analyzer;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use crate::folding::{
    decode::Decoded,
    digest::Content,
    erasure::Erasure,
    facts::Facts,
    kinds::Kinds,
    outcome::Poison,
    redactions::Redactions,
    row::TableError,
    search::{IndexSource, Searching},
    table::{AnyRows, FoldError, RowWatcher},
};

/// A view: which events it wants, which rows they touch, and what they do to them.
///
/// A value of the type holds the rows that it works on, and nothing else. The rows that come out
/// may depend on the events and their order only, never on where the blocks were cut: everything a
/// fold reads has to be asked for in [`View::keys`].
pub trait View: Default + Send + 'static {
    /// What the events of its catalog say.
    type Fact: 'static;

    /// The name, as in paths, routes and commands.
    const NAME: &'static str;
    /// Raised when the fold changes while the schema stays; part of the fingerprint.
    const VERSION: u32;
    /// The tables, from the `.sql` file beside the view.
    const SCHEMA: &'static str;
    /// The types of the events it wants. Others are skipped undecoded.
    const WANTS: &'static [&'static str];

    /// Asks for the rows that the fold of this event reads. The event alone decides.
    fn keys(&mut self, fact: &Self::Fact);

    /// Changes rows by this event.
    ///
    /// # Errors
    /// [`FoldError`] where the event cannot be folded: the view stops there, loudly.
    fn fold(&mut self, fact: &Self::Fact, event: &Decoded) -> Result<(), FoldError>;

    /// All its tables.
    fn tables(&mut self) -> Vec<&mut dyn AnyRows>;

    /// Takes away the words that an erasure covers, from rows that were loaded for it. A view that
    /// has made other rows of such words changes them, too.
    fn erase(&mut self, erasure: &Erasure) {
        for table in self.tables() {
            table.erase(erasure);
        }
    }
}

/// A view that is searched.
pub trait Searched: View {
    /// What its index is made of.
    const SOURCE: &'static dyn IndexSource;
}

/// Why a block was not folded.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// This event cannot be folded, and will not be at the next attempt.
    #[error("{}", .0.reason)]
    Poison(Poison),
    /// Nothing was kept; it can be tried again.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<sqlx::Error> for BlockError {
    fn from(error: sqlx::Error) -> Self {
        Self::Table(error.into())
    }
}

impl BlockError {
    /// How far to go after this: short of the event that failed, where that is known; half as far,
    /// where it is one of several.
    pub fn narrowed(self, events: &[&Decoded]) -> (Position, Option<Poison>) {
        let poison = match (self, events) {
            (Self::Poison(poison), _) => poison,
            (Self::Table(error), [event]) => {
                let (position, name) = (event.position, event.kind.name());
                let reason =
                    format!("{name} at position {position}: its row is there already: {error}");
                Poison::new(position, reason).of(event.stream_to_park())
            }
            (Self::Table(_), several) => {
                let half = several.get((several.len() / 2).saturating_sub(1));
                return (half.map_or(Position::ZERO, |event| event.position), None);
            }
        };
        (poison.before(), Some(poison))
    }
}

/// A view whatever its type: what the worker drives.
#[async_trait]
pub trait AnyView: Send + Sync {
    fn name(&self) -> &'static str;
    fn version(&self) -> u32;
    fn schema(&self) -> &'static str;
    /// Names of the types it wants.
    fn wants(&self) -> &'static [&'static str];

    /// The types it wants.
    fn kinds(&self) -> &Kinds;

    /// The catalog that they are of.
    fn facts(&self) -> &'static dyn Facts;

    /// Whether it holds what may be erased.
    fn erases(&self) -> bool {
        self.facts().types().erase(self.kinds())
    }

    /// Its tables with their columns, those of the key first.
    fn tables(&self) -> Vec<(&'static str, &'static [&'static str])>;

    /// How it is searched, if it is.
    fn searching(&self) -> Option<Searching>;

    /// The same view, whose text is found by what this analyzer makes of it, if it is searched.
    fn searching_by(&self, analyzer: &Analyzer) -> Arc<dyn AnyView>;

    /// The same view under the next version.
    fn revised(&self) -> Arc<dyn AnyView>;

    /// The same view, which tells which events touch the rows that are watched.
    fn watched_by(&self, watcher: Arc<dyn RowWatcher>) -> Arc<dyn AnyView>;

    /// Begins to fold. `rows_kept` is how many rows of a table may stay in memory from one
    /// transaction to the next.
    fn start(&self, rows_kept: usize) -> Box<dyn AnyFold>;

    /// The first 16 hex digits of SHA-256 over all that the rows depend on beside the events.
    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.name(), &self.version().to_string(), self.schema()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        // The shape of the events it wants: what a fold sees changes with it.
        for (event_type, shape) in self.facts().shapes() {
            if self.wants().contains(&event_type) {
                hash.update(shape.as_bytes());
                hash.update([0]);
            }
        }
        if let Some(Searching { analyzer, .. }) = self.searching() {
            hash.update(analyzer.fingerprint());
        }
        let digest = hash.finalize();
        hex::encode(&digest[..8])
    }
}

/// A view type as a value.
pub struct ViewOf<V> {
    facts: &'static dyn Facts,
    kinds: Kinds,
    version: u32,
    searching: Option<Searching>,
    watcher: Option<Arc<dyn RowWatcher>>,
    view: PhantomData<fn() -> V>,
}

impl<V: View> ViewOf<V> {
    /// A view that is not searched.
    pub fn new(facts: &'static dyn Facts) -> Self {
        Self {
            facts,
            kinds: facts.types().kinds(V::WANTS),
            version: V::VERSION,
            searching: None,
            watcher: None,
            view: PhantomData,
        }
    }

    fn same(&self) -> Self {
        Self {
            version: self.version,
            searching: self.searching.clone(),
            watcher: self.watcher.clone(),
            ..Self::new(self.facts)
        }
    }
}

impl<V: Searched> ViewOf<V> {
    /// A view whose text is found by what this analyzer makes of it.
    pub fn searched(facts: &'static dyn Facts, analyzer: Analyzer) -> Self {
        let source = V::SOURCE;
        Self {
            searching: Some(Searching { analyzer, source }),
            ..Self::new(facts)
        }
    }
}

#[async_trait]
impl<V: View> AnyView for ViewOf<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn schema(&self) -> &'static str {
        V::SCHEMA
    }

    fn wants(&self) -> &'static [&'static str] {
        V::WANTS
    }

    fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    fn facts(&self) -> &'static dyn Facts {
        self.facts
    }

    fn searching(&self) -> Option<Searching> {
        self.searching.clone()
    }

    fn searching_by(&self, analyzer: &Analyzer) -> Arc<dyn AnyView> {
        let mut same = self.same();
        if let Some(searching) = &mut same.searching {
            searching.analyzer = analyzer.clone();
        }
        Arc::new(same)
    }

    fn revised(&self) -> Arc<dyn AnyView> {
        Arc::new(Self {
            version: self.version + 1,
            ..self.same()
        })
    }

    fn watched_by(&self, watcher: Arc<dyn RowWatcher>) -> Arc<dyn AnyView> {
        Arc::new(Self {
            watcher: Some(watcher),
            ..self.same()
        })
    }

    fn tables(&self) -> Vec<(&'static str, &'static [&'static str])> {
        let mut view = V::default();
        let tables = view.tables();
        tables
            .iter()
            .map(|table| (table.table(), table.columns()))
            .collect()
    }

    fn start(&self, rows_kept: usize) -> Box<dyn AnyFold> {
        let mut view = V::default();
        if let Some(watcher) = &self.watcher {
            for table in view.tables() {
                if watcher.watches(table.table()) {
                    table.watch();
                }
            }
        }
        Box::new(Fold {
            view,
            facts: self.facts,
            rows_kept,
            watcher: self.watcher.clone(),
            redactions: Arc::default(),
        })
    }
}

/// A view at work: the rows that it holds in memory.
struct Fold<V> {
    view: V,
    facts: &'static dyn Facts,
    rows_kept: usize,
    /// Hears which events touch the rows that it watches.
    watcher: Option<Arc<dyn RowWatcher>>,
    /// An event is passed over that finds no row where these explain it.
    redactions: Arc<Redactions>,
}

/// A view at work whatever its type. After any error it is of no more use, for its rows may be
/// half-changed: roll back and start another.
#[async_trait]
pub trait AnyFold: Send {
    /// Passes over events, from now on, that find no row where these explain it.
    fn pass_over(&mut self, redactions: Arc<Redactions>);

    /// Folds events in order. Rows that later folds may ask for stay in memory.
    async fn fold(
        &mut self,
        events: &[&Decoded],
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<(), BlockError>;

    /// Writes all rows that were touched, each once. The caller commits.
    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<(), TableError>;
}

#[async_trait]
impl<V: View> AnyFold for Fold<V> {
    fn pass_over(&mut self, redactions: Arc<Redactions>) {
        self.redactions = redactions;
    }

    async fn fold(
        &mut self,
        events: &[&Decoded],
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<(), BlockError> {
        let mut rest = events;
        while let Some(first) = rest.first() {
            let far = rest.iter().position(|event| event.kind.reaches_far());
            let (run, after) = match far {
                Some(0) => {
                    // Everything before it has to be in the file, where its rows are looked for.
                    self.write(connection, content).await?;
                    (std::slice::from_ref(first), &rest[1..])
                }
                Some(before) => rest.split_at(before),
                None => (rest, [].as_slice()),
            };
            self.fold_run(run, connection, content).await?;
            rest = after;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<(), TableError> {
        for table in self.view.tables() {
            let sum = content.table(table.table());
            table.write(connection, sum, self.rows_kept).await?;
        }
        Ok(())
    }
}

impl<V: View> Fold<V> {
    /// What an event erases. It comes by itself, for it reaches far.
    fn erasure(&self, event: &Decoded) -> Option<Erasure> {
        if event.kind.erases() {
            self.facts.erasure(&*event.fact, event.position)
        } else {
            None
        }
    }

    /// Folds events that may stand in memory together.
    async fn fold_run(
        &mut self,
        events: &[&Decoded],
        connection: &mut SqliteConnection,
        content: &mut Content,
    ) -> Result<(), BlockError> {
        for event in events {
            if let Some(erasure) = self.erasure(event) {
                for table in self.view.tables() {
                    table.ask_for_words(&erasure);
                }
            }
            guarded::<V>(event, |fact| {
                self.view.keys(fact);
                Ok(())
            })?;
        }
        for table in self.view.tables() {
            table.load(connection).await?;
        }
        for event in events {
            if let Some(erasure) = self.erasure(event) {
                self.view.erase(&erasure);
            }
            let explained = |key: &str| self.redactions.explain(key, event.position);
            guarded::<V>(event, |fact| match self.view.fold(fact, event) {
                Err(FoldError::NoRow { key, .. }) if explained(&key) => Ok(()),
                folded => folded,
            })?;
            if let Some(watcher) = &self.watcher {
                for table in self.view.tables() {
                    table.tell(event, &**watcher);
                }
            }
        }
        for table in self.view.tables() {
            let sum = content.table(table.table());
            table.write_block(connection, sum).await?;
        }
        Ok(())
    }
}

/// Runs code of a view; a panic in it is a failure of this event, and of nothing else.
fn guarded<V: View>(
    event: &Decoded,
    run: impl FnOnce(&V::Fact) -> Result<(), FoldError>,
) -> Result<(), BlockError> {
    let of_another = || FoldError::Impossible("it is of another catalog".to_owned());
    let run = || run(event.fact.downcast_ref().ok_or_else(of_another)?);
    // The fold is thrown away after a panic, so nothing half-changed is ever read.
    let failed = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(panic) => FoldError::Impossible(format!("the fold panicked: {}", words_of(&*panic))),
    };
    let lacks_row = match &failed {
        FoldError::NoRow { key, .. } => Some(key.clone()),
        FoldError::NotAsked { .. } | FoldError::Impossible(_) => None,
    };
    let reason = format!(
        "{} at position {}: {failed}",
        event.kind.name(),
        event.position
    );
    Err(BlockError::Poison(Poison {
        position: event.position,
        reason,
        stream: event.stream_to_park(),
        lacks_row,
    }))
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
