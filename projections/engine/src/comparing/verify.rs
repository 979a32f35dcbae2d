//! Building a view beside the one that is read, and demanding the same rows of both.

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    comparing::{
        inspect::{InspectError, Inspection},
        trace::TracedRow,
    },
    files::{compare::TableDiff, inspected_file::InspectedFile, mismatch::Mismatch, proof},
    running::worker_command::RebuildStep,
    views::Views,
};

/// How many of the rows that differ are told.
const ROWS_TOLD: usize = 10;

/// What came of verifying a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verified", rename_all = "snake_case")]
pub enum Verified {
    /// It holds exactly what the log makes of it.
    Equal {
        /// As of where they were compared.
        position: Position,
        /// How many rows both have.
        rows: u64,
        /// The digest of the rows of both, in short.
        content: String,
    },
    /// It does not: it is served no more, and is being built anew.
    Differs {
        /// As of where they were compared.
        position: Position,
        /// What was found first.
        mismatch: Mismatch,
        /// How many rows are changed, missing or too many; none where they cannot be compared.
        differing: u64,
        /// The first of them, table by table, and what the events tell of them.
        first: Vec<TracedRow>,
    },
}

impl Views {
    /// Verifies a view: what it has consumed against the log's own root, its rows against what was
    /// written, its indexes against its rows, and all of it against a build from the log, as of
    /// one moment. Members go on reading; a view that differs is served no more, and built anew.
    ///
    /// It takes as long as a rebuild, and as much room.
    ///
    /// # Errors
    /// [`InspectError`] where nothing was found out.
    pub async fn verify(
        &self,
        view: &str,
        steps: Option<mpsc::Sender<RebuildStep>>,
    ) -> Result<Verified, InspectError> {
        let inspection = Inspection::begin(self, view, steps)?;
        let mut inspected = InspectedFile::open(inspection.live()).await?;
        let looked = inspection.look(&mut inspected).await?;
        let mismatch = match looked.mismatch {
            None => inspection.look_into_index().await?,
            found => found,
        };
        match mismatch {
            // Members write meanwhile: the moment to compare is the one after the build.
            None => inspected.end().await?,
            Some(mismatch) => {
                inspection.withdraw(&mismatch).await?;
                // Rows can be compared even so, as of this moment.
                if !matches!(mismatch, Mismatch::Rows { .. }) {
                    return Ok(Verified::Differs {
                        position: looked.position,
                        mismatch,
                        differing: 0,
                        first: Vec::new(),
                    });
                }
            }
        }
        compared(&inspection, inspected).await
    }
}

async fn compared(
    inspection: &Inspection<'_>,
    mut inspected: InspectedFile,
) -> Result<Verified, InspectError> {
    let beside = inspection.build_up_to(&mut inspected).await?;
    let looked = inspected
        .look(&*inspection.handle.view, inspection.views.log())
        .await?;
    let position = looked.position;
    inspection.step(RebuildStep::Comparing { position });
    let built = beside.file.certificate();
    if looked.mismatch.is_none() && proof::of_rows(built, &looked.content).is_none() {
        return Ok(Verified::Equal {
            position,
            rows: looked.content.rows(),
            content: looked.content.short(),
        });
    }
    let database = beside.file.database();
    let tables = inspected.differences(&database, ROWS_TOLD).await?;
    let differing = tables.iter().map(TableDiff::differing).sum();
    let mismatch = looked.mismatch.unwrap_or(Mismatch::Differs { differing });
    inspection.withdraw(&mismatch).await?;
    drop((inspected, beside));
    let rows = tables.iter().flat_map(TableDiff::samples);
    let rows = rows.take(ROWS_TOLD).cloned().collect();
    Ok(Verified::Differs {
        position,
        mismatch,
        differing,
        first: inspection.trace(position, rows).await?,
    })
}
