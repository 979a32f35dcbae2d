//! Backups: where to, how often, how many are kept, and under which key the vault is sealed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use meguri_log::CopyKey;

use super::sources::{
    BACKUP_EVERY, BACKUP_KEEP, BACKUP_KEY, BACKUP_KEY_FILE, BACKUP_TIMEOUT, BACKUP_TO,
    FileSettings, Sources, Span,
};
use super::{
    BucketAccess, BucketAddress, Origin, Row, Secret, Setting, SettingsError, optional, path, row,
};
use crate::period::Period;

/// Name of the file of the key of backups, in the data folder.
const KEY_FILE_NAME: &str = "backup.key";
/// How many backups are kept unless somebody asks for more.
const KEEP_DEFAULT: usize = 7;
/// The most backups that are kept.
const KEEP_MAX: usize = 10_000;
/// The shortest time between two backups.
const EVERY_MIN: Period = Period::seconds(10);
/// How long an object store may take for one answer.
const REQUEST_TIMEOUT: Period = Period::seconds(60);
/// The shortest time that it is given.
const REQUEST_TIMEOUT_MIN: Period = Period::seconds(1);
/// The longest.
const REQUEST_TIMEOUT_MAX: Period = Period::seconds(3_600);

/// The longest time between two backups.
const EVERY_MAX: Period = Period::days(365);

/// How backups are made.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// Where to.
    pub to: Setting<Option<BackupTarget>>,
    /// How often the server makes one.
    pub every: Setting<Option<Period>>,
    /// How many are kept.
    pub keep: Setting<usize>,
    /// The key under which the vault is sealed in them; `None`: read from
    /// [`BackupSettings::key_file`].
    pub key: Setting<Option<Secret<CopyKey>>>,
    /// The file of that key, made when the first backup is.
    pub key_file: Setting<PathBuf>,
    /// How a bucket is reached.
    pub access: BucketAccess,
    /// How long an object store may take for one answer, also to take eight megabytes.
    pub request_timeout: Setting<Period>,
}

/// Where backups are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupTarget {
    /// A folder, with a folder for each backup.
    Folder(PathBuf),
    /// A bucket of an object store.
    Bucket(BucketAddress),
}

impl FromStr for BackupTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(address) = BucketAddress::parse(text) {
            return address.map(Self::Bucket);
        }
        match text.split_once("://") {
            Some((scheme, _)) => Err(format!(
                "`{scheme}://` is not known; name a folder, or s3://BUCKET/PREFIX"
            )),
            None if text.is_empty() => Err("no folder is named".to_owned()),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

impl fmt::Display for BackupTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(out),
            Self::Bucket(address) => address.fmt(out),
        }
    }
}

impl BackupSettings {
    pub(super) fn resolve(
        from: &Sources<'_>,
        file: &FileSettings,
        data: &Path,
    ) -> Result<Self, SettingsError> {
        let keep = file.backup_keep.map(|keep| keep.to_string());
        let key_file = data.join(KEY_FILE_NAME);
        let settings = Self {
            to: from.pick_optional(BACKUP_TO, None, file.backup_to.clone())?,
            every: from.optional_period(
                BACKUP_EVERY,
                file.backup_every.clone(),
                EVERY_MIN..=EVERY_MAX,
            )?,
            keep: from.pick(BACKUP_KEEP, None, keep, KEEP_DEFAULT)?,
            key: from.pick_optional(BACKUP_KEY, None, None)?,
            key_file: from.path(
                BACKUP_KEY_FILE,
                None,
                file.backup_key_file.clone(),
                key_file,
            )?,
            access: BucketAccess::resolve(from, file)?,
            request_timeout: from.period(
                BACKUP_TIMEOUT,
                file.backup_request_timeout.clone(),
                Span::new(REQUEST_TIMEOUT, REQUEST_TIMEOUT_MIN, REQUEST_TIMEOUT_MAX),
            )?,
        };
        settings.check()
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            optional("backup_to", &self.to),
            optional("backup_every", &self.every),
            row("backup_keep", &self.keep),
            optional("backup_key", &self.key),
            path("backup_key_file", &self.key_file),
        ];
        rows.extend(self.access.rows());
        rows.push(row("backup_request_timeout", &self.request_timeout));
        rows
    }

    /// Where the key of backups comes from.
    pub fn copy_key(&self) -> CopyKey {
        match &self.key.value {
            Some(key) => key.reveal().clone(),
            None => CopyKey::File(self.key_file.value.clone()),
        }
    }

    fn check(self) -> Result<Self, SettingsError> {
        let wrong = |origin: &Origin, reason: String| {
            let origin = origin.clone();
            Err(SettingsError::Value { origin, reason })
        };
        if !(1..=KEEP_MAX).contains(&self.keep.value) {
            let reason = format!("between 1 and {KEEP_MAX} backups can be kept");
            return wrong(&self.keep.origin, reason);
        }
        match (self.every.value, &self.to.value) {
            (Some(_), None) => {
                let reason = "backup_every needs backup_to: where to".to_owned();
                wrong(&self.every.origin, reason)
            }
            (Some(_) | None, _) => Ok(self),
        }
    }
}
