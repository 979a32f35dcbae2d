//! A data folder whose log is gone: what is left of it is not served as a new, empty log.

use std::path::{Path, PathBuf};

use meguri_log::{Clock as _, Log, OpenError, Position, SystemClock};

use crate::failure::Failure;
use crate::handover::Predecessor;
use crate::settings::Settings;
use crate::storage::{self, CHECKPOINT_FILE, LOG_FILE, VAULT_FILE, VIEWS_FOLDER};

/// Files in the data folder that are there, and not empty, only where there was a log.
const FILES: [&str; 4] = [VAULT_FILE, "vault.db-wal", "log.db-wal", CHECKPOINT_FILE];
/// Folders in it that hold anything only where there was a log.
const FOLDERS: [&str; 2] = [VIEWS_FOLDER, "policies"];
/// What the folder is called into which a lost log's leavings are moved; a number follows.
const SET_ASIDE: &str = "set-aside-";

/// Refuses to make a new log where one was: one that nobody put back is lost for good as soon as
/// another takes its place.
///
/// # Errors
/// [`Failure::LogLost`].
pub(crate) fn refuse(data: &Path) -> Result<(), Failure> {
    if !is_empty(&data.join(LOG_FILE)) {
        return Ok(());
    }
    let files = FILES.into_iter().filter(|name| !is_empty(&data.join(name)));
    let folders = FOLDERS.into_iter().filter(|name| {
        let held = std::fs::read_dir(data.join(name));
        held.is_ok_and(|mut entries| entries.next().is_some())
    });
    lost(data, files.chain(folders).collect())
}

/// Refuses a log without events where one with events was published.
///
/// # Errors
/// [`Failure::LogLost`].
pub(crate) fn refuse_unpublished(data: &Path, log: &Log) -> Result<(), Failure> {
    if log.known_head() > Position::ZERO {
        return Ok(());
    }
    let note = std::fs::read_to_string(data.join(CHECKPOINT_FILE)).unwrap_or_default();
    // Its second line is how many entries there were (tlog-checkpoint).
    let size = note.lines().nth(1).and_then(|size| size.parse().ok());
    let published = size.is_some_and(|size: u64| size > 0);
    let beside = published.then_some(CHECKPOINT_FILE);
    lost(data, beside.into_iter().collect())
}

fn lost(data: &Path, beside: Vec<&'static str>) -> Result<(), Failure> {
    if beside.is_empty() {
        return Ok(());
    }
    Err(Failure::LogLost {
        data: data.to_owned(),
        beside,
    })
}

fn is_empty(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |file| file.len() == 0)
}

/// Begins a new log where one is lost, because an operator said so: everything that is left of the
/// old one is moved aside, its keys, too, for two logs under one key would be a fork.
///
/// # Errors
/// [`Failure::NotLost`] where there is a log; [`Failure`] of opening it for other reasons.
pub(crate) async fn start_anew(settings: &Settings) -> Result<(), Failure> {
    let data = &settings.data.value;
    if Predecessor::find(data).await?.is_some() {
        return Err(Failure::NotLost);
    }
    match storage::open(settings).await {
        Ok(log) => {
            let head = log.known_head();
            log.close().await;
            if head > Position::ZERO {
                return Err(Failure::NotLost);
            }
            Ok(())
        }
        Err(Failure::LogLost { .. } | Failure::Open(OpenError::Emptied))
            if settings.database_url.value.is_none() =>
        {
            if settings.publish.key.value.is_some() {
                return Err(Failure::KeyOfLostLog);
            }
            let aside = set_aside(data).map_err(|source| Failure::Folder {
                path: data.clone(),
                source,
            })?;
            let aside = aside.display();
            tracing::warn!(%aside, "a new log begins; what is left of the old one is there");
            Ok(())
        }
        Err(Failure::LogLost { .. } | Failure::Open(OpenError::Emptied)) => {
            Err(Failure::StartAnewOfDatabases)
        }
        Err(failure) => Err(failure),
    }
}

fn set_aside(data: &Path) -> std::io::Result<PathBuf> {
    let aside = data.join(format!("{SET_ASIDE}{}", SystemClock.now().micros()));
    storage::private_folder(&aside)?;
    for entry in std::fs::read_dir(data)? {
        let name = entry?.file_name();
        if !name.to_string_lossy().starts_with(SET_ASIDE) {
            std::fs::rename(data.join(&name), aside.join(&name))?;
        }
    }
    Ok(aside)
}
