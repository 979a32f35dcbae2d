//! Whether the views that are live in a folder hold what the log says, asked by somebody who does
//! not run them.

use std::{path::Path, sync::Arc};

use meguri_log::{Log, Position};

use crate::{
    error::StoreError, pair::Pair, proof, set::ViewSet, settings::ViewSettings, shelf::Shelf,
};

/// What the certificate of a live view comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The view.
    pub view: &'static str,
    /// Up to where it has consumed the log.
    pub position: Position,
    /// How that is not what the log says.
    pub mismatch: Option<String>,
}

impl ViewSet {
    /// Compares what each view has consumed, as the file that is live in this folder says, with the
    /// log's own tree there. Views that have no file are left out. Nothing is changed, also where
    /// another process runs them.
    ///
    /// # Errors
    /// [`StoreError`] where the folder or the log cannot be read.
    pub async fn certified(&self, folder: &Path, log: &Log) -> Result<Vec<Certified>, StoreError> {
        let (limits, mut certified) = (ViewSettings::default().limits(), Vec::new());
        for view in &self.0 {
            let place = Shelf::at(folder, Arc::clone(view), limits);
            let Some(database) = place.live_database() else {
                continue;
            };
            let certificate = match Pair::open(database).await {
                Ok(mut file) => file.certificate().await,
                Err(error) => Err(error),
            };
            let (position, mismatch) = match certificate {
                Ok((_, certificate)) => {
                    let mismatch = proof::of_tree(&certificate, log).await?;
                    (certificate.position(), mismatch.map(|it| it.to_string()))
                }
                Err(error) => (Position::ZERO, Some(error.to_string())),
            };
            certified.push(Certified {
                view: view.name(),
                position,
                mismatch,
            });
        }
        Ok(certified)
    }
}
