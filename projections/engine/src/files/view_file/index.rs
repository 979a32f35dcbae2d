//! The index beside the rows, where the view is searched.

use std::sync::Arc;

use meguri_log::Position;
use sqlx::SqlitePool;

use super::ViewFile;
use crate::files::{
    error::{IndexTrouble, StoreError},
    index::TextIndex,
};

/// An index, and the rows that it is made of.
#[derive(Clone)]
pub struct Indexed {
    pub index: Arc<TextIndex>,
    pub readers: SqlitePool,
}

impl ViewFile {
    /// The index, where the view has one and its rows can be read.
    pub fn index(&self) -> Option<Arc<TextIndex>> {
        self.index.clone()
    }

    pub fn indexed(&self) -> Option<Indexed> {
        let index = self.index()?;
        let readers = self.readers();
        Some(Indexed { index, readers })
    }

    /// Everything up to here can be read: rows, and what is found of them.
    pub fn readable(&self) -> Position {
        match &self.index {
            Some(index) => index.position().unwrap_or_default(),
            None => self.committed.position(),
        }
    }

    /// Whether it can be read: all that was there when it was built is in it, with its indexes.
    pub fn is_built(&self) -> bool {
        let searched = self.limits.indexed && self.view.searching().is_some();
        let found = self
            .index
            .as_ref()
            .is_some_and(|it| it.position().is_some());
        self.built && (found || !searched)
    }

    /// Opens the index, once the rows can be read.
    pub(super) async fn open_index(&mut self) -> Result<(), IndexTrouble> {
        let searching = self.view.searching().filter(|_| self.limits.indexed);
        if let Some(searching) = searching
            && self.built
            && self.index.is_none()
        {
            let fingerprint = self.view.fingerprint();
            let (path, rows) = (&self.path, &self.committed);
            let index = TextIndex::open(path, &fingerprint, searching, rows, self.as_left);
            self.index = Some(Arc::new(index.await?));
        }
        Ok(())
    }

    /// Brings the index up to date with the rows that are committed. One that fails is thrown away,
    /// and made anew of the rows.
    ///
    /// # Errors
    /// [`StoreError`]; it can be done again.
    pub async fn catch_up_index(&mut self) -> Result<(), StoreError> {
        let Some(Indexed { index, readers }) = self.indexed() else {
            return Ok(());
        };
        let trouble = match index.catch_up(&readers).await {
            Ok(_) => return Ok(()),
            Err(trouble @ (IndexTrouble::Index(_) | IndexTrouble::BrokenOff(_))) => trouble,
            Err(trouble @ (IndexTrouble::Rows(_) | IndexTrouble::Folder(_))) => {
                return Err(trouble.into());
            }
        };
        let folder = &self.folder;
        tracing::warn!(folder, %trouble, "an index is thrown away, and made anew");
        index.let_go().await;
        self.index = None;
        TextIndex::remove(&self.path)?;
        self.open_index().await?;
        if let Some(Indexed { index, readers }) = self.indexed() {
            index.catch_up(&readers).await?;
        }
        Ok(())
    }
}
