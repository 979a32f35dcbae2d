//! How the log is published: which key signs, under which name, how often.

use std::path::{Path, PathBuf};

use meguri_log::SigningKey;
use meguri_proofs::KeyName;

use super::sources::{FileSettings, ORIGIN, PUBLISH, SIGNING_KEY, SIGNING_KEY_FILE, Sources};
use super::{Secret, Setting, SettingsError};
use crate::period::Period;

/// Name of the file of the key that signs checkpoints, in the data folder.
const KEY_FILE_NAME: &str = "log.key";
/// How often a checkpoint is signed while the log grows.
const EVERY_DEFAULT: Period = Period::seconds(1);

/// How the log is published.
#[derive(Debug, Clone)]
pub struct PublishSettings {
    /// The key that signs checkpoints; `None`: read from [`PublishSettings::key_file`].
    pub key: Setting<Option<Secret<SigningKey>>>,
    /// The file of that key, made for a log that was never published.
    pub key_file: Setting<PathBuf>,
    /// The name under which the log is published; `None`: the one it has, or one that is made of
    /// the key.
    pub origin: Setting<Option<KeyName>>,
    /// How often a checkpoint is signed while the log grows.
    pub every: Setting<Period>,
}

impl PublishSettings {
    pub(super) fn resolve(
        from: &Sources<'_>,
        file: &FileSettings,
        data: &Path,
    ) -> Result<Self, SettingsError> {
        let key_file = data.join(KEY_FILE_NAME);
        let in_file = file.signing_key_file.clone();
        Ok(Self {
            key: from.pick_optional(SIGNING_KEY, None, None)?,
            key_file: from.path(SIGNING_KEY_FILE, None, in_file, key_file),
            origin: from.pick_optional(ORIGIN, None, file.origin.clone())?,
            every: from.pick(PUBLISH, None, file.publish_every.clone(), EVERY_DEFAULT)?,
        })
    }

    /// Where the key that signs comes from.
    pub fn signing_key(&self) -> SigningKey {
        match &self.key.value {
            Some(key) => key.reveal().clone(),
            None => SigningKey::File(self.key_file.value.clone()),
        }
    }
}
