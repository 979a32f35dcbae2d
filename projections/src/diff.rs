//! Two versions of a view side by side: what the newer one makes of the events that the older one
//! has consumed.

use std::path::PathBuf;

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    ask::RebuildStep,
    compare::TableDiff,
    inspect::{InspectError, Inspection},
    pair::Pair,
    views::Views,
};

/// How many rows of each kind are told of each table.
const SAMPLES: usize = 3;

/// How two versions of a view differ, as of the position where the older one stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The view.
    pub view: String,
    /// As of where they were compared.
    pub position: Position,
    /// The folder of the newer version, which is live.
    pub here: String,
    /// The folder of the older version, which was live before.
    pub there: String,
    /// What was found, table by table.
    pub tables: Vec<TableDiff>,
}

impl Diff {
    /// Whether both have the same tables, columns and rows.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(TableDiff::is_equal)
    }
}

impl Views {
    /// Compares the version of a view that is live with the one that was live before it. The older
    /// file is not touched and stays where it stopped; the newer version is built once more, up to
    /// there, so that both are of the same events.
    ///
    /// # Errors
    /// [`InspectError`] where nothing was compared.
    pub async fn diff(
        &self,
        view: &str,
        steps: Option<mpsc::Sender<RebuildStep>>,
    ) -> Result<Diff, InspectError> {
        let inspection = Inspection::begin(self, view, steps)?;
        let (here, there) = (inspection.live(), inspection.previous()?);
        let mut older = Pair::open(there.clone()).await?;
        let (position, mismatch) = inspection.standing(&mut older).await?;
        if let Some(mismatch) = mismatch {
            let (file, reason) = (there, mismatch.to_string());
            return Err(InspectError::Incomparable { file, reason });
        }
        let beside = inspection.build(position).await?;
        inspection.step(RebuildStep::Comparing { position });
        let mut newer = Pair::open(beside.file.database()).await?;
        newer.begin().await?;
        let tables = newer.differences(&there, SAMPLES).await?;
        if older.position().await? != position {
            return Err(InspectError::Moved(inspection.slot.name()));
        }
        Ok(Diff {
            view: inspection.slot.name().to_owned(),
            position,
            here: folder_of(here),
            there: folder_of(there),
            tables,
        })
    }
}

/// The name of the folder that a database is in.
pub(crate) fn folder_of(mut database: PathBuf) -> String {
    database.pop();
    let folder = database.file_name().unwrap_or_default();
    folder.to_string_lossy().into_owned()
}
