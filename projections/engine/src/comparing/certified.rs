//! Whether the views that are live in a folder hold what the log says, asked by somebody who does
//! not run them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::{Log, Position};

use crate::{
    files::{
        error::{ProofError, StoreError},
        inspected_file::InspectedFile,
        mismatch::Mismatch,
        parked::{Parked, ParkedStream},
        proof,
        view_dir::ViewDir,
    },
    folding::view::AnyView,
    set::ViewSet,
    settings::ViewSettings,
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
    /// Streams that it goes on without: its rows are not all that the log makes of them.
    pub parked: Vec<ParkedStream>,
}

impl ViewSet {
    /// Compares what each view has consumed, as the file that is live in this folder says, with the
    /// log's own tree there, every row with what was written, and its indexes with its rows. Views
    /// that have no file are left out; of a file that another release has built, its tree is
    /// compared alone. Nothing is changed, also where another process runs them.
    ///
    /// # Errors
    /// [`StoreError`] where the folder or the log cannot be read.
    pub async fn certified(&self, folder: &Path, log: &Log) -> Result<Vec<Certified>, StoreError> {
        let (limits, mut certified) = (ViewSettings::of(self.clone()).limits(), Vec::new());
        for view in &self.views {
            let place = ViewDir::at(folder, Arc::clone(view), limits);
            let Some(database) = place.live_database() else {
                continue;
            };
            let of_today = place.other_version().is_none();
            let looked = look(database, &**view, of_today, log).await;
            let (position, mismatch, parked) = match looked {
                Ok((position, mismatch, parked)) => {
                    (position, mismatch.map(|it| it.to_string()), parked)
                }
                Err(ProofError::Log(error)) => return Err(error.into()),
                Err(ProofError::File(error)) => {
                    (Position::ZERO, Some(error.to_string()), Parked::new())
                }
            };
            let parked = parked.into_values().collect();
            certified.push(Certified {
                view: view.name(),
                position,
                mismatch,
                parked,
            });
        }
        Ok(certified)
    }
}

async fn look(
    database: PathBuf,
    view: &dyn AnyView,
    of_today: bool,
    log: &Log,
) -> Result<(Position, Option<Mismatch>, Parked), ProofError> {
    let mut file = InspectedFile::open(database).await?;
    let parked = file.parked().await?;
    if !of_today {
        let (_, certificate) = file.certificate().await?;
        let mismatch = proof::of_tree(&certificate, log).await?;
        return Ok((certificate.position(), mismatch, parked));
    }
    file.begin().await?;
    let looked = file.look(view, log).await?;
    let mismatch = match looked.mismatch {
        None => file.integrity().await?,
        found => found,
    };
    Ok((looked.position, mismatch, parked))
}
