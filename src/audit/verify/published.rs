//! A published log, in a folder or served over HTTP: every file of it is fetched and checked.

use std::path::PathBuf;
use std::time::Duration;

use meguri_evidence::{Check, Report};
use meguri_proofs::VerifierKey;
use reqwest::{Client, StatusCode};

use super::files;
use crate::failure::Failure;
use crate::http_client;
use crate::settings::shown::shown;

/// Longest wait for a file.
const FILE_WAIT_MAX: Duration = Duration::from_secs(30);
/// The largest file: a bundle of 256 entries of 64 KiB each.
const FILE_BYTES_MAX: usize = 17 << 20;

/// Where a published log is.
pub(super) enum Place {
    /// As files.
    Folder(PathBuf),
    /// Behind this prefix, which does not end with a slash.
    Http(Client, String),
}

impl Place {
    /// A log that is served below this address.
    pub(super) fn http(address: &str) -> Result<Self, Failure> {
        let client = http_client::within(FILE_WAIT_MAX);
        let client = client.map_err(|error| Failure::Fetch(error.to_string()))?;
        Ok(Self::Http(client, address.trim_end_matches('/').to_owned()))
    }

    /// A file of the log; none where it is not there.
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Folder(folder) => files::if_there(&folder.join(path), FILE_BYTES_MAX),
            Self::Http(client, prefix) => fetch(client, &format!("{prefix}/{path}")).await,
        }
    }
}

async fn fetch(client: &Client, address: &str) -> Result<Option<Vec<u8>>, String> {
    let shown = shown(address);
    let said = |error: reqwest::Error| format!("{shown}: {}", error.without_url());
    let mut answer = client.get(address).send().await.map_err(said)?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
        status => return Err(format!("{shown}: {status}")),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FILE_BYTES_MAX {
            return Err(format!("{shown}: more than {FILE_BYTES_MAX} bytes"));
        }
    }
    Ok(Some(bytes))
}

/// Checks the signature, and that all entries and tiles lead to the root that was signed.
pub(super) async fn check(place: Place, key: Option<&VerifierKey>) -> Result<Report, Failure> {
    Ok(checked(&place, key)
        .await
        .unwrap_or_else(Report::unreadable))
}

async fn checked(place: &Place, key: Option<&VerifierKey>) -> Result<Report, String> {
    let checkpoint = place.read("checkpoint").await?;
    let checkpoint = checkpoint.ok_or("there is no checkpoint")?;
    let mut check = match Check::begin(&checkpoint, key) {
        Ok(check) => check,
        Err(report) => return Ok(*report),
    };
    while let Some(wanted) = check.wants() {
        check.give(place.read(&wanted.to_string()).await?.as_deref());
    }
    Ok(check.finish())
}
