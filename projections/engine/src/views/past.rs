//! Asking the views of a process as of a position or a time.

use std::{io, time::Duration};

use meguri_log::Position;
use tokio::sync::mpsc;

use super::Views;
use crate::{
    past::{AsOf, BuiltPast, Past, PastError},
    running::worker_command::RebuildStep,
};

impl Views {
    /// The position that is meant by a time: that of the last event at or before it.
    ///
    /// # Errors
    /// [`PastError::Beyond`], [`PastError::Future`], or [`PastError::Log`].
    pub async fn position_of(&self, as_of: AsOf) -> Result<Position, PastError> {
        let log = self.log();
        let at = match as_of {
            AsOf::Position(position) if position <= log.known_head() => return Ok(position),
            AsOf::Position(position) => {
                // Others may have written what this process has not heard of yet.
                let head = log.head().await?.position;
                let reached = (position <= head).then_some(position);
                return reached.ok_or(PastError::Beyond { head });
            }
            AsOf::Time(at) => at,
        };
        let now = log.clock().now();
        if at > now && at > log.head().await?.at {
            return Err(PastError::Future { now });
        }
        Ok(log.position_at(at).await?)
    }

    /// A view as of a position, from its file, which is built where there is none. Building goes on
    /// when the wait is over, and gives way to members; those who ask for the same share it.
    ///
    /// # Errors
    /// [`PastError::Building`] where it was not built in time, [`PastError::Beyond`] where the log
    /// has not come so far.
    pub async fn past(
        &self,
        view: &str,
        position: Position,
        wait: Duration,
    ) -> Result<Past, PastError> {
        let position = self.position_of(AsOf::Position(position)).await?;
        let entry = self.kept().ask(view, position).await?;
        entry.wait(wait).await
    }

    /// Builds a view as of a position, or waits for who builds it already, and keeps it. `steps`
    /// hears how far it is; who does not listen misses some.
    ///
    /// # Errors
    /// [`PastError`], and never [`PastError::Building`].
    pub async fn build_past(
        &self,
        view: &str,
        position: Position,
        steps: Option<mpsc::Sender<RebuildStep>>,
    ) -> Result<BuiltPast, PastError> {
        let position = self.position_of(AsOf::Position(position)).await?;
        let entry = self.kept().ask(view, position).await?;
        entry.told(steps).await
    }

    /// Removes all of the past, also what is being built or read: queries on it fail. Whoever
    /// erases calls it once the keys are destroyed; what is asked for then is built without them.
    ///
    /// # Errors
    /// Where something could not be removed. Call it again: everything that could be is gone.
    pub async fn forget_past(&self) -> io::Result<()> {
        self.kept().forget().await
    }
}
