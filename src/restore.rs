//! `meguri restore`: checks all of a backup, and puts it into a folder in which there is no log.

mod report;
mod there;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meguri_log::{
    AuditError, AuditStep, Kek, KekError, Location, Log, LogFile, LogOptions, OpenError, Position,
    Root, SigningKey, open_vault_copy,
};
use meguri_proofs::{Checkpoint, Note, Tree, VerifierKey};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::audit::Catalog;
use crate::backup::manifest::{Backend, MANIFEST, Manifest, VaultPart, digest};
use crate::backup::target::{Target, parted};
use crate::backup::{BackupError, SEALED_VAULT};
use crate::command_line::RestoreArgs;
use crate::failure::{Failure, to_stdout};
use crate::figures::grouped;
use crate::settings::{BackupTarget, PublishSettings, Settings};
use crate::storage;
use report::Report;

/// Name of the folder in which everything is checked before it takes its place.
const STAGE: &str = "restore.part";
/// Findings of the audit that are told one by one.
const FINDINGS_TOLD: usize = 20;

/// Why nothing is restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// What may be a log is never written over.
    #[error(transparent)]
    LogThere(there::InPlace),
    /// What was named is no backup.
    #[error("{named} is no whole backup: {reason}")]
    NotABackup {
        /// What was named.
        named: String,
        /// Why it is none.
        reason: String,
    },
    /// The backup is of another kind of database than the settings name.
    #[error("{0}")]
    OtherBackend(&'static str),
    /// Something of it is not as it was made; what, was printed.
    #[error("the backup is not sound, and nothing is restored")]
    NotSound,
    /// All that is in it is restored, and something is not in it; what, was printed.
    #[error("{}", match .0 {
        1 => "something is missing: the restored log cannot be used fully before it is put \
              back".to_owned(),
        many => format!("{many} things are missing: the restored log cannot be used fully before \
                         they are put back"),
    })]
    Incomplete(usize),
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Where the backup is cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The check could not be carried through.
    #[error("the backup cannot be checked: {0}")]
    Unchecked(String),
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File { path, source }
}

/// Checks a backup, says what it found and what is missing, and restores it where all is sound.
pub async fn run(
    settings: &Settings,
    args: &RestoreArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let from = source(&args.from, settings).await?;
    let manifest = from.target.manifest(&from.name).await;
    let manifest = manifest.map_err(|reason| RestoreError::NotABackup {
        named: from.to_string(),
        reason,
    })?;
    let mut report = Report::default();
    report.found(format!(
        "backup: {from}, made {} by release {}",
        manifest.made_at, manifest.program
    ));
    let is_postgres = settings.database_url.value.is_some();
    match (manifest.backend, is_postgres) {
        (Backend::Sqlite, false) => files(settings, args, &from, &manifest, &mut report).await?,
        (Backend::Postgresql, true) => databases(settings, &manifest, &mut report).await?,
        (Backend::Sqlite, true) => {
            let reason = "this backup holds files of SQLite, and DATABASE_URL names PostgreSQL";
            return Err(RestoreError::OtherBackend(reason).into());
        }
        (Backend::Postgresql, false) => {
            let reason = "this is the manifest of databases in PostgreSQL: put those back with \
                          pg_restore, and name them with DATABASE_URL and VAULT_URL";
            return Err(RestoreError::OtherBackend(reason).into());
        }
    }
    if report.is_sound() {
        check_signing_key(&settings.publish, &manifest, &mut report);
    }
    out.write_all(report.in_words().as_bytes())
        .map_err(to_stdout)?;
    let ended = match report.count_missing() {
        _ if !report.is_sound() => Err(RestoreError::NotSound),
        0 => Ok(()),
        missing => Err(RestoreError::Incomplete(missing)),
    };
    Ok(ended?)
}

/// A whole backup.
struct Source {
    target: Target,
    name: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target.shown(&self.name))
    }
}

/// The backup that is named, or the newest whole one in what is named.
async fn source(named: &BackupTarget, settings: &Settings) -> Result<Source, RestoreError> {
    let at = |target: &_| Target::new(target, settings, CancellationToken::new());
    if let Some((parent, name)) = parted(named) {
        let target = at(&parent)?;
        if target.has(&name).await? {
            return Ok(Source { target, name });
        }
    }
    let target = at(named)?;
    match target.whole().await?.pop() {
        Some(name) => Ok(Source { target, name }),
        None => Err(RestoreError::NotABackup {
            named: named.to_string(),
            reason: format!("there is no {MANIFEST} in it, nor in any folder in it"),
        }),
    }
}

/// The files of a backup: copied beside their places, checked there, and then moved.
async fn files(
    settings: &Settings,
    args: &RestoreArgs,
    from: &Source,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Failure> {
    let data = &settings.data.value;
    if let (false, Some(there)) = (args.check, there::in_place_of_the_log(data)) {
        return Err(RestoreError::LogThere(there).into());
    }
    storage::make_folder(data)?;
    let stage = Stage::new(data)?;
    copy_all(from, manifest, &stage.path, report).await?;
    if report.is_sound() {
        check_log(&stage.path, manifest, report).await?;
    }
    if report.is_sound() {
        open_vault(settings, &stage.path, manifest, report).await?;
    }
    if report.is_sound() && !args.check {
        put(&stage.path, data, manifest, report)?;
    }
    stage.remove()?;
    Ok(())
}

/// Where everything is checked; a lock keeps others out of it.
struct Stage {
    path: PathBuf,
    lock: (PathBuf, File),
}

impl Stage {
    fn new(data: &Path) -> Result<Self, RestoreError> {
        let (path, lock) = (data.join(STAGE), data.join(format!("{STAGE}.lock")));
        let file = File::create(&lock).map_err(file_error(&lock))?;
        file.try_lock()
            .map_err(|error| file_error(&lock)(error.into()))?;
        if path.exists() {
            fs::remove_dir_all(&path).map_err(file_error(&path))?;
        }
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(file_error(&path))?;
        let lock = (lock, file);
        Ok(Self { path, lock })
    }

    fn remove(self) -> Result<(), RestoreError> {
        fs::remove_dir_all(&self.path).map_err(file_error(&self.path))?;
        fs::remove_file(&self.lock.0).map_err(file_error(&self.lock.0))
    }
}

/// Copies every file that the manifest names, and compares the copies with it.
async fn copy_all(
    from: &Source,
    manifest: &Manifest,
    stage: &Path,
    report: &mut Report,
) -> Result<(), RestoreError> {
    for file in &manifest.files {
        let copy = stage.join(&file.name);
        if !from.target.fetch(&from.name, file, &copy).await? {
            report.wrong(format!("{}: it is not there", file.name));
            continue;
        }
        let (bytes, sha256) = digest(&copy).map_err(file_error(&copy))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            report.wrong(format!(
                "{}: its {bytes} bytes are not the {} that were written (SHA-256 {sha256})",
                file.name, file.bytes
            ));
        }
    }
    let named = |name: &str| manifest.files.iter().any(|file| file.name == name);
    if !named(storage::LOG_FILE) {
        report.wrong(format!(
            "{}: the manifest does not name it",
            storage::LOG_FILE
        ));
    }
    if manifest.vault == VaultPart::Sealed && !named(SEALED_VAULT) {
        report.wrong(format!("{SEALED_VAULT}: the manifest does not name it"));
    }
    if report.is_sound() {
        let count = manifest.files.len();
        report.found(format!("files: {count}, each as it was written"));
    }
    Ok(())
}

/// Compares the log with the manifest and with what was signed of it.
async fn check_log(
    stage: &Path,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), RestoreError> {
    let said = &manifest.log;
    let file = match LogFile::inspect(&stage.join(storage::LOG_FILE)).await {
        Ok(file) => file,
        Err(error) => {
            report.wrong(format!("log: {error}"));
            return Ok(());
        }
    };
    let position = file.head.position;
    if (position.get(), file.head.tail) != (said.position, said.tail) {
        report.wrong(format!(
            "log: it ends at position {position}, and the manifest says {}",
            said.position
        ));
        return Ok(());
    }
    if file.verifier != said.verifier {
        report.wrong("log: it was published under another key than the manifest says".to_owned());
    }
    match file.root_at(position).await {
        Ok(root) if root == said.root => {
            let events = grouped(said.position);
            report.found(format!(
                "log: {events} events, root {root}, as the manifest says; every page is sound"
            ));
        }
        Ok(root) => {
            let expected = said.root;
            report.wrong(format!(
                "log: its root is {root}, and the manifest says {expected}"
            ));
        }
        Err(error) => report.wrong(format!("log: {error}")),
    }
    let Some(tree) = signed(manifest, report) else {
        return Ok(());
    };
    let found = file.root_at(Position::new(tree.size)).await;
    compare(&tree, found.map_err(|error| error.to_string()), report);
    Ok(())
}

/// What was signed, if anything was.
fn signed(manifest: &Manifest, report: &mut Report) -> Option<Tree> {
    let Some(note) = &manifest.checkpoint else {
        report.found("checkpoint: nothing of this log was published when it was backed up".into());
        return None;
    };
    let opened = || {
        let verifier = manifest
            .log
            .verifier
            .as_deref()
            .ok_or("no key verifies it")?;
        let key: VerifierKey = verifier
            .parse()
            .map_err(|_| "the key that verifies it is none")?;
        let note = Note::parse(note).map_err(|error| error.to_string())?;
        let opened = Checkpoint::open(&note, &key).map_err(|error| error.to_string())?;
        Ok::<Tree, String>(*opened.tree())
    };
    opened()
        .map_err(|reason| report.wrong(format!("checkpoint: {reason}")))
        .ok()
}

fn compare(tree: &Tree, found: Result<Root, String>, report: &mut Report) {
    let size = grouped(tree.size);
    match found {
        Ok(root) if root.0 == tree.root => {
            report.found(format!(
                "checkpoint: of {size} events, signed, and of this log"
            ));
        }
        Ok(root) => report.wrong(format!(
            "checkpoint: the first {size} events have the root {root}, and another was signed"
        )),
        Err(reason) => report.wrong(format!("checkpoint: {reason}")),
    }
}

/// Opens the vault, and with it the whole log is audited.
async fn open_vault(
    settings: &Settings,
    stage: &Path,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Failure> {
    let data = &settings.data.value;
    if data.join(storage::VAULT_FILE).exists() {
        report.found("vault: the one that is in the folder stays".to_owned());
        report.next("audit: run `meguri audit check` with that vault".to_owned());
        has_key_of_vault(&settings.kek(), report);
        return Ok(());
    }
    if manifest.vault == VaultPart::Apart {
        report.missing(format!(
            "vault: it was left out; put back its own backup, not older than this one, as {}",
            data.join(storage::VAULT_FILE).display()
        ));
        return Ok(());
    }
    let (from, to) = (stage.join(SEALED_VAULT), stage.join(storage::VAULT_FILE));
    match open_vault_copy(&from, &to, &settings.backup.copy_key()) {
        Ok(()) => report.found("vault: opened with the key of backups".to_owned()),
        Err(error) => {
            report.wrong(format!("vault: {error}"));
            return Ok(());
        }
    }
    let kek = settings.kek();
    if !has_key_of_vault(&kek, report) {
        return Ok(());
    }
    audit(stage, kek, report).await
}

fn has_key_of_vault(kek: &Kek, report: &mut Report) -> bool {
    let Kek::File(path) = kek else { return true };
    let is_there = path.exists();
    if !is_there {
        report.missing(format!(
            "key of the vault: {} is not there (nor MEGURI_KEK): without it the vault opens \
             nothing; put it back",
            path.display()
        ));
    }
    is_there
}

/// Looks whether the key that signs is there, and the one under which the log was published.
fn check_signing_key(publish: &PublishSettings, manifest: &Manifest, report: &mut Report) {
    let Some(verifier) = &manifest.log.verifier else {
        return;
    };
    let key = publish.signing_key();
    if let SigningKey::File(path) = &key
        && !path.exists()
    {
        report.missing(format!(
            "the key that signs: {} is not there (nor MEGURI_SIGNING_KEY): without it the log does \
             not start; put it back",
            path.display()
        ));
        return;
    }
    let name = verifier.parse().map(|key: VerifierKey| key.name().clone());
    match key.signer(name.ok().as_ref()) {
        Ok(signer) if signer.verifier().to_string() == *verifier => {}
        Ok(signer) => report.missing(format!(
            "the key that signs: the log was published as {verifier}, and the one that is there is \
             {}; put back the right one",
            signer.verifier()
        )),
        Err(error) => report.missing(format!("the key that signs: {error}")),
    }
}

/// Audits the log with its vault, as `meguri audit check` does.
async fn audit(stage: &Path, kek: Kek, report: &mut Report) -> Result<(), Failure> {
    let location = Location::Sqlite {
        log: stage.join(storage::LOG_FILE),
        vault: stage.join(storage::VAULT_FILE),
    };
    let log = match Log::open(&LogOptions::new(location, kek)).await {
        Ok(log) => log,
        Err(OpenError::Vault(KekError::Vault(error))) => {
            report.wrong(format!("vault: {error}"));
            return Ok(());
        }
        Err(OpenError::Vault(error)) => {
            report.missing(format!("key of the vault: {error}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let audited = audit_of(&log, report).await;
    log.close().await;
    audited.map_err(|error| RestoreError::Unchecked(error.to_string()).into())
}

async fn audit_of(log: &Log, report: &mut Report) -> Result<(), AuditError> {
    let mut findings = Vec::new();
    let mut tell = |step| {
        if let AuditStep::Found(finding) = step {
            let (place, code) = (finding.place, finding.kind.code());
            findings.push(format!("{place}: {code}: {}", finding.reason));
        }
    };
    let audited = log.audit(Arc::new(Catalog), None, &mut tell).await?;
    if findings.is_empty() {
        let (events, open) = (grouped(audited.events), grouped(audited.opened));
        report.found(format!(
            "audit: {events} events, {open} sealed sections open; nothing that does not fit"
        ));
    }
    let told = findings.len().min(FINDINGS_TOLD);
    for finding in findings.drain(..told) {
        report.wrong(format!("audit: {finding}"));
    }
    if !findings.is_empty() {
        report.wrong(format!("audit: and {} more", findings.len()));
    }
    Ok(())
}

/// Moves what was checked to its place: the log last, so that one which is cut off is no log.
fn put(
    stage: &Path,
    data: &Path,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), RestoreError> {
    for name in [storage::VAULT_FILE, storage::LOG_FILE] {
        let (from, to) = (stage.join(name), data.join(name));
        if from.exists() && !to.exists() {
            let file = File::open(&from).and_then(|file| file.sync_all());
            file.and_then(|()| fs::rename(&from, &to))
                .map_err(file_error(&to))?;
        }
    }
    let checkpoint = data.join(storage::CHECKPOINT_FILE);
    if let Some(note) = &manifest.checkpoint
        && !checkpoint.exists()
    {
        fs::write(&checkpoint, note).map_err(file_error(&checkpoint))?;
    }
    let folder = File::open(data).and_then(|folder| folder.sync_all());
    folder.map_err(file_error(data))?;
    report.found(format!("restored into {}", data.display()));
    if manifest.log.verifier.is_some() {
        report.next(
            "the last checkpoint that was published: nothing is signed before it is known. Start \
             once with `meguri serve --last-checkpoint FILE|URL`, or, if nothing was published \
             after this backup, with `--nothing-later-was-published`"
                .to_owned(),
        );
    }
    Ok(())
}

/// Databases that were put back by PostgreSQL's own tools, against the manifest.
async fn databases(
    settings: &Settings,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Failure> {
    let log = storage::open_existing(settings).await?;
    let checked = check_database(&log, manifest, report).await;
    log.close().await;
    checked
}

async fn check_database(
    log: &Log,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Failure> {
    let (said, head) = (&manifest.log, log.head().await?.position);
    let position = Position::new(said.position);
    if head < position {
        report.wrong(format!(
            "log: it ends at position {head}, and the manifest says {position}: the dump is older \
             than the manifest, or of another log"
        ));
        return Ok(());
    }
    let root_at = async |position| {
        let frontier = log.frontier_at(position).await;
        frontier.map(|frontier| frontier.root())
    };
    let failed = |error: meguri_log::TreeError| RestoreError::Unchecked(error.to_string());
    let root = root_at(position).await.map_err(failed)?;
    if root == said.root {
        report.found(format!(
            "log: {} events, and the first {} have the root {root}, as the manifest says",
            grouped(head.get()),
            grouped(said.position)
        ));
    } else {
        let expected = said.root;
        report.wrong(format!(
            "log: its root is {root}, and the manifest says {expected}"
        ));
    }
    if let Some(tree) = signed(manifest, report) {
        let found = root_at(Position::new(tree.size)).await;
        compare(&tree, found.map_err(|error| error.to_string()), report);
    }
    let audited = audit_of(log, report).await;
    audited.map_err(|error| RestoreError::Unchecked(error.to_string()).into())
}
