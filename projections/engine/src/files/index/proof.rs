//! Whether the index holds what the rows make of it.

use std::collections::HashMap;

use meguri_log::{Log, Position, TreeError};
use sqlx::SqlitePool;

use super::{Pages, TextIndex};
use crate::files::{
    error::{IndexTrouble, StoreError},
    mismatch::Mismatch,
};

impl TextIndex {
    /// Compares what the last commit says of itself with the log's own root, and every document
    /// with the row that it was made of.
    ///
    /// # Errors
    /// [`IndexTrouble`] where nothing was found out.
    pub async fn look(
        &self,
        rows: &SqlitePool,
        log: &Log,
    ) -> Result<Option<Mismatch>, IndexTrouble> {
        // Nothing is committed meanwhile.
        let _turn = self.turn.lock().await;
        if self.is_cut_short() {
            let reason = "a file of its index was cut short".to_owned();
            return Ok(Some(Mismatch::Damaged { reason }));
        }
        let Some(said) = self.payload() else {
            let reason = "its index says nothing of itself".to_owned();
            return Ok(Some(Mismatch::Damaged { reason }));
        };
        if let Some(mismatch) = root(&said.root, said.position, log).await? {
            return Ok(Some(mismatch));
        }
        let documents = self.ask(|index| {
            index.check()?;
            index.searcher().documents().map(Iterator::collect)
        });
        let mut documents: HashMap<_, u64> = match documents.await {
            Ok(documents) => documents,
            // What reads it may trip over what is damaged.
            Err(trouble @ (IndexTrouble::Index(_) | IndexTrouble::BrokenOff(_))) => {
                let reason = trouble.to_string();
                return Ok(Some(Mismatch::Damaged { reason }));
            }
            Err(trouble @ (IndexTrouble::Rows(_) | IndexTrouble::Folder(_))) => {
                return Err(trouble);
            }
        };
        let mut differing = 0;
        let mut moment = rows.begin().await?;
        let mut pages = Pages::after(Position::ZERO, self.source);
        while let Some(rows) = pages.next(&mut moment).await? {
            for row in rows {
                let found = documents.remove(&row.id);
                // What has changed since is taken up by the next commit.
                let later = row.changed > said.position;
                let made = row.document.map(|document| document.row);
                differing += u64::from(!later && found != made);
            }
        }
        differing += documents.len() as u64;
        Ok((differing > 0).then_some(Mismatch::Documents { differing }))
    }
}

/// Compares the root that a commit says its rows had consumed with the log's.
async fn root(said: &str, position: Position, log: &Log) -> Result<Option<Mismatch>, IndexTrouble> {
    let (view, root) = match log.frontier_at(position).await {
        Ok(frontier) => (said.to_owned(), frontier.root().to_string()),
        Err(TreeError::Beyond { head }) => {
            return Ok(Some(Mismatch::Beyond { position, head }));
        }
        Err(TreeError::Read(error)) => {
            return Err(StoreError::from(error).into());
        }
    };
    Ok((root != view).then_some(Mismatch::Root {
        position,
        view,
        log: root,
    }))
}
