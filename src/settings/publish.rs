//! How the log is published: which key signs, under which name, how often.

use std::path::{Path, PathBuf};

use meguri_log::SigningKey;
use meguri_proofs::KeyName;

use super::sources::{
    CHECKPOINT_FILE, FileSettings, ORIGIN, PUBLISH, SIGNING_KEY, SIGNING_KEY_FILE, Sources, Span,
    WITNESS_QUORUM, WITNESSES,
};
use super::{Row, Secret, Setting, SettingsError, WitnessList, optional, optional_path, path, row};
use crate::period::Period;

/// Name of the file of the key that signs checkpoints, in the data folder.
const KEY_FILE_NAME: &str = "log.key";
/// How often a checkpoint is signed while the log grows.
const EVERY_DEFAULT: Period = Period::seconds(1);

/// The longest time between two checkpoints.
const EVERY_MAX: Period = Period::days(1);

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
    /// A file elsewhere that keeps the last checkpoint: one that no restored backup brings back.
    pub checkpoint_file: Setting<Option<PathBuf>>,
    /// The witnesses that cosign checkpoints before these are published.
    pub witnesses: Setting<Option<WitnessList>>,
    /// How many of them it takes; `None`: more than half.
    pub witness_quorum: Setting<Option<usize>>,
}

impl PublishSettings {
    pub(super) fn resolve(
        from: &Sources<'_>,
        file: &FileSettings,
        data: &Path,
    ) -> Result<Self, SettingsError> {
        let key_file = data.join(KEY_FILE_NAME);
        let in_file = file.signing_key_file.clone();
        let listed = file.witnesses.as_ref().map(|all| all.join(","));
        let quorum = file.witness_quorum.map(|quorum| quorum.to_string());
        let witnesses = from.pick_optional(WITNESSES, None, listed)?;
        let witness_quorum = from.pick_optional(WITNESS_QUORUM, None, quorum)?;
        enough(&witnesses, &witness_quorum)?;
        let in_file_too = file.checkpoint_file.clone();
        let checkpoint_file = from.pick_optional_path(CHECKPOINT_FILE, in_file_too)?;
        elsewhere(&checkpoint_file, data)?;
        Ok(Self {
            key: from.pick_optional(SIGNING_KEY, None, None)?,
            key_file: from.path(SIGNING_KEY_FILE, None, in_file, key_file)?,
            origin: from.pick_optional(ORIGIN, None, file.origin.clone())?,
            every: from.period(
                PUBLISH,
                file.publish_every.clone(),
                Span::new(EVERY_DEFAULT, EVERY_DEFAULT, EVERY_MAX),
            )?,
            checkpoint_file,
            witnesses,
            witness_quorum,
        })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        vec![
            optional("signing_key", &self.key),
            path("signing_key_file", &self.key_file),
            optional("origin", &self.origin),
            row("publish_every", &self.every),
            optional_path("checkpoint_file", &self.checkpoint_file),
            optional("witnesses", &self.witnesses),
            optional("witness_quorum", &self.witness_quorum),
        ]
    }

    /// Refuses witnesses of whom two groups can be enough that have nobody in common, where nothing
    /// else tells what was signed last: after the database has fallen back to an older state, one
    /// group would cosign another story than the other did.
    pub(super) fn check(&self, is_kept_elsewhere: bool) -> Result<(), SettingsError> {
        let all = self.witnesses.value.as_ref().map_or(0, |all| all.0.len());
        let (quorum, majority) = (self.quorum(), all / 2 + 1);
        let is_kept_elsewhere = is_kept_elsewhere || self.checkpoint_file.value.is_some();
        if all == 0 || quorum >= majority || is_kept_elsewhere {
            return Ok(());
        }
        Err(SettingsError::Value {
            origin: self.witness_quorum.origin.clone(),
            reason: format!(
                "a quorum of {quorum} lets two groups of the {all} witnesses cosign two stories \
                 once the database has lost its last changes: ask for {majority} or more, or name \
                 a checkpoint_file that no failover and no restored backup brings back"
            ),
        })
    }

    /// How many witnesses have to have cosigned before anything is published.
    pub fn quorum(&self) -> usize {
        let all = self.witnesses.value.as_ref().map_or(0, |all| all.0.len());
        let majority = if all == 0 { 0 } else { all / 2 + 1 };
        self.witness_quorum.value.unwrap_or(majority)
    }

    /// Where the key that signs comes from.
    pub fn signing_key(&self) -> SigningKey {
        match &self.key.value {
            Some(key) => key.reveal().clone(),
            None => SigningKey::File(self.key_file.value.clone()),
        }
    }
}

/// What is in the data folder is put back together with it.
fn elsewhere(file: &Setting<Option<PathBuf>>, data: &Path) -> Result<(), SettingsError> {
    match &file.value {
        Some(path) if path.starts_with(data) => Err(SettingsError::Value {
            origin: file.origin.clone(),
            reason: format!(
                "the checkpoint_file {} is in the data folder, which a restored backup brings \
                 back: name one on another disk",
                path.display()
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

/// A quorum is made of witnesses that there are.
fn enough(
    witnesses: &Setting<Option<WitnessList>>,
    quorum: &Setting<Option<usize>>,
) -> Result<(), SettingsError> {
    let all = witnesses.value.as_ref().map_or(0, |all| all.0.len());
    match quorum.value {
        Some(0) if all > 0 => Err(SettingsError::Value {
            origin: quorum.origin.clone(),
            reason: "a quorum of 0 asks no witness: name none instead".to_owned(),
        }),
        Some(wanted) if wanted > all => Err(SettingsError::Value {
            origin: quorum.origin.clone(),
            reason: format!("a quorum of {wanted} cannot be reached by {all} witnesses"),
        }),
        Some(_) | None => Ok(()),
    }
}
