//! The index of a view that is searched: documents made of its rows, in a folder beside them.
//!
//! It is made of the rows alone, so it is thrown away and made again without reading the log. Each
//! commit says which rows it holds: their fingerprint, position and tree.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use meguri_log::Position;
use meguri_search::{Document, Index, IndexError, Searcher, Synonyms, UserWord, contains};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, watch};

use crate::{
    files::{certificate::Certificate, error::IndexTrouble, seal::Stamp},
    folding::{
        digest::TableDigest,
        search::{IndexSource, IndexedRow, Searching, Words},
    },
};

mod open;
mod pages;
mod proof;

use open::{IndexOpening, Payload, payload};
use pages::Pages;

/// The folder of the index, in that of the view.
const FOLDER: &str = "index";

/// Documents made of rows.
pub struct TextIndex {
    index: Arc<Index>,
    /// What it is made of.
    source: &'static dyn IndexSource,
    fingerprint: String,
    /// Held by who changes it, one at a time: the sums over the words that are in force.
    turn: Mutex<Option<Vec<TableDigest>>>,
    synonyms: RwLock<Arc<Synonyms>>,
    reached: watch::Sender<Option<Position>>,
    /// The files of the last commit, and what they looked like.
    stamps: RwLock<Vec<(PathBuf, Stamp)>>,
}

/// How far the index has caught up, and whether that took a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    pub position: Position,
    pub committed: bool,
}

impl TextIndex {
    /// Opens the index beside the rows of a view of this fingerprint. One that is not of these
    /// rows is thrown away: it has no position then, and holds nothing.
    ///
    /// # Errors
    /// [`IndexTrouble`] where the folder cannot be used.
    pub async fn open(
        view: &Path,
        fingerprint: &str,
        searching: Searching,
        rows: &Certificate,
        as_left: bool,
    ) -> Result<Self, IndexTrouble> {
        let Searching { analyzer, source } = searching;
        let opening = IndexOpening {
            as_left,
            folder: view.join(FOLDER),
            fingerprint: fingerprint.to_owned(),
            analyzer,
            rows: rows.clone(),
        };
        let (index, position) = opening.open().await?;
        Ok(Self {
            index: Arc::new(index),
            source,
            fingerprint: fingerprint.to_owned(),
            turn: Mutex::default(),
            synonyms: RwLock::default(),
            reached: watch::Sender::new(position),
            stamps: RwLock::default(),
        })
    }

    /// Removes the index of a view, if there is one: it is made anew of the rows.
    ///
    /// # Errors
    /// Where something is still there.
    pub fn remove(view: &Path) -> io::Result<()> {
        open::remove(&view.join(FOLDER))
    }

    /// Whether nobody else has written to the files of the last commit, as far as can be seen from
    /// outside. Those that are gone were merged into others.
    pub fn is_whole(&self) -> bool {
        let stamps = self.stamps.read().unwrap_or_else(PoisonError::into_inner);
        stamps
            .iter()
            .all(|(path, stamp)| Stamp::of(path).is_ok_and(|now| now == *stamp) || !path.exists())
    }

    /// Whether a file is shorter than it was: reading it would end the process.
    fn is_cut_short(&self) -> bool {
        let stamps = self.stamps.read().unwrap_or_else(PoisonError::into_inner);
        let shorter = |(path, stamp): &(PathBuf, Stamp)| {
            Stamp::of(path).is_ok_and(|now| now.is_shorter_than(stamp))
        };
        stamps.iter().any(shorter)
    }

    /// From now on the files of the last commit are watched, as they are.
    pub fn seal(&self) {
        let files = self.index.files().unwrap_or_default().into_iter();
        let stamps = files.filter_map(|path| Stamp::of(&path).ok().map(|stamp| (path, stamp)));
        let stamps = stamps.collect();
        *self.stamps.write().unwrap_or_else(PoisonError::into_inner) = stamps;
    }

    /// What can be found is that of the rows as of here; none where it has never caught up.
    pub fn position(&self) -> Option<Position> {
        *self.reached.borrow()
    }

    /// What can be searched now, and the words that stand for each other.
    pub fn searcher(&self) -> (Searcher, Arc<Synonyms>) {
        let synonyms = self.synonyms.read();
        let synonyms = Arc::clone(&synonyms.unwrap_or_else(PoisonError::into_inner));
        (self.index.searcher(), synonyms)
    }

    /// Takes up what has changed in the rows.
    ///
    /// # Errors
    /// [`IndexTrouble`]; it can be done again, and starts from the last commit.
    pub async fn catch_up(&self, rows: &SqlitePool) -> Result<CaughtUp, IndexTrouble> {
        let mut turn = self.turn.lock().await;
        self.catch_up_within(&mut turn, rows, After::Commit).await
    }

    /// Catches up, and leaves nothing of what was removed in any file.
    ///
    /// # Errors
    /// [`IndexTrouble`]; it can be done again.
    pub async fn purge(&self, rows: &SqlitePool) -> Result<(), IndexTrouble> {
        let mut turn = self.turn.lock().await;
        self.catch_up_within(&mut turn, rows, After::Purge).await?;
        Ok(())
    }

    /// Takes up nothing more: what is found stays as it is, and others may open the folder.
    pub async fn let_go(&self) {
        let _turn = self.turn.lock().await;
        let let_go = |index: &Index| {
            index.let_go();
            Ok(())
        };
        if let Err(trouble) = self.ask(let_go).await {
            tracing::warn!(%trouble, "an index is not let go");
        }
    }

    async fn catch_up_within(
        &self,
        words: &mut Option<Vec<TableDigest>>,
        rows: &SqlitePool,
        after: After,
    ) -> Result<CaughtUp, IndexTrouble> {
        let mut moment = rows.begin().await?;
        let (certificate, _) = Certificate::read(&mut moment).await?;
        let reached = self.position();
        let from = reached.unwrap_or_default();
        let content = &certificate.content;
        let tables = self.source.word_tables().iter();
        let sums = Some(tables.map(|table| content.of(table)).collect());
        let renamed = if *words == sums {
            Vec::new()
        } else {
            self.take_words(&mut moment, from).await?
        };
        let mut changed = self.take_changed(&mut moment, from).await?;
        if reached.is_some() && !renamed.is_empty() {
            changed |= self.take_those_with(&mut moment, &renamed).await?;
        }
        let position = certificate.position();
        let committed = changed || reached.is_none() || after == After::Purge;
        if committed {
            self.commit(&certificate, after).await?;
        }
        moment.rollback().await?;
        // Not before: rows that have a new word are taken up again where this broke off.
        *words = sums;
        self.reached.send_replace(Some(position));
        Ok(CaughtUp {
            position,
            committed,
        })
    }

    async fn commit(&self, rows: &Certificate, after: After) -> Result<(), IndexTrouble> {
        let payload = Payload {
            fingerprint: self.fingerprint.clone(),
            position: rows.position(),
            root: rows.frontier.root().to_string(),
        };
        let payload = serde_json::to_string(&payload).map_err(io::Error::from)?;
        self.ask(move |index| match after {
            After::Commit => index.commit(&payload),
            After::Purge => index.purge(&payload),
        })
        .await?;
        self.seal();
        Ok(())
    }

    /// Puts the words of the rows in force. Answers which have changed.
    async fn take_words(
        &self,
        moment: &mut Transaction<'static, Sqlite>,
        from: Position,
    ) -> Result<Vec<UserWord>, IndexTrouble> {
        let Words {
            whole,
            changed,
            synonyms,
        } = self.source.words(moment, from).await?;
        let synonyms = self
            .ask(move |index| {
                index.set_words(&whole)?;
                Ok(Synonyms::new(index.searcher().analyzer(), &synonyms))
            })
            .await?;
        let mut ours = self
            .synonyms
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *ours = Arc::new(synonyms);
        Ok(changed)
    }

    /// Takes up the rows that have changed.
    async fn take_changed(
        &self,
        moment: &mut Transaction<'static, Sqlite>,
        from: Position,
    ) -> Result<bool, IndexTrouble> {
        let mut pages = Pages::after(from, self.source);
        let mut changed = false;
        while let Some(rows) = pages.next(moment).await? {
            changed = true;
            self.take(rows).await?;
        }
        Ok(changed)
    }

    /// Takes up once more the rows that have one of these words: they are cut otherwise now.
    async fn take_those_with(
        &self,
        moment: &mut Transaction<'static, Sqlite>,
        words: &[UserWord],
    ) -> Result<bool, IndexTrouble> {
        let mut pages = Pages::after(Position::ZERO, self.source);
        let mut changed = false;
        while let Some(mut rows) = pages.next(moment).await? {
            rows.retain(|row| row.document.as_ref().is_some_and(|it| mentions(it, words)));
            changed |= !rows.is_empty();
            self.take(rows).await?;
        }
        Ok(changed)
    }

    async fn take(&self, rows: Vec<IndexedRow>) -> Result<(), IndexTrouble> {
        self.ask(move |index| {
            for row in &rows {
                match &row.document {
                    Some(document) => index.put(document)?,
                    None => index.remove(row.id)?,
                }
            }
            Ok(())
        })
        .await
    }

    /// Runs what blocks where that hinders nobody.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexTrouble> {
        let index = Arc::clone(&self.index);
        let done = tokio::task::spawn_blocking(move || work(&index)).await;
        let done = done.map_err(|error| IndexTrouble::BrokenOff(error.to_string()))?;
        Ok(done?)
    }

    /// Removes a document whose row is there: a mistake that has to be found.
    #[doc(hidden)]
    pub async fn forget(&self, id: uuid::Uuid) -> Result<(), IndexTrouble> {
        let payload = self.index.payload().unwrap_or_default();
        let forgotten = self.ask(move |index| {
            index.remove(id)?;
            index.commit(&payload)
        });
        forgotten.await
    }

    /// What the last commit says of itself.
    fn payload(&self) -> Option<Payload> {
        payload(&self.index)
    }
}

/// What is done when the rows are taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Commit,
    Purge,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("TextIndex");
        shown.field("position", &self.position());
        shown.finish_non_exhaustive()
    }
}

/// Whether one of these words stands in a document.
fn mentions(document: &Document, words: &[UserWord]) -> bool {
    let texts = [&document.title, &document.body].into_iter();
    let mut texts = texts.chain(&document.tags);
    texts.any(|text| words.iter().any(|word| contains(text, &word.surface)))
}
