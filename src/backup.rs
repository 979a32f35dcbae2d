//! `meguri backup`: a copy of the log and of its vault, made while both are used, that says what it
//! holds and can be checked.

mod bucket;
pub(crate) mod folder;
pub(crate) mod keeper;
pub mod manifest;
pub(crate) mod schedule;
pub(crate) mod target;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use meguri_log::{CopyError, Head, Log, LogFile, ReadError, Root, SignedCheckpoint, TreeError};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::command_line::BackupArgs;
use crate::failure::{Failure, to_stdout};
use crate::figures::grouped;
use crate::settings::Settings;
use crate::storage::{self, CHECKPOINT_FILE, VERIFIER_FILE};
pub use bucket::BucketError;
use folder::{Folder, write_new};
use manifest::{Backend, FORMAT, FilePart, LogPart, MANIFEST, Manifest, VaultPart};
use target::Target;

/// Name of the sealed copy of the vault in a backup.
pub const SEALED_VAULT: &str = "vault.sealed";
/// Name of the file that holds the copy of the vault until it is sealed, in the data folder.
const SCRATCH: &str = "vault.db.copy";

/// Why there is no backup. What was begun is removed, now or by the next one.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The databases are not copied.
    #[error("no backup is made: {0}")]
    Copy(#[from] CopyError),
    /// The log cannot be read.
    #[error("no backup is made: {0}")]
    Read(#[from] ReadError),
    /// The log cannot be read.
    #[error("no backup is made: {0}")]
    Tree(#[from] TreeError),
    /// The copy is not what the log says.
    #[error(
        "no backup is made: the copy of {position} events has another root than the log. \
         `meguri audit check` tells what was changed"
    )]
    Differs {
        /// How many events the copy has.
        position: u64,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bucket does not do what it should.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A bucket has not kept what it was given.
    #[error("no backup is made: {0} is not as it was sent")]
    NotKept(String),
    /// Another process makes a backup there.
    #[error("another process makes a backup in {0}")]
    InUse(PathBuf),
    /// Nobody has said where to.
    #[error(
        "name a folder or a bucket: `meguri backup DIR|s3://BUCKET/PREFIX`, or `backup_to` in the \
         settings"
    )]
    Nowhere,
    /// What is to be made cannot be described.
    #[error("the manifest cannot be written: {0}")]
    Manifest(#[from] serde_json::Error),
}

impl BackupError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// A backup that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Where it is, for people.
    pub(crate) place: String,
    pub(crate) manifest: Manifest,
}

/// Makes a backup, also beside a running server, and says what is in it.
pub async fn run(
    settings: &Settings,
    args: &BackupArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let to = args.to.as_ref().or(settings.backup.to.value.as_ref());
    let to = to.ok_or(BackupError::Nowhere)?;
    let to = Target::new(to, settings, CancellationToken::new())?;
    let log = storage::open_existing(settings).await?;
    let made = async {
        let made = make(&log, settings, &to, !args.without_vault).await?;
        if let Some(keep) = args.keep {
            to.prune(&log, keep.get()).await?;
        }
        Ok::<_, BackupError>(made)
    };
    let made = made.await;
    log.close().await;
    let made = made?;
    out.write_all(in_words(&made, settings).as_bytes())
        .map_err(to_stdout)
}

/// Makes a backup: in its folder, or in the data folder for a bucket.
pub(crate) async fn make(
    log: &Log,
    settings: &Settings,
    to: &Target,
    with_vault: bool,
) -> Result<Made, BackupError> {
    let folder = match to {
        Target::Folder(folder) => folder.clone(),
        Target::Bucket(_) => Folder::new(&target::outbox(settings)),
    };
    let held = folder.hold()?;
    let made_at = log.clock().now();
    // In the order of time, and plain enough for every kind of storage.
    let name = made_at.to_string().replace([':', '-'], "");
    let part = held.begin(&name)?;
    let finished = async {
        let filled = fill(log, settings, &part, with_vault).await?;
        let manifest = Manifest { made_at, ..filled };
        let text = serde_json::to_vec_pretty(&manifest)?;
        write_new(&part.join(MANIFEST), &text)?;
        match to {
            Target::Folder(_) => held.finish(&name)?,
            Target::Bucket(bucket) => target::deliver(bucket, &part, &name, &manifest).await?,
        }
        Ok(manifest)
    };
    let finished = finished.await;
    if finished.is_err() || matches!(to, Target::Bucket(_)) {
        held.give_up(&name);
    }
    let place = to.shown(&name);
    finished.map(|manifest| Made { place, manifest })
}

/// What of a log is in a backup.
struct Copied {
    head: Head,
    root: Root,
    published: Option<SignedCheckpoint>,
    verifier: Option<String>,
}

/// Writes everything but the manifest.
async fn fill(
    log: &Log,
    settings: &Settings,
    part: &Path,
    with_vault: bool,
) -> Result<Manifest, BackupError> {
    let (mut names, is_file) = (Vec::new(), log.is_in_a_file());
    // The log first: a vault that is newer has every key that the log names.
    let copied = if is_file {
        names.push(storage::LOG_FILE);
        copied_file(log, &part.join(storage::LOG_FILE)).await?
    } else {
        copied_by_others(log).await?
    };
    let vault = if is_file && with_vault {
        names.push(SEALED_VAULT);
        seal_vault(log, settings, part).await?;
        VaultPart::Sealed
    } else {
        VaultPart::Apart
    };
    // What is revoked from now on lives again in this copy: one that is put back is known by this.
    let begun = log.begin_vault_generation().await;
    begun.map_err(|error| ReadError::Unavailable(error.to_string()))?;
    let note = copied.published.as_ref().map(|it| it.note.clone());
    let verifier = copied.verifier.as_ref().map(|it| format!("{it}\n"));
    for (name, text) in [(CHECKPOINT_FILE, &note), (VERIFIER_FILE, &verifier)] {
        if let Some(text) = text {
            write_new(&part.join(name), text.as_bytes())?;
            names.push(name);
        }
    }
    let files = names.iter().map(|name| FilePart::of(part, name));
    let files = files.collect::<io::Result<_>>();
    Ok(Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: log.clock().now(),
        backend: if is_file {
            Backend::Sqlite
        } else {
            Backend::Postgresql
        },
        log: LogPart {
            position: copied.head.position.get(),
            tail: copied.head.tail,
            root: copied.root,
            verifier: copied.verifier,
        },
        checkpoint: note,
        vault,
        files: files.map_err(|source| BackupError::file(part, source))?,
    })
}

/// Copies the vault, and seals the copy.
async fn seal_vault(log: &Log, settings: &Settings, part: &Path) -> Result<(), BackupError> {
    let scratch = settings.data.value.join(SCRATCH);
    let key = settings.backup.copy_key();
    log.copy_vault_to(&part.join(SEALED_VAULT), &scratch, &key)
        .await?;
    Ok(())
}

/// Copies the log's file, and reads the copy: every page, and every entry.
async fn copied_file(log: &Log, path: &Path) -> Result<Copied, BackupError> {
    log.copy_to(path).await?;
    let file = LogFile::inspect(path).await?;
    let position = file.head.position;
    let root = file.root_at(position).await?;
    if log.frontier_at(position).await?.root() != root {
        let position = position.get();
        return Err(BackupError::Differs { position });
    }
    Ok(Copied {
        head: file.head,
        root,
        published: file.published,
        verifier: file.verifier,
    })
}

/// What a copy that is made from now on has at the least.
async fn copied_by_others(log: &Log) -> Result<Copied, BackupError> {
    let published = log.latest_checkpoint().await?;
    let head = log.head().await?;
    let verifier = log.verifier().await?;
    Ok(Copied {
        head,
        root: log.frontier_at(head.position).await?.root(),
        published,
        verifier: verifier.map(|key| key.to_string()),
    })
}

/// What was made, and what is to be done with it.
fn in_words(made: &Made, settings: &Settings) -> String {
    let Made {
        place: path,
        manifest,
    } = made;
    let (events, root) = (grouped(manifest.log.position), manifest.log.root);
    let said = format!("{path}\n  log: {events} events, root {root}\n");
    let dump_of_the_log = if path.contains("://") {
        format!("pg_dump --format=custom \"$DATABASE_URL\" | aws s3 cp - {path}/log.dump")
    } else {
        format!("pg_dump --format=custom --file={path}/log.dump \"$DATABASE_URL\"")
    };
    match (manifest.backend, manifest.vault) {
        (Backend::Sqlite, VaultPart::Sealed) => {
            let key = match &settings.backup.key.value {
                Some(_) => "MEGURI_BACKUP_KEY".to_owned(),
                None => settings.backup.key_file.value.display().to_string(),
            };
            format!(
                "{said}  vault: sealed under {key}; keep a copy of that key apart from the \
                 backups\n"
            )
        }
        (Backend::Sqlite, VaultPart::Apart) => {
            format!("{said}  vault: left out; back it up apart, after this\n")
        }
        (Backend::Postgresql, _) => format!(
            "{said}  this is the manifest alone. Now copy the databases, the log first:\n    \
             {dump_of_the_log}\n    \
             pg_dump --format=custom --file=WHERE_THE_VAULT_GOES/vault.dump \"$VAULT_URL\"\n  \
             and check a copy that was put back:\n    \
             DATABASE_URL=… VAULT_URL=… meguri restore {path}\n"
        ),
    }
}
