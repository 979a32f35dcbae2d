//! Where settings are looked for: the file's keys, the flags' and variables' names, their order.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::{Environment, Origin, Setting, SettingsError};
use crate::period::Period;

/// What `meguri.toml` may hold. A key that is not listed here is an error with its line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSettings {
    pub(super) data: Option<PathBuf>,
    pub(super) listen: Option<String>,
    pub(super) database_url: Option<String>,
    pub(super) vault_url: Option<String>,
    pub(super) kek_file: Option<PathBuf>,
    pub(super) signing_key_file: Option<PathBuf>,
    pub(super) origin: Option<String>,
    pub(super) publish_every: Option<String>,
    pub(super) checkpoint_file: Option<PathBuf>,
    pub(super) backup_to: Option<String>,
    pub(super) backup_every: Option<String>,
    pub(super) backup_keep: Option<usize>,
    pub(super) backup_key_file: Option<PathBuf>,
    pub(super) backup_endpoint: Option<String>,
    pub(super) backup_region: Option<String>,
    pub(super) backup_path_style: Option<bool>,
    pub(super) backup_request_timeout: Option<String>,
    pub(super) witnesses: Option<Vec<String>>,
    pub(super) witness_quorum: Option<usize>,
    pub(super) log_format: Option<String>,
    pub(super) log_filter: Option<String>,
    pub(super) remind_after: Option<String>,
    pub(super) complete_after: Option<String>,
    pub(super) erase_within: Option<String>,
    pub(super) erase_views_within: Option<String>,
    pub(super) keep_money: Option<String>,
    pub(super) auditor_discloses: Option<String>,
    pub(super) on_poison: Option<String>,
    pub(super) tell_of_matches: Option<bool>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) token_lifetime: Option<String>,
    pub(super) clock_jump_max: Option<String>,
    pub(super) shutdown_grace: Option<String>,
}

/// A setting's flag and environment variable.
pub(super) type Names = (&'static str, &'static str);
pub(super) const DATA: Names = ("--data", "MEGURI_DATA");
pub(super) const LISTEN: Names = ("--listen", "MEGURI_LISTEN");
pub(super) const DATABASE: Names = ("--database-url", "DATABASE_URL");
pub(super) const VAULT: Names = ("--vault-url", "VAULT_URL");
/// The key itself is taken from the environment alone: a file of settings is read by many.
pub(super) const KEK: Names = ("-", "MEGURI_KEK");
pub(super) const KEK_FILE: Names = ("-", "MEGURI_KEK_FILE");
/// As [`KEK`].
pub(super) const KEK_NEXT: Names = ("-", "MEGURI_KEK_NEXT");
/// As [`KEK`].
pub(super) const SIGNING_KEY: Names = ("-", "MEGURI_SIGNING_KEY");
pub(super) const SIGNING_KEY_FILE: Names = ("-", "MEGURI_SIGNING_KEY_FILE");
pub(super) const ORIGIN: Names = ("-", "MEGURI_ORIGIN");
pub(super) const PUBLISH: Names = ("-", "MEGURI_PUBLISH_EVERY");
pub(super) const CHECKPOINT_FILE: Names = ("-", "MEGURI_CHECKPOINT_FILE");
pub(super) const BACKUP_TO: Names = ("-", "MEGURI_BACKUP_TO");
pub(super) const BACKUP_EVERY: Names = ("-", "MEGURI_BACKUP_EVERY");
pub(super) const BACKUP_KEEP: Names = ("-", "MEGURI_BACKUP_KEEP");
/// As [`KEK`].
pub(super) const BACKUP_KEY: Names = ("-", "MEGURI_BACKUP_KEY");
pub(super) const BACKUP_KEY_FILE: Names = ("-", "MEGURI_BACKUP_KEY_FILE");
/// As all clients of Amazon S3 know them, the stronger one first.
pub(super) const BACKUP_ENDPOINT: [Names; 2] =
    [("-", "AWS_ENDPOINT_URL_S3"), ("-", "AWS_ENDPOINT_URL")];
/// As [`BACKUP_ENDPOINT`].
pub(super) const BACKUP_REGION: [Names; 2] = [("-", "AWS_REGION"), ("-", "AWS_DEFAULT_REGION")];
pub(super) const BACKUP_PATH_STYLE: Names = ("-", "MEGURI_BACKUP_PATH_STYLE");
pub(super) const BACKUP_TIMEOUT: Names = ("-", "MEGURI_BACKUP_REQUEST_TIMEOUT");
pub(super) const WITNESSES: Names = ("-", "MEGURI_WITNESSES");
pub(super) const WITNESS_QUORUM: Names = ("-", "MEGURI_WITNESS_QUORUM");
pub(super) const LOG_FORMAT: Names = ("--log-format", "MEGURI_LOG_FORMAT");
pub(super) const LOG_FILTER: Names = ("--log-filter", "MEGURI_LOG_FILTER");
pub(super) const REMIND: Names = ("-", "MEGURI_REMIND_AFTER");
pub(super) const COMPLETE: Names = ("-", "MEGURI_COMPLETE_AFTER");
pub(super) const WITHIN: Names = ("-", "MEGURI_ERASE_WITHIN");
pub(super) const VIEWS_WITHIN: Names = ("-", "MEGURI_ERASE_VIEWS_WITHIN");
pub(super) const KEEP_MONEY: Names = ("-", "MEGURI_KEEP_MONEY");
pub(super) const AUDITORS: Names = ("-", "MEGURI_AUDITOR_DISCLOSES");
pub(super) const POISON: Names = ("-", "MEGURI_ON_POISON");
pub(super) const TELL: Names = ("-", "MEGURI_TELL_OF_MATCHES");
pub(super) const PROXIES: Names = ("-", "MEGURI_TRUSTED_PROXIES");
pub(super) const TOKENS: Names = ("-", "MEGURI_TOKEN_LIFETIME");
pub(super) const CLOCK: Names = ("-", "MEGURI_CLOCK_JUMP_MAX");
pub(super) const GRACE: Names = ("-", "MEGURI_SHUTDOWN_GRACE");

/// What a period is where nobody says anything, and between which it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    default: Period,
    least: Period,
    most: Period,
}

impl Span {
    pub(super) const fn new(default: Period, least: Period, most: Period) -> Self {
        Self {
            default,
            least,
            most,
        }
    }

    fn bounds(self) -> RangeInclusive<Period> {
        self.least..=self.most
    }
}

/// The places a value may stand in, strongest first: flag, environment, file.
pub(super) struct Sources<'a> {
    pub(super) environment: &'a Environment,
    pub(super) path: &'a Path,
}

impl Sources<'_> {
    fn strongest(
        &self,
        (flag_name, variable): Names,
        flag: Option<String>,
        file: Option<String>,
    ) -> Result<Option<(String, Origin)>, SettingsError> {
        let variable_says = self.environment.text(variable)?;
        let flag = flag.map(|text| (text, Origin::Flag(flag_name)));
        let of_variable = || variable_says.map(|text| (text, Origin::Environment(variable)));
        let of_file = || file.map(|text| (text, Origin::File(self.path.to_owned())));
        Ok(flag.or_else(of_variable).or_else(of_file))
    }

    /// The value of a setting that always has one.
    pub(super) fn pick<T: FromStr<Err: fmt::Display>>(
        &self,
        names: Names,
        flag: Option<&String>,
        file: Option<String>,
        default: T,
    ) -> Result<Setting<T>, SettingsError> {
        let Setting { value, origin } = self.pick_optional(names, flag, file)?;
        Ok(Setting {
            value: value.unwrap_or(default),
            origin,
        })
    }

    /// A period within these bounds.
    pub(super) fn period(
        &self,
        names: Names,
        file: Option<String>,
        span: Span,
    ) -> Result<Setting<Period>, SettingsError> {
        let setting = self.pick(names, None, file, span.default)?;
        within(setting.value, &setting.origin, &span.bounds())?;
        Ok(setting)
    }

    /// A period within these bounds, which may not be given.
    pub(super) fn optional_period(
        &self,
        names: Names,
        file: Option<String>,
        bounds: RangeInclusive<Period>,
    ) -> Result<Setting<Option<Period>>, SettingsError> {
        let setting: Setting<Option<Period>> = self.pick_optional(names, None, file)?;
        if let Some(value) = setting.value {
            within(value, &setting.origin, &bounds)?;
        }
        Ok(setting)
    }

    /// The value of a setting that may have none.
    pub(super) fn pick_optional<T: FromStr<Err: fmt::Display>>(
        &self,
        names: Names,
        flag: Option<&String>,
        file: Option<String>,
    ) -> Result<Setting<Option<T>>, SettingsError> {
        let Some((text, origin)) = self.strongest(names, flag.cloned(), file)? else {
            return Ok(Setting {
                value: None,
                origin: Origin::Default,
            });
        };
        match text.parse() {
            Ok(value) => Ok(Setting {
                value: Some(value),
                origin,
            }),
            Err(reason) => Err(SettingsError::Value {
                origin,
                reason: reason.to_string(),
            }),
        }
    }

    /// The value of a setting that may have none, and for which two variables are asked.
    pub(super) fn either<T: FromStr<Err: fmt::Display>>(
        &self,
        [stronger, weaker]: [Names; 2],
        file: Option<String>,
    ) -> Result<Setting<Option<T>>, SettingsError> {
        let first = self.pick_optional(stronger, None, None)?;
        match first.value {
            Some(_) => Ok(first),
            None => self.pick_optional(weaker, None, file),
        }
    }

    /// A setting that is on or off, as in the file; off where nobody says anything.
    pub(super) fn switch(
        &self,
        names: Names,
        file: Option<bool>,
    ) -> Result<Setting<bool>, SettingsError> {
        self.pick(names, None, file.map(|on| on.to_string()), false)
    }

    /// A list, in the file as an array of texts; empty where nobody says anything.
    pub(super) fn list<T: FromStr<Err: fmt::Display> + Default>(
        &self,
        names: Names,
        file: Option<Vec<String>>,
    ) -> Result<Setting<T>, SettingsError> {
        self.pick(names, None, file.map(|all| all.join(",")), T::default())
    }

    /// A path that may not be given.
    pub(super) fn pick_optional_path(
        &self,
        names: Names,
        file: Option<PathBuf>,
    ) -> Result<Setting<Option<PathBuf>>, SettingsError> {
        let Setting { value, origin } = self.path(names, None, file, PathBuf::new())?;
        let value = (origin != Origin::Default).then_some(value);
        Ok(Setting { value, origin })
    }

    /// A path, which any text is. Flags may give it other bytes, too.
    pub(super) fn path(
        &self,
        names: Names,
        flag: Option<&Path>,
        file: Option<PathBuf>,
        default: PathBuf,
    ) -> Result<Setting<PathBuf>, SettingsError> {
        let (flag_name, variable) = names;
        let variable_says = self.environment.text(variable)?;
        let given = flag.map(|path| (path.to_owned(), Origin::Flag(flag_name)));
        let given = given
            .or_else(|| variable_says.map(|path| (path.into(), Origin::Environment(variable))));
        let given = given.or_else(|| file.map(|path| (path, Origin::File(self.path.to_owned()))));
        let (value, origin) = given.unwrap_or((default, Origin::Default));
        Ok(Setting { value, origin })
    }
}

fn within(
    value: Period,
    origin: &Origin,
    bounds: &RangeInclusive<Period>,
) -> Result<(), SettingsError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let (least, most) = (bounds.start(), bounds.end());
    Err(SettingsError::Value {
        origin: origin.clone(),
        reason: format!("`{value}` is not between {least} and {most}"),
    })
}

/// Reads the file; one that nobody named may be missing.
pub(super) fn read_file(path: &Path, named: bool) -> Result<FileSettings, SettingsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
            return Ok(FileSettings::default());
        }
        Err(source) => {
            return Err(SettingsError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    toml::from_str(&text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        message: message(&error, &text),
    })
}

/// Where and what, but not the line itself: a password may stand there.
fn message(error: &toml::de::Error, text: &str) -> String {
    let what = error.message();
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {what}", before.matches('\n').count() + 1),
        None => what.to_owned(),
    }
}
