//! Looking into a view that is being read: does it hold what the log says?

use meguri_log::Position;
use serde::{Deserialize, Serialize};

use crate::{
    ask::Ask,
    certificate::Certificate,
    proof::{self, Mismatch, ProofError},
    read::QueryError,
    rescan,
    row::TableError,
    views::{RebuildError, Views},
};

/// What was found of a view that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Where the view stood.
    pub position: Position,
    /// How many rows it had.
    pub rows: u64,
    /// The digest of its rows, in short.
    pub content: String,
    /// How it is not what it should be; none where it is.
    pub mismatch: Option<Mismatch>,
}

/// Why a view was not looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such view, or it cannot be asked any more.
    #[error(transparent)]
    View(#[from] RebuildError),
    /// It cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing was proven. Try again.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Views {
    /// Compares what a view has consumed with the log's own root, and every row with what was
    /// written, as of one moment; members go on reading. A view that is not what it should be is
    /// served no more, and is built anew.
    ///
    /// # Errors
    /// [`InspectError`] where nothing could be compared.
    pub async fn prove(&self, view: &str) -> Result<Proven, InspectError> {
        let slot = self
            .slot(view)
            .ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        let readers = slot.readers().ok_or(QueryError::NotReady(slot.name()))?;
        let proven = match self.look(&readers, slot).await {
            Ok(proven) => proven,
            Err(ProofError::File(error)) => {
                let reason = proof::damage(&error).ok_or(ProofError::File(error))?;
                Proven {
                    position: Position::ZERO,
                    rows: 0,
                    content: String::new(),
                    mismatch: Some(Mismatch::Damaged { reason }),
                }
            }
            Err(error @ ProofError::Log(_)) => return Err(error.into()),
        };
        if let Some(mismatch) = &proven.mismatch {
            self.ask(view, Ask::Withdraw(mismatch.clone())).await?;
        }
        Ok(proven)
    }

    async fn look(
        &self,
        readers: &sqlx::SqlitePool,
        slot: &crate::slot::Slot,
    ) -> Result<Proven, ProofError> {
        // One moment of the file, however long it takes to read it.
        let mut moment = readers.begin().await.map_err(TableError::from)?;
        let (certificate, _) = Certificate::read(&mut moment)
            .await
            .map_err(TableError::from)?;
        let found = rescan::content(&mut moment, &*slot.view).await?;
        drop(moment);
        let mut mismatch = proof::of_tree(&certificate, self.log()).await?;
        if mismatch.is_none() {
            mismatch = proof::of_rows(&certificate, &found);
        }
        Ok(Proven {
            position: certificate.position(),
            rows: found.rows(),
            content: found.short(),
            mismatch,
        })
    }
}
