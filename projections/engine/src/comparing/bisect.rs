//! From which event on a file of a view differs from what the log makes of it today.

use std::path::PathBuf;

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    comparing::{
        inspect::{InspectError, Inspection},
        trace::{EventAt, TracedRow},
    },
    files::{compare::TableDiff, inspected_file::InspectedFile, mismatch::Mismatch},
    running::worker_command::RebuildStep,
    views::Views,
};

/// How many rows of each kind are watched of each table.
const ROWS_WATCHED: usize = 1_000;
/// How many of them are told.
const ROWS_TOLD: usize = 10;

/// A file to compare with what the log makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "other", rename_all = "snake_case")]
pub enum Other {
    /// The one that is read.
    Live,
    /// The one that was read before it.
    Previous,
    /// Any file of the view, which nobody writes.
    File {
        /// Where it is.
        path: PathBuf,
    },
}

/// What came of comparing a file with what the log makes today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "bisected", rename_all = "snake_case")]
pub enum Bisected {
    /// The file has consumed the log's events, and nothing differs in the tables and columns that
    /// both have.
    Equal {
        /// As of where they were compared.
        position: Position,
        /// How many rows both have.
        rows: u64,
    },
    /// Some rows differ, or it has consumed other events.
    Differs {
        /// As of where they were compared.
        position: Position,
        /// How many rows differ.
        differing: u64,
        /// How many of them were watched while the view was built.
        watched: u64,
        /// The first event after which a watched row differs; none where the rows do not tell.
        first: Option<EventAt>,
        /// Whether it is exactly that event. Otherwise it is that one at the latest.
        exact: bool,
        /// The rows that differ first.
        rows: Vec<TracedRow>,
        /// How the file has consumed other events than the log's; none where they are the same.
        mismatch: Option<Mismatch>,
    },
}

impl Views {
    /// Finds the first event after which a file and a build of today differ. The view is built up
    /// to where the file stands; for each row that differs, a second build tells after which of
    /// its events that which differs was as the file has it: the next event is where they part.
    ///
    /// It knows the file as it is, not how it came about. So it tells exactly from where on
    /// something is missing: the words that an edit should have changed, a row that should have
    /// been made. Of a number that counts it tells only that it is short, from its last step on,
    /// whichever was skipped. Where the file has what no event ever left there, they part at the
    /// row's last event or before. What differed for a while and became alike again is not seen,
    /// nor are rows beyond the first thousands. A file that has consumed other events than the
    /// log's may hold what comes after its position: there, only what is exact is told.
    ///
    /// Nothing is withdrawn: that is for [`Views::verify`].
    ///
    /// # Errors
    /// [`InspectError`] where nothing was found out.
    pub async fn bisect(
        &self,
        view: &str,
        other: &Other,
        steps: Option<mpsc::Sender<RebuildStep>>,
    ) -> Result<Bisected, InspectError> {
        let inspection = Inspection::begin(self, view, steps)?;
        let database = match other {
            Other::Live => inspection.live(),
            Other::Previous => inspection.previous()?,
            Other::File { path } => path.clone(),
        };
        let mut inspected = InspectedFile::open(database).await?;
        let (_, mismatch) = inspection.standing(&mut inspected).await?;
        let beside = inspection.build_up_to(&mut inspected).await?;
        let position = beside.file.position();
        inspection.step(RebuildStep::Comparing { position });
        let database = beside.file.database();
        let tables = inspected.differences(&database, ROWS_WATCHED).await?;
        drop((inspected, beside));
        let differing = tables.iter().map(TableDiff::differing).sum();
        if differing == 0 && mismatch.is_none() {
            let rows = tables.iter().map(TableDiff::equal).sum();
            return Ok(Bisected::Equal { position, rows });
        }
        let rows = tables.iter().flat_map(TableDiff::samples).cloned();
        let mut rows = inspection.trace(position, rows.collect()).await?;
        rows.sort_by_key(|row| earliness(row, mismatch.is_some()));
        let watched = rows.len() as u64;
        rows.truncate(ROWS_TOLD);
        let earliest = rows.first().filter(|row| row.exact || mismatch.is_none());
        Ok(Bisected::Differs {
            position,
            differing,
            watched,
            first: earliest.and_then(|row| row.from.clone()),
            exact: earliest.is_some_and(|row| row.exact),
            rows,
            mismatch,
        })
    }
}

/// What to sort by: the earliest event first, and where only exact ones say anything, those first.
fn earliness(row: &TracedRow, only_exact: bool) -> (bool, bool, Option<Position>, bool) {
    let from = row.from.as_ref().map(|event| event.position);
    (from.is_none(), only_exact && !row.exact, from, !row.exact)
}
