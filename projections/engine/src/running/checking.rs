//! Looking through a live file in the background: every row against what was written, every index
//! against its rows, what was consumed against the log.

use std::{path::PathBuf, sync::Arc, time::Duration};

use meguri_log::{Log, answered};
use meguri_supervision::Recurring;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::{
    files::{
        error::{ProofError, StoreError},
        inspected_file::InspectedFile,
        mismatch::Mismatch,
        proof,
    },
    running::view_handle::ViewHandle,
};

/// The least and the most time between two looks.
const REST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_mins(30);

/// A look takes one part in so many of the time: what is large is looked at less often.
const SHARE: u32 = 100;

/// Looks through one live file, over and over.
pub struct Checker {
    pub handle: Arc<ViewHandle>,
    pub log: Log,
    pub database: PathBuf,
    /// One view at a time.
    pub turns: Arc<Semaphore>,
}

impl Checker {
    /// Ends when it has found something.
    pub async fn run(self) -> Mismatch {
        let (mut rest, mut again) = (REST, Recurring::new());
        loop {
            let suspected = tokio::select! {
                // Who suspects something waits for no turn.
                biased;
                () = self.handle.suspected() => true,
                () = sleep(rest) => false,
            };
            let turn = if suspected {
                None
            } else {
                self.turns.acquire().await.ok()
            };
            let begun = Instant::now();
            match self.look().await {
                Ok(Some(mismatch)) => return mismatch,
                Ok(None) => {
                    self.handle.is_sound();
                    again.is_over();
                    rest = (begun.elapsed() * SHARE).clamp(REST, REST_MAX);
                }
                Err(error) => {
                    let view = self.handle.name();
                    if let Some(unsaid) = again.happened() {
                        tracing::warn!(view, unsaid, %error, "a view could not be looked through");
                    }
                    rest = REST;
                }
            }
            drop(turn);
        }
    }

    async fn look(&self) -> Result<Option<Mismatch>, ProofError> {
        let damaged = |reason: &str| {
            let reason = reason.to_owned();
            Ok(Some(Mismatch::Damaged { reason }))
        };
        if !self.database.exists() {
            return damaged("it is gone");
        }
        let reached = self.handle.standing().borrow().live;
        if self.handle.is_another_file() {
            return damaged("another file is in its place");
        }
        let mut inspected = match answered(InspectedFile::open(self.database.clone())).await {
            Ok(inspected) => inspected,
            Err(error) => {
                let reason = proof::damage(&error).ok_or(error)?;
                return damaged(&reason);
            }
        };
        answered(inspected.begin()).await?;
        let looked = inspected.look(&*self.handle.view, &self.log).await?;
        if looked.mismatch.is_some() {
            return Ok(looked.mismatch);
        }
        // An older file, put in its place, is right in itself.
        if let Some(reached) = reached.filter(|reached| looked.position < *reached) {
            let position = looked.position;
            return damaged(&format!("it is at {position} again, and was at {reached}"));
        }
        if let Some(mismatch) = answered(inspected.integrity()).await? {
            return Ok(Some(mismatch));
        }
        let (Some(index), Some(readers)) = (self.handle.index(), self.handle.readers()) else {
            return Ok(None);
        };
        let looked = index.look(&readers, &self.log).await;
        Ok(looked
            .map_err(|trouble| crate::folding::row::TableError::from(StoreError::from(trouble)))?)
    }
}
