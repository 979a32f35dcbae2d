//! The index of a view that is searched: documents made of its rows, in a folder beside them.
//!
//! It is made of the rows alone, so it is thrown away and made again without reading the log. Each
//! commit says which rows it holds: their fingerprint, position and tree.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use meguri_log::{Log, Position};
use meguri_search::{Analyzer, Index, IndexError, Searcher, Synonyms, UserWord};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, watch};

use crate::{
    certificate::Certificate,
    digest::TableDigest,
    error::StoreError,
    proof::Mismatch,
    row::{TableError, select},
    seal::Stamp,
    views::{
        posts::Post,
        search::{SynonymGroup, Word},
    },
};

mod document;
mod follow;
mod open;
mod pages;
mod proof;

pub(crate) use follow::keep_level;

use open::{Opening, Payload, payload};
use pages::Pages;

/// The folder of the index, in that of the view.
const FOLDER: &str = "index";

/// Why the index is not level with the rows. What was committed before is whole.
#[derive(Debug, thiserror::Error)]
pub enum IndexTrouble {
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(StoreError),
    /// The index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Its folder cannot be used.
    #[error("the folder of the index cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// What was written broke off.
    #[error("writing the index broke off: {0}")]
    BrokenOff(String),
}

impl From<StoreError> for IndexTrouble {
    fn from(error: StoreError) -> Self {
        Self::Rows(error)
    }
}

impl From<sqlx::Error> for IndexTrouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Rows(error.into())
    }
}

impl From<TableError> for IndexTrouble {
    fn from(error: TableError) -> Self {
        Self::Rows(error.into())
    }
}

/// Documents made of rows.
pub(crate) struct TextIndex {
    index: Arc<Index>,
    fingerprint: String,
    /// Held by who changes it, one at a time: the sums over the words that are in force.
    turn: Mutex<Option<[TableDigest; 2]>>,
    synonyms: RwLock<Arc<Synonyms>>,
    level: watch::Sender<Option<Position>>,
    /// The files of the last commit, and what they looked like.
    stamps: RwLock<Vec<(PathBuf, Stamp)>>,
}

/// How far the index is level, and whether that took a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) position: Position,
    pub(crate) committed: bool,
}

impl TextIndex {
    /// Opens the index beside the rows of a view of this fingerprint. One that is not of these
    /// rows is thrown away: it has no position then, and holds nothing.
    ///
    /// # Errors
    /// [`IndexTrouble`] where the folder cannot be used.
    pub(crate) async fn open(
        view: &Path,
        fingerprint: &str,
        analyzer: Analyzer,
        rows: &Certificate,
        as_left: bool,
    ) -> Result<Self, IndexTrouble> {
        let opening = Opening {
            as_left,
            folder: view.join(FOLDER),
            fingerprint: fingerprint.to_owned(),
            analyzer,
            rows: rows.clone(),
        };
        let (index, position) = opening.open().await?;
        Ok(Self {
            index: Arc::new(index),
            fingerprint: fingerprint.to_owned(),
            turn: Mutex::default(),
            synonyms: RwLock::default(),
            level: watch::Sender::new(position),
            stamps: RwLock::default(),
        })
    }

    /// Removes the index of a view, if there is one: it is made anew of the rows.
    ///
    /// # Errors
    /// Where something is still there.
    pub(crate) fn remove(view: &Path) -> io::Result<()> {
        open::remove(&view.join(FOLDER))
    }

    /// Whether nobody else has written to the files of the last commit, as far as can be seen from
    /// outside. Those that are gone were merged into others.
    pub(crate) fn is_whole(&self) -> bool {
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
    pub(crate) fn seal(&self) {
        let files = self.index.files().unwrap_or_default().into_iter();
        let stamps = files.filter_map(|path| Stamp::of(&path).ok().map(|stamp| (path, stamp)));
        let stamps = stamps.collect();
        *self.stamps.write().unwrap_or_else(PoisonError::into_inner) = stamps;
    }

    /// What can be found is that of the rows as of here; none where it was never level.
    pub(crate) fn position(&self) -> Option<Position> {
        *self.level.borrow()
    }

    /// What can be searched now, and the words that stand for each other.
    pub(crate) fn searcher(&self) -> (Searcher, Arc<Synonyms>) {
        let synonyms = self.synonyms.read();
        let synonyms = Arc::clone(&synonyms.unwrap_or_else(PoisonError::into_inner));
        (self.index.searcher(), synonyms)
    }

    /// Takes up what has changed in the rows.
    ///
    /// # Errors
    /// [`IndexTrouble`]; it can be done again, and starts from the last commit.
    pub(crate) async fn level(&self, rows: &SqlitePool) -> Result<Level, IndexTrouble> {
        let mut turn = self.turn.lock().await;
        self.level_within(&mut turn, rows, After::Commit).await
    }

    /// Becomes level, and leaves nothing of what was removed in any file.
    ///
    /// # Errors
    /// [`IndexTrouble`]; it can be done again.
    pub(crate) async fn purge(&self, rows: &SqlitePool) -> Result<(), IndexTrouble> {
        let mut turn = self.turn.lock().await;
        self.level_within(&mut turn, rows, After::Purge).await?;
        Ok(())
    }

    /// Takes up nothing more: what is found stays as it is, and others may open the folder.
    pub(crate) async fn let_go(&self) {
        let _turn = self.turn.lock().await;
        let let_go = |index: &Index| {
            index.let_go();
            Ok(())
        };
        if let Err(trouble) = self.ask(let_go).await {
            tracing::warn!(%trouble, "an index is not let go");
        }
    }

    async fn level_within(
        &self,
        words: &mut Option<[TableDigest; 2]>,
        rows: &SqlitePool,
        after: After,
    ) -> Result<Level, IndexTrouble> {
        let mut moment = rows.begin().await?;
        let (certificate, _) = Certificate::read(&mut moment).await?;
        let level = self.position();
        let from = level.unwrap_or_default();
        let content = &certificate.content;
        let sums = ["word", "synonym_group"].map(|table| content.of(table));
        let renamed = if *words == Some(sums) {
            Vec::new()
        } else {
            self.take_words(&mut moment, from).await?
        };
        let mut changed = self.take_posts(&mut moment, from).await?;
        if level.is_some() && !renamed.is_empty() {
            changed |= self.take_posts_with(&mut moment, &renamed).await?;
        }
        let position = certificate.position();
        let committed = changed || level.is_none() || after == After::Purge;
        if committed {
            self.commit(&certificate, after).await?;
        }
        moment.rollback().await?;
        // Not before: posts that have a new word are taken up again where this broke off.
        *words = Some(sums);
        self.level.send_replace(Some(position));
        Ok(Level {
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
        let all: Vec<Word> = select(&mut **moment, "order by word", vec![]).await?;
        let groups: Vec<SynonymGroup> = select(&mut **moment, "order by number", vec![]).await?;
        let renamed = all.iter().filter(|word| word.changed > from);
        let renamed: Vec<UserWord> = renamed.map(user_word).collect();
        let present = all.iter().filter(|word| word.present).map(user_word);
        let present: Vec<UserWord> = present.collect();
        let groups: Vec<Vec<String>> = groups.into_iter().map(|group| group.words.0).collect();
        let synonyms = self
            .ask(move |index| {
                index.set_words(&present)?;
                Ok(Synonyms::new(index.searcher().analyzer(), &groups))
            })
            .await?;
        let mut ours = self
            .synonyms
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *ours = Arc::new(synonyms);
        drop(ours);
        Ok(renamed)
    }

    /// Takes up the posts that have changed.
    async fn take_posts(
        &self,
        moment: &mut Transaction<'static, Sqlite>,
        from: Position,
    ) -> Result<bool, IndexTrouble> {
        let mut pages = Pages::after(from);
        let mut changed = false;
        while let Some(posts) = pages.next(moment).await? {
            changed = true;
            self.take(posts).await?;
        }
        Ok(changed)
    }

    /// Takes up once more the posts that have one of these words: they are cut otherwise now.
    async fn take_posts_with(
        &self,
        moment: &mut Transaction<'static, Sqlite>,
        words: &[UserWord],
    ) -> Result<bool, IndexTrouble> {
        let mut pages = Pages::after(Position::ZERO);
        let mut changed = false;
        while let Some(mut posts) = pages.next(moment).await? {
            posts.retain(|post| document::mentions(post, words));
            changed |= !posts.is_empty();
            self.take(posts).await?;
        }
        Ok(changed)
    }

    async fn take(&self, posts: Vec<Post>) -> Result<(), IndexTrouble> {
        self.ask(move |index| {
            for post in &posts {
                match document::of(post) {
                    Some(document) => index.put(&document)?,
                    None => index.remove(post.id.uuid())?,
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
    #[cfg(test)]
    pub(crate) async fn forget(&self, id: uuid::Uuid) {
        let payload = self.index.payload().unwrap_or_default();
        self.ask(move |index| {
            index.remove(id)?;
            index.commit(&payload)
        })
        .await
        .unwrap();
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

fn user_word(word: &Word) -> UserWord {
    UserWord {
        surface: word.word.clone(),
        reading: word.reading.clone(),
    }
}
