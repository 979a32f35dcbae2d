//! Where backups are kept: a folder, or a bucket of an object store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_log::{Log, Position, Timestamp};
use tokio_util::sync::CancellationToken;

use super::BackupError;
use super::bucket::{Bucket, Listed};
use super::folder::Folder;
use super::manifest::{self, FilePart, MANIFEST, MANIFEST_BYTES_MAX, Manifest};
use crate::settings::{BackupTarget, BucketAddress, Settings};

/// What was begun in a bucket and never became whole is left alone for so long: another machine may
/// be at it.
const LEFT_ALONE: Duration = Duration::from_hours(24);

/// Where backups are kept.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A folder, with a folder for each backup.
    Folder(Folder),
    /// A bucket, with a prefix for each backup.
    Bucket(Bucket),
}

impl Target {
    /// What the settings or the command line name. What a bucket is asked ends with `stop`.
    pub(crate) fn new(
        target: &BackupTarget,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Result<Self, BackupError> {
        Ok(match target {
            BackupTarget::Folder(path) => Self::Folder(Folder::new(path)),
            BackupTarget::Bucket(address) => {
                Self::Bucket(Bucket::new(address, &settings.backup, None, stop)?)
            }
        })
    }

    /// Where a backup is, for people.
    pub(crate) fn shown(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.path_of(name).display().to_string(),
            Self::Bucket(bucket) => format!("{}/{name}", bucket.address()),
        }
    }

    /// The names of all whole backups, the oldest first.
    pub(crate) async fn whole(&self) -> Result<Vec<String>, BackupError> {
        match self {
            Self::Folder(folder) => folder.whole(),
            Self::Bucket(bucket) => Ok(whole_of(&bucket.list().await?)),
        }
    }

    /// Whether there is a whole backup of this name.
    pub(crate) async fn has(&self, name: &str) -> Result<bool, BackupError> {
        match self {
            Self::Folder(folder) => Ok(folder.path_of(name).join(MANIFEST).is_file()),
            Self::Bucket(bucket) => {
                let object = format!("{name}/{MANIFEST}");
                Ok(bucket.read(&object, MANIFEST_BYTES_MAX).await?.is_some())
            }
        }
    }

    /// What a backup says of itself.
    ///
    /// # Errors
    /// In words: it cannot be read, or says nothing of this form.
    pub(crate) async fn manifest(&self, name: &str) -> Result<Manifest, String> {
        match self {
            Self::Folder(folder) => manifest::read(&folder.path_of(name)),
            Self::Bucket(bucket) => {
                let object = format!("{name}/{MANIFEST}");
                let read = bucket.read(&object, MANIFEST_BYTES_MAX).await;
                let held = read.map_err(|error| error.to_string())?;
                let held = held.ok_or_else(|| format!("{object} is not there"))?;
                manifest::parse(&held.bytes, &self.shown(&object))
            }
        }
    }

    /// Copies a file of a backup into a new one. Answers whether it was there.
    pub(crate) async fn fetch(
        &self,
        name: &str,
        file: &FilePart,
        to: &Path,
    ) -> Result<bool, BackupError> {
        match self {
            Self::Folder(folder) => folder.fetch(name, &file.name, to),
            Self::Bucket(bucket) => {
                let object = format!("{name}/{}", file.name);
                Ok(bucket.fetch(&object, file.bytes, to).await?)
            }
        }
    }

    /// Removes the oldest whole backups of this log beyond so many. Those of other logs, those that
    /// cannot be read, and those that have more than this log are left alone.
    pub(crate) async fn prune(&self, log: &Log, keep: usize) -> Result<usize, BackupError> {
        // Whoever makes a backup in a folder, or removes one, holds it.
        let _held = match self {
            Self::Folder(folder) => Some(folder.hold()?),
            Self::Bucket(_) => None,
        };
        let mut own = Vec::new();
        for name in self.whole().await? {
            match self.manifest(&name).await {
                Ok(manifest) if is_of(log, &manifest).await? => own.push(name),
                Ok(_) => {}
                Err(error) => tracing::warn!(error, "a backup is left alone"),
            }
        }
        let beyond = own.len().saturating_sub(keep);
        for name in &own[..beyond] {
            self.remove(name).await?;
        }
        if let Self::Bucket(bucket) = self {
            remove_leftovers(bucket, log.clock().now()).await?;
        }
        Ok(beyond)
    }

    /// The newest whole backup of this log.
    pub(crate) async fn newest_of(&self, log: &Log) -> Result<Option<Manifest>, BackupError> {
        for name in self.whole().await?.iter().rev() {
            if let Ok(manifest) = self.manifest(name).await
                && is_of(log, &manifest).await?
            {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// Removes a backup. Its manifest goes first: without it there is none, wherever this is cut
    /// off.
    async fn remove(&self, name: &str) -> Result<(), BackupError> {
        match self {
            Self::Folder(folder) => folder.remove(name),
            Self::Bucket(bucket) => {
                bucket.remove(&format!("{name}/{MANIFEST}")).await?;
                let beginning = format!("{name}/");
                for object in bucket.list().await? {
                    if object.name.starts_with(&beginning) {
                        bucket.remove(&object.name).await?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// What a folder or bucket is in, and its name there, as where it may be a backup itself.
pub(crate) fn parted(target: &BackupTarget) -> Option<(BackupTarget, String)> {
    match target {
        BackupTarget::Folder(path) => {
            let path = path.canonicalize().ok()?;
            let name = path.file_name()?.to_str()?.to_owned();
            Some((BackupTarget::Folder(path.parent()?.to_owned()), name))
        }
        BackupTarget::Bucket(address) => {
            let prefix = address.prefix.as_str();
            let (parent, name) = prefix.rsplit_once('/').unwrap_or(("", prefix));
            let parent = BucketAddress {
                bucket: address.bucket.clone(),
                prefix: parent.to_owned(),
            };
            (!name.is_empty()).then(|| (BackupTarget::Bucket(parent), name.to_owned()))
        }
    }
}

/// Whether a backup is one of this log: it begins with the same events or, where it has none, its
/// checkpoints are verified by the same key.
async fn is_of(log: &Log, manifest: &Manifest) -> Result<bool, BackupError> {
    let position = Position::new(manifest.log.position);
    if position == Position::ZERO {
        let own = log.verifier().await?.map(|key| key.to_string());
        return Ok(own.is_some() && own == manifest.log.verifier);
    }
    if log.head().await?.position < position {
        return Ok(false);
    }
    Ok(log.frontier_at(position).await?.root() == manifest.log.root)
}

/// Puts the files of a backup into a bucket, the manifest after all of them are there as they are
/// here.
pub(super) async fn deliver(
    bucket: &Bucket,
    part: &Path,
    name: &str,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    let sent = send_all(bucket, part, name, manifest).await;
    if sent.is_err() {
        for file in &manifest.files {
            let object = format!("{name}/{}", file.name);
            // A later backup removes what is left.
            if let Err(error) = bucket.remove(&object).await {
                tracing::debug!(%error, "{object} of a backup that failed is left");
                break;
            }
        }
    }
    sent
}

async fn send_all(
    bucket: &Bucket,
    part: &Path,
    name: &str,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    for file in &manifest.files {
        let object = format!("{name}/{}", file.name);
        bucket.send(&part.join(&file.name), &object).await?;
    }
    let listed = bucket.list().await?;
    for file in &manifest.files {
        let object = format!("{name}/{}", file.name);
        let found = listed.iter().find(|listed| listed.name == object);
        if found.is_none_or(|found| found.bytes != file.bytes) {
            return Err(BackupError::NotKept(format!(
                "{}/{object}",
                bucket.address()
            )));
        }
    }
    bucket
        .send(&part.join(MANIFEST), &format!("{name}/{MANIFEST}"))
        .await?;
    Ok(())
}

/// The backups among objects that have a manifest, the oldest first.
fn whole_of(objects: &[Listed]) -> Vec<String> {
    let manifests = objects.iter().filter_map(|object| {
        let (name, file) = object.name.split_once('/')?;
        (file == MANIFEST).then(|| name.to_owned())
    });
    let mut names: Vec<_> = manifests.collect();
    names.sort_unstable();
    names
}

/// Removes what was begun long ago and never became whole.
async fn remove_leftovers(bucket: &Bucket, now: Timestamp) -> Result<(), BackupError> {
    let objects = bucket.list().await?;
    let whole = whole_of(&objects);
    let backup_of = |object: &Listed| {
        let (name, _) = object.name.split_once('/')?;
        is_name(name).then(|| name.to_owned())
    };
    for object in &objects {
        let Some(name) = backup_of(object).filter(|name| !whole.contains(name)) else {
            continue;
        };
        let is_old = |other: &Listed| super::schedule::age(other.written_at, now) > LEFT_ALONE;
        let mut all = objects.iter();
        if all.all(|other| backup_of(other).as_ref() != Some(&name) || is_old(other)) {
            bucket.remove(&object.name).await?;
        }
    }
    Ok(())
}

/// Whether a name is one that a backup gets: its moment, as in `20261130T003110.123456Z`.
fn is_name(name: &str) -> bool {
    let shape: String = name
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "00000000T000000.000000Z"
}

/// Where backups for a bucket are put together, in the data folder.
pub(super) fn outbox(settings: &Settings) -> PathBuf {
    settings.data.value.join("backup.outbox")
}
