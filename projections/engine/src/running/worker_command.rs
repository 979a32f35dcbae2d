//! What a worker can be asked for, and what it tells of it.

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::{
    files::{imported_file::ImportedFile, mismatch::Mismatch},
    running::status::BuildPhase,
};

/// What happens during a rebuild, told to who asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum RebuildStep {
    /// The new file is this far. Some steps may be left out.
    Folded {
        /// Every event up to here is in the new file.
        position: Position,
        /// Where the log ends for now.
        head: Position,
    },
    /// Something else is being done to the new file.
    Phase {
        /// What.
        phase: BuildPhase,
        /// Every event up to here is in the new file.
        position: Position,
    },
    /// The file that was looked into is compared with the one that was built beside.
    Comparing {
        /// As of where.
        position: Position,
    },
    /// It is built once more, to see which events touch the rows that differ.
    Tracing {
        /// How many rows are watched.
        rows: u64,
    },
    /// The new file is live. The last step.
    Switched {
        /// Where it stood when it took over.
        position: Position,
        /// The digest of its rows there, in short.
        content: String,
    },
    /// Nothing changed, for this reason. The last step.
    Failed {
        /// What stood in the way.
        reason: String,
    },
}

/// Hears the steps of a rebuild.
pub type Steps = mpsc::Sender<RebuildStep>;

/// What a worker is asked for.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Build the view anew, and switch.
    Rebuild(Steps),
    /// Go back to the file that was live before.
    Rollback(Steps),
    /// Make this file the live one, as if it had been built here.
    Adopt(ImportedFile, Option<Steps>),
    /// Try again the event at which the view stopped.
    Retry(oneshot::Sender<Result<(), String>>),
    /// Remove what is left of erased rows from the live file, and all older files.
    RemoveRemains(oneshot::Sender<Result<(), String>>),
    /// Throw every file away, for this reason, and build the view from the log; answered when
    /// nothing is left of them.
    StartOver(String, oneshot::Sender<Result<(), String>>),
    /// Serve the live file no more, for it is not what it should be, and build the view anew;
    /// answered when it is not served any more.
    Withdraw(Mismatch, oneshot::Sender<()>),
}

/// Tells the last step to who asked, however slowly that listens: nothing waits for it.
pub fn tell(asked_by: Option<&Steps>, step: RebuildStep) {
    if let Some(asked_by) = asked_by.cloned() {
        // Who asked may have gone away since.
        tokio::spawn(async move { asked_by.send(step).await.ok() });
    }
}

/// Tells why nothing changed.
pub fn failed(asked_by: Option<&Steps>, reason: &str) {
    tell(
        asked_by,
        RebuildStep::Failed {
            reason: reason.to_owned(),
        },
    );
}
