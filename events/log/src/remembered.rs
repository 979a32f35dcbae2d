//! What is remembered of a request, as it is stored: what came of it, and a sum over the rest of
//! its row, so that an audit can tell whether that was changed.

use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{
    append::{Appended, AppendedEvent},
    clock::Timestamp,
    stream::Position,
};

/// Bytes of the sum. It finds what was changed by accident, or by who does not know of it: what
/// came of the request is compared with the events.
const SUM_BYTES: usize = 8;

/// What came of a request, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    pub(crate) position: Position,
    pub(crate) at: Timestamp,
    pub(crate) events: Vec<AppendedEvent>,
    /// The sum over the rest of the row; none in a row from before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<String>,
}

impl Remembered {
    /// What came of a request under this key.
    pub(crate) fn of(
        appended: &Appended,
        key: &[u8; 32],
        request: &[u8; 32],
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            position: appended.position,
            at: appended.at,
            events: appended.events.clone(),
            row: Some(sum(key, request, expires_at.map(Timestamp::micros))),
        }
    }

    /// The text that is stored.
    pub(crate) fn text(&self) -> String {
        // An outcome is plain data; that it becomes JSON cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a text, which has to be as it is written: what is read the same is not the same.
    pub(crate) fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        let read: Self = serde_json::from_slice(text)?;
        if read.text().as_bytes() == text {
            Ok(read)
        } else {
            Err(serde_json::Error::custom("it is not written so"))
        }
    }

    /// Whether the rest of the row is as it was written, as far as that is known.
    pub(crate) fn fits(&self, key: &[u8], request: &[u8], expires_at: Option<i64>) -> bool {
        let found = || sum(key, request, expires_at);
        self.row.as_ref().is_none_or(|row| *row == found())
    }
}

fn sum(key: &[u8], request: &[u8], expires_at: Option<i64>) -> String {
    let mut sum = Sha256::new();
    sum.update("a request and its outcome\n");
    for part in [key, request] {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    if let Some(micros) = expires_at {
        sum.update(micros.to_be_bytes());
    }
    hex::encode(&sum.finalize()[..SUM_BYTES])
}
