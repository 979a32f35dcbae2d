//! What is remembered of a request, as it is stored: what came of it, and a sum over the whole row,
//! so that an audit can tell whether any of it was changed.

use sha2::{Digest as _, Sha256};

use crate::{append::Appended, clock::Timestamp};

/// Bytes of the sum. It finds what was changed by accident, or by who does not know of it: what
/// came of the request is also compared with the events.
const SUM_BYTES: usize = 8;
/// What stands before the sum, and behind it.
const SUM_IS: &str = ",\"row\":\"";
const END: &str = "\"}";
const TOLD_BYTES: usize = SUM_IS.len() + 2 * SUM_BYTES + END.len();

/// The text that tells what came of the request under this key.
pub(crate) fn outcome(
    appended: &Appended,
    key: &[u8; 32],
    request: &[u8; 32],
    expires_at: Option<Timestamp>,
) -> String {
    let text = serde_json::to_string(appended);
    let mut text = text.expect("INVARIANT: texts and numbers can be written as JSON");
    text.pop();
    let expires_at = expires_at.map(Timestamp::micros);
    let sum = sum(key, request, expires_at, text.as_bytes());
    text + SUM_IS + &sum + END
}

/// Reads what came of a request, and whether all of its row is as it was written. A row from before
/// there was a sum has to be written as such rows were; its other columns are not known.
pub(crate) fn read(
    text: &[u8],
    key: &[u8],
    request: &[u8],
    expires_at: Option<i64>,
) -> Result<(Appended, bool), serde_json::Error> {
    let appended: Appended = serde_json::from_slice(text)?;
    let fits = match told(text) {
        Some((text, told)) => sum(key, request, expires_at, text).as_bytes() == told,
        None => serde_json::to_vec(&appended)? == text,
    };
    Ok((appended, fits))
}

/// A text without its sum, and the sum.
fn told(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = text.split_at_checked(text.len().checked_sub(TOLD_BYTES)?)?;
    let told = rest.strip_prefix(SUM_IS.as_bytes())?;
    Some((text, told.strip_suffix(END.as_bytes())?))
}

fn sum(key: &[u8], request: &[u8], expires_at: Option<i64>, text: &[u8]) -> String {
    let mut sum = Sha256::new();
    sum.update("a request and its outcome\n");
    for part in [key, request, text] {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    if let Some(micros) = expires_at {
        sum.update(micros.to_be_bytes());
    }
    hex::encode(&sum.finalize()[..SUM_BYTES])
}
