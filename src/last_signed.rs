//! What whoever starts a server says was signed last of a log that was copied, moved or restored.

use std::path::Path;
use std::time::Duration;

use meguri_log::LastSigned;
use meguri_proofs::NOTE_BYTES_MAX;

use crate::command_line::ServeArgs;
use crate::failure::Failure;
use crate::http_client;

/// Longest wait for a checkpoint.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What the command line says, fetched.
pub(crate) async fn said(args: &ServeArgs) -> Result<Option<LastSigned>, Failure> {
    if args.nothing_later_was_published {
        return Ok(Some(LastSigned::NothingLater));
    }
    let Some(from) = &args.last_checkpoint else {
        return Ok(None);
    };
    let note = read(from).await.map_err(|reason| Failure::LastCheckpoint {
        from: from.clone(),
        reason,
    })?;
    Ok(Some(LastSigned::Checkpoint(note)))
}

async fn read(from: &str) -> Result<Vec<u8>, String> {
    if from.starts_with("http://") || from.starts_with("https://") {
        return fetch(from).await;
    }
    let path = Path::new(from);
    let long = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !long.is_file() || long.len() > NOTE_BYTES_MAX as u64 {
        return Err("it is no checkpoint".to_owned());
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

async fn fetch(address: &str) -> Result<Vec<u8>, String> {
    let said = |error: reqwest::Error| error.to_string();
    let client = http_client::within(WAIT_MAX).map_err(said)?;
    let answer = client.get(address).send().await.map_err(said)?;
    let mut answer = answer.error_for_status().map_err(said)?;
    let mut note = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        note.extend_from_slice(&chunk);
        if note.len() > NOTE_BYTES_MAX {
            return Err("it is no checkpoint".to_owned());
        }
    }
    Ok(note)
}
