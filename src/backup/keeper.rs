//! The last checkpoint in the bucket of backups, where no restored backup brings an older one back.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use meguri_log::CheckpointKeeper;
use meguri_proofs::NOTE_BYTES_MAX;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::BackupError;
use super::bucket::{Bucket, BucketError, Expected, Patience, Version};
use crate::settings::{BackupSettings, BucketAddress};
use crate::storage::CHECKPOINT_FILE;

/// Name of the object that shows whether the store keeps conditions.
const PROBE: &str = "checkpoint.lock";
/// The longest that a signature waits for one answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Keeps the last checkpoint in a bucket.
pub(crate) struct BucketKeeper {
    bucket: Bucket,
    endpoint: String,
    known: Mutex<Known>,
    is_guarded: std::sync::OnceLock<bool>,
}

/// What is known of the object.
#[derive(Debug, Default)]
struct Known {
    /// The version that was read or written last; none where there was no object.
    version: Option<Version>,
}

impl BucketKeeper {
    /// The keeper in this bucket; nothing is asked yet.
    pub(crate) fn new(
        address: &BucketAddress,
        settings: &BackupSettings,
    ) -> Result<Self, BackupError> {
        let patience = Patience {
            answer: settings
                .request_timeout
                .value
                .duration()
                .min(ANSWER_WAIT_MAX),
            retries: 1,
        };
        let stop = CancellationToken::new();
        let endpoint = settings.access.endpoint.value.as_ref();
        Ok(Self {
            bucket: Bucket::new(address, settings, Some(patience), stop)?,
            endpoint: endpoint.map_or_else(|| "Amazon S3".to_owned(), ToString::to_string),
            known: Mutex::default(),
            is_guarded: std::sync::OnceLock::new(),
        })
    }

    /// Finds out whether the store refuses to replace an object that is to be new: whoever checks
    /// that checks versions, too.
    async fn probe(&self) -> Result<(), BucketError> {
        if self.is_guarded.get().is_some() {
            return Ok(());
        }
        // Where it is there already, once is enough.
        let mut is_guarded = false;
        for _ in 0..2 {
            let empty = Vec::new();
            match self.bucket.write(PROBE, empty, Expected::Nothing).await {
                Err(BucketError::Changed { .. }) => {
                    is_guarded = true;
                    break;
                }
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_guarded.set(is_guarded).is_ok() && !is_guarded {
            let bucket = self.bucket.address();
            tracing::warn!(
                %bucket,
                "the object store does not keep conditions (If-None-Match): two copies of the log \
                 that sign at the same moment are not told from each other by it"
            );
        }
        Ok(())
    }
}

impl fmt::Debug for BucketKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BucketKeeper")
            .field(&self.address())
            .finish()
    }
}

#[async_trait]
impl CheckpointKeeper for BucketKeeper {
    fn address(&self) -> String {
        format!(
            "{}/{CHECKPOINT_FILE} at {}",
            self.bucket.address(),
            self.endpoint
        )
    }

    fn is_guarded(&self) -> bool {
        self.is_guarded.get() == Some(&true)
    }

    async fn read(&self) -> Result<Option<Vec<u8>>, String> {
        let mut known = self.known.lock().await;
        let read = async {
            self.probe().await?;
            self.bucket.read(CHECKPOINT_FILE, NOTE_BYTES_MAX).await
        };
        let held = read.await.map_err(|error| error.to_string())?;
        known.version = held.as_ref().and_then(|held| held.version.clone());
        Ok(held.map(|held| held.bytes))
    }

    async fn write(&self, note: &str) -> Result<(), String> {
        let mut known = self.known.lock().await;
        let expected = match known.version.clone() {
            _ if !self.is_guarded() => Expected::Anything,
            Some(version) => Expected::Version(version),
            None => Expected::Nothing,
        };
        let bytes = note.as_bytes().to_vec();
        let written = self.bucket.write(CHECKPOINT_FILE, bytes, expected).await;
        known.version = written.map_err(|error| error.to_string())?;
        Ok(())
    }
}
