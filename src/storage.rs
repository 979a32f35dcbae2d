//! Where the log is: files in the data folder, or databases in `PostgreSQL`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use meguri_log::{
    CheckpointKeeper, Clock, FileFound, LastSigned, Location, Log, LogOptions, OpenError,
    PublishOptions, Publisher, SystemClock, Witness, Witnesses,
};

use crate::backup::keeper::BucketKeeper;
use crate::failure::Failure;
use crate::lost_log;
use crate::settings::{BackupTarget, PublishSettings, Settings};
use crate::witness::HttpWitness;

/// Name of the log's file in the data folder.
pub const LOG_FILE: &str = "log.db";
/// Name of the vault's file in the data folder.
pub const VAULT_FILE: &str = "vault.db";
/// Name of the folder of the views in the data folder.
pub const VIEWS_FOLDER: &str = "views";

/// Name of the file with the key by which anyone verifies the log, in the data folder.
pub const VERIFIER_FILE: &str = "log.vkey";
/// Name of the file that keeps the last checkpoint apart from the database.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// Name of the file that says where the log is, so that a copy is told from it.
pub const PLACE_FILE: &str = "log.place";

/// The folder of the views.
pub fn views_folder(settings: &Settings) -> PathBuf {
    settings.data.value.join(VIEWS_FOLDER)
}

/// Opens the log with the machine's clock, making everything that is missing.
pub async fn open(settings: &Settings) -> Result<Log, Failure> {
    open_with(settings, Arc::new(SystemClock)).await
}

/// Opens the log with another clock, making everything that is missing.
pub async fn open_with(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Log, Failure> {
    let log = bare(settings, clock).await?;
    with_erasures(log).await
}

/// As [`open_with`], to serve what is in it: where log or vault are damaged, or the vault is older
/// than the log and has lost keys, it does not open.
pub async fn open_to_serve(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Log, Failure> {
    let log = bare(settings, clock).await?;
    if let Err(damaged) = log.check_integrity().await {
        log.close().await;
        return Err(damaged.into());
    }
    with_all_keys(with_erasures(log).await?).await
}

async fn bare(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Log, Failure> {
    let data = &settings.data.value;
    make_folder(data)?;
    if settings.database_url.value.is_none() {
        lost_log::refuse(data)?;
    }
    let jump_max = settings.clock_jump_max.value.duration();
    let options = LogOptions {
        clock,
        token_lifetime: settings.token_lifetime.value.duration(),
        clock_jump_max: (!settings.clock_is_unbounded).then_some(jump_max),
        ..LogOptions::new(location(settings), settings.kek())
    };
    let log = Log::open(&options).await?;
    if let Err(lost) = lost_log::refuse_unpublished(data, &log) {
        log.close().await;
        return Err(lost);
    }
    Ok(log)
}

async fn with_erasures(log: Log) -> Result<Log, Failure> {
    // Before anything is opened: a backup of the vault may have been put back.
    match meguri_commands::reapply_erasures(&log).await {
        Ok(_) => Ok(log),
        Err(error) => {
            log.close().await;
            Err(Failure::Reapply(error))
        }
    }
}

/// Refuses a vault that has lost keys: what they seal would be shown as erased, and new text sealed
/// under other keys of the same name.
async fn with_all_keys(log: Log) -> Result<Log, Failure> {
    let lost = log.lost_keys().await;
    let failure = match lost.as_deref() {
        Ok([]) => return Ok(log),
        Ok([first, ..]) => Failure::OldVault {
            keys: lost.as_ref().map_or(0, Vec::len),
            first: format!("{}/{}/{}", first.subject, first.class, first.n),
            position: first.position.get(),
        },
        Err(error) => Failure::LostKeys(error.to_string()),
    };
    log.close().await;
    Err(failure)
}

/// Opens a log that is there already: looking into one must not make one.
pub async fn open_existing(settings: &Settings) -> Result<Log, Failure> {
    require_log(settings)?;
    open(settings).await
}

/// Refuses a data folder in which there is no log, or an empty file in its place.
fn require_log(settings: &Settings) -> Result<(), Failure> {
    let data = &settings.data.value;
    if settings.database_url.value.is_some() {
        return Ok(());
    }
    let path = data.join(LOG_FILE);
    let found = FileFound::at(&path);
    if !matches!(found, FileFound::Nothing | FileFound::Empty) {
        // What else it is, is told by opening it.
        return Ok(());
    }
    lost_log::refuse(data)?;
    if found == FileFound::Nothing {
        return Err(Failure::NoLog(data.clone()));
    }
    Err(OpenError::NotOurs { path, found }.into())
}

/// Opens a log that is there, to look into it and nothing else: nothing is written, and no file is
/// left behind. It is opened without its vault where that is not wanted, or not there.
pub async fn open_to_look(settings: &Settings, with_vault: bool) -> Result<Log, Failure> {
    let data = &settings.data.value;
    let is_file = settings.database_url.value.is_none();
    if is_file && FileFound::at(&data.join(LOG_FILE)) == FileFound::Nothing {
        return Err(Failure::NoLog(data.clone()));
    }
    let has_vault = with_vault && (!is_file || data.join(VAULT_FILE).exists());
    let options = LogOptions::new(location(settings), settings.kek());
    Ok(Log::open_read_only(&options, has_vault).await?)
}

/// Begins to publish a log, and writes down the key by which anyone verifies it. `last_signed` is
/// what is said to have been signed last, where the log was moved.
pub async fn publish(
    log: &Log,
    settings: &Settings,
    last_signed: Option<LastSigned>,
) -> Result<Publisher, Failure> {
    let data = &settings.data.value;
    let elsewhere = elsewhere(settings)?;
    for path in [data.join(CHECKPOINT_FILE), data.join(PLACE_FILE)]
        .iter()
        .chain(&elsewhere)
    {
        require_file(path)?;
    }
    let options = PublishOptions {
        key: settings.publish.signing_key(),
        origin: settings.publish.origin.value.clone(),
        interval: settings.publish.every.value.duration(),
        outside: data.join(CHECKPOINT_FILE),
        elsewhere,
        keepers: keepers(settings)?,
        place: data.join(PLACE_FILE),
        last_signed,
        witnesses: witnesses(&settings.publish)?,
    };
    let publisher = Publisher::start(log.clone(), options).await?;
    let path = data.join(VERIFIER_FILE);
    let written = std::fs::write(&path, format!("{}\n", publisher.verifier()));
    written.map_err(|source| Failure::Write {
        target: path.display().to_string(),
        source,
    })?;
    Ok(publisher)
}

/// Refuses a folder, and what is in no folder, where a file is written again and again.
fn require_file(path: &Path) -> Result<(), Failure> {
    let failed = |kind: std::io::ErrorKind| Failure::Write {
        target: path.display().to_string(),
        source: kind.into(),
    };
    if path.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(failed(std::io::ErrorKind::NotFound))
        }
        Some(_) | None => Ok(()),
    }
}

/// Where else the last checkpoint is kept.
fn elsewhere(settings: &Settings) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    if let Some(path) = &settings.publish.checkpoint_file.value {
        files.push(path.clone());
    }
    if let Some(BackupTarget::Folder(folder)) = &settings.backup.to.value {
        make_folder(folder)?;
        files.push(folder.join(CHECKPOINT_FILE));
    }
    Ok(files)
}

/// What else keeps it, and is no file.
fn keepers(settings: &Settings) -> Result<Vec<Arc<dyn CheckpointKeeper>>, Failure> {
    let Some(BackupTarget::Bucket(address)) = &settings.backup.to.value else {
        return Ok(Vec::new());
    };
    let keeper = BucketKeeper::new(address, &settings.backup)?;
    Ok(vec![Arc::new(keeper)])
}

/// The witnesses that cosign what is published.
fn witnesses(settings: &PublishSettings) -> Result<Witnesses, Failure> {
    let listed = settings.witnesses.value.iter().flat_map(|list| &list.0);
    let all = listed.map(|one| {
        let witness = HttpWitness::new(one.key.clone(), &one.url).map_err(Failure::Fetch)?;
        Ok(Arc::new(witness) as Arc<dyn Witness>)
    });
    Ok(Witnesses {
        all: all.collect::<Result<_, Failure>>()?,
        quorum: settings.quorum(),
    })
}

fn location(settings: &Settings) -> Location {
    match (&settings.database_url.value, &settings.vault_url.value) {
        (Some(log), Some(vault)) => Location::Postgres {
            log: log.reveal().to_owned(),
            vault: vault.reveal().to_owned(),
        },
        // INVARIANT: `Settings::resolve` refuses one without the other.
        _ => Location::Sqlite {
            log: settings.data.value.join(LOG_FILE),
            vault: settings.data.value.join(VAULT_FILE),
        },
    }
}

/// Makes the data folder, for its owner alone: it holds what people wrote to each other.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    private_folder(path).map_err(|source| Failure::Folder {
        path: path.to_owned(),
        source,
    })
}

/// Makes a folder for its owner alone.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
