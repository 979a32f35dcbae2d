//! Two versions of a view side by side: what the newer one makes of the events that the older one
//! has consumed.

use tokio::sync::mpsc;

use crate::files::changes::{Diff, folder_of};
use crate::{
    comparing::inspect::{InspectError, Inspection},
    files::inspected_file::InspectedFile,
    running::worker_command::RebuildStep,
    views::Views,
};

/// How many rows of each kind are told of each table.
const SAMPLES: usize = 3;

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
        let mut older = InspectedFile::open(there.clone()).await?;
        let (position, mismatch) = inspection.standing(&mut older).await?;
        if let Some(mismatch) = mismatch {
            let (file, reason) = (there, mismatch.to_string());
            return Err(InspectError::Incomparable { file, reason });
        }
        let beside = inspection.build(position).await?;
        inspection.step(RebuildStep::Comparing { position });
        let mut newer = InspectedFile::open(beside.file.database()).await?;
        newer.begin().await?;
        let tables = newer.differences(&there, SAMPLES).await?;
        if older.position().await? != position {
            return Err(InspectError::Moved(inspection.handle.name()));
        }
        Ok(Diff {
            view: inspection.handle.name().to_owned(),
            position,
            here: folder_of(here),
            there: folder_of(there),
            tables,
        })
    }
}
