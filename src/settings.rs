//! What is in force, and where each value came from: flag, environment, file or default.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use meguri_commands::ErasurePeriods;
use meguri_http::TrustedProxies;
use meguri_log::Kek;
use serde::Deserialize;

use crate::period::Period;

mod auditors;
mod backup;
mod bucket;
mod database_url;
mod environment;
mod error;
mod poison;
mod publish;
mod secret_key;
pub(crate) mod shown;
mod sources;
mod witnesses;

pub use auditors::AuditorDiscloses;
pub use backup::{BackupSettings, BackupTarget};
pub use bucket::{BucketAccess, BucketAddress, Endpoint, Identity};
pub use database_url::DatabaseUrl;
pub use environment::Environment;
pub use error::SettingsError;
pub use poison::OnPoison;
pub use publish::PublishSettings;
pub use secret_key::Secret;
use sources::{
    AUDITORS, CLOCK, COMPLETE, DATA, DATABASE, FileSettings, GRACE, KEEP_MONEY, KEK, KEK_FILE,
    KEK_NEXT, LISTEN, LOG_FILTER, LOG_FORMAT, POISON, PROXIES, REMIND, Sources, Span, TELL, TOKENS,
    VAULT, VIEWS_WITHIN, WITHIN, read_file,
};
pub use witnesses::{WitnessAddress, WitnessList, WitnessListError};

const ZERO: Period = Period::seconds(0);
const SECOND: Period = Period::seconds(1);
const MINUTE: Period = Period::seconds(60);
const DAY: Period = Period::days(1);
const WEEK: Period = Period::days(7);
const YEAR: Period = Period::days(365);
const DECADE: Period = Period::days(3_650);

/// The file that is read when nobody names another one.
pub const FILE_NAME: &str = "meguri.toml";
/// Where `meguri` keeps everything unless it is told otherwise.
pub const DATA_DEFAULT: &str = "data";
/// Name of the file of the key-encryption key in the data folder.
pub const KEK_FILE_NAME: &str = "vault.key";
/// Where `meguri serve` listens unless it is told otherwise.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// What is logged unless somebody asks for more.
pub const LOG_FILTER_DEFAULT: &str = "info,sqlx=error,hyper=warn,object_store=warn";
/// Days until a one-sided completion is reminded of (H44).
pub const REMIND_AFTER_DEFAULT: Period = Period::days(7);
/// Days until a one-sided completion is completed by policy (H44).
pub const COMPLETE_AFTER_DEFAULT: Period = Period::days(14);
/// After an erasure no backup of the vault brings anything back from then on.
pub const WITHIN_DEFAULT: Period = Period::days(1);
/// How long a view may take to remove what is erased from its files.
pub const VIEWS_WITHIN_DEFAULT: Period = Period::seconds(600);
/// How long records of money are kept after their member was erased: books are kept for seven years
/// in Japan (法人税法施行規則 第59条).
pub const KEEP_MONEY_DEFAULT: Period = Period::days(2_557);
/// What is opened for auditors over HTTP.
const DISCLOSES: AuditorDiscloses = AuditorDiscloses::Nothing;
/// How long an access token is valid.
pub const TOKENS_DEFAULT: Period = Period::days(90);
/// The shortest time for which an access token may be valid.
pub const TOKENS_MIN: Period = Period::seconds(60);
/// How far the clock may be ahead of the last event when nobody appended anything meanwhile.
pub const CLOCK_JUMP_MAX_DEFAULT: Period = Period::days(30);
/// How long a shutdown waits for requests that are being answered.
pub const SHUTDOWN_GRACE_DEFAULT: Period = Period::seconds(20);

const REMIND_AFTER: Span = Span::new(REMIND_AFTER_DEFAULT, SECOND, Period::MAX);
const COMPLETE_AFTER: Span = Span::new(COMPLETE_AFTER_DEFAULT, SECOND, Period::MAX);
const ERASE_WITHIN: Span = Span::new(WITHIN_DEFAULT, SECOND, YEAR);
const ERASE_VIEWS: Span = Span::new(VIEWS_WITHIN_DEFAULT, SECOND, WEEK);
/// None at all is a term, too.
const MONEY_KEPT: Span = Span::new(KEEP_MONEY_DEFAULT, ZERO, Period::MAX);
const TOKEN_LIFETIME: Span = Span::new(TOKENS_DEFAULT, TOKENS_MIN, DECADE);
const CLOCK_JUMP: Span = Span::new(CLOCK_JUMP_MAX_DEFAULT, MINUTE, DECADE);
/// Whoever waits for nobody says so.
const GRACE_OF_SHUTDOWN: Span = Span::new(SHUTDOWN_GRACE_DEFAULT, ZERO, DAY);

/// The settings that may be given on the command line, before or after the subcommand.
#[allow(
    clippy::doc_markdown,
    reason = "the help shows these sentences as they are"
)]
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings (flag, then environment, then meguri.toml, then default)")]
pub struct Flags {
    /// Folder of the log, the vault and the views [env: MEGURI_DATA] [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File with settings [env: MEGURI_CONFIG] [default: meguri.toml, when there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to serve on [env: MEGURI_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// PostgreSQL database of the log instead of a file [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// PostgreSQL database of the vault, required with a database URL [env: VAULT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub vault_url: Option<String>,
    /// How diagnostics are written to standard error [env: MEGURI_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is written there, as in info,meguri_log=debug [env: MEGURI_LOG_FILTER]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log_filter: Option<String>,
}

/// The form of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is neither `text` nor `json`")),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Where a value came from, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The settings file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(out, "flag {name}"),
            Self::Environment(name) => write!(out, "environment {name}"),
            Self::File(path) => write!(out, "file {}", path.display()),
            Self::Default => out.write_str("default"),
        }
    }
}

/// One value together with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Where it was said.
    pub origin: Origin,
}

/// Everything that can be set, resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the log, the vault and the views.
    pub data: Setting<PathBuf>,
    /// Address to serve on.
    pub listen: Setting<String>,
    /// The log in `PostgreSQL`; `None`: in a file in the data folder.
    pub database_url: Setting<Option<DatabaseUrl>>,
    /// The vault in `PostgreSQL`.
    pub vault_url: Setting<Option<DatabaseUrl>>,
    /// Form of the diagnostics.
    pub log_format: Setting<LogFormat>,
    /// Which diagnostics are written.
    pub log_filter: Setting<String>,
    /// The key that wraps the keys of the vault; `None`: read from [`Settings::kek_file`].
    pub kek: Setting<Option<Secret<Kek>>>,
    /// The key that takes the place of that one when it is rotated.
    pub kek_next: Setting<Option<Secret<Kek>>>,
    /// The file of that key, made for an empty log, readable by its owner alone.
    pub kek_file: Setting<PathBuf>,
    /// How the log is published.
    pub publish: PublishSettings,
    /// How backups are made.
    pub backup: BackupSettings,
    /// When a one-sided completion is reminded of (H44).
    pub remind_after: Setting<Period>,
    /// When a one-sided completion is completed by policy (H44).
    pub complete_after: Setting<Period>,
    /// So long after an erasure no backup of the vault brings anything back, at the latest.
    pub erase_within: Setting<Period>,
    /// How long a view may take to remove what is erased; then it is built anew.
    pub erase_views_within: Setting<Period>,
    /// How long records of money are kept after their member was erased.
    pub keep_money: Setting<Period>,
    /// What is opened for auditors over HTTP.
    pub auditor_discloses: Setting<AuditorDiscloses>,
    /// What a view does about an event that it cannot fold.
    pub on_poison: Setting<OnPoison>,
    /// Whether members are told of new posts that fit theirs.
    pub tell_of_matches: Setting<bool>,
    /// The proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Setting<TrustedProxies>,
    /// How long an access token is valid.
    pub token_lifetime: Setting<Period>,
    /// How far the clock may be ahead of where it should be before nothing is appended any more.
    pub clock_jump_max: Setting<Period>,
    /// It may be ahead as far as it likes, as that of a story which is told in hindsight. Nobody
    /// can set this.
    pub(crate) clock_is_unbounded: bool,
    /// How long a shutdown waits for answers that are on their way.
    pub shutdown_grace: Setting<Period>,
}

/// One line of `meguri config`: name, value with secrets masked, and where it came from.
pub type Row = (&'static str, String, Origin);

impl Settings {
    /// Where the key-encryption key of the vault comes from.
    pub fn kek(&self) -> Kek {
        match &self.kek.value {
            Some(key) => key.reveal().clone(),
            None => Kek::File(self.kek_file.value.clone()),
        }
    }

    /// The periods of an erasure.
    pub fn erasure(&self) -> ErasurePeriods {
        ErasurePeriods {
            within: self.erase_within.value.duration(),
            keep_money: self.keep_money.value.duration(),
        }
    }

    /// Resolves every setting.
    ///
    /// # Errors
    /// [`SettingsError`] for the first that cannot be used, and for a variable that looks like one
    /// of ours and is none.
    pub fn resolve(flags: &Flags, environment: &Environment) -> Result<Self, SettingsError> {
        let named_by_variable = environment.text("MEGURI_CONFIG")?.map(Into::into);
        let named = flags.config.clone().or(named_by_variable);
        let path = named.clone().unwrap_or_else(|| FILE_NAME.into());
        let file = read_file(&path, named.is_some())?;
        let from = Sources {
            environment,
            path: &path,
        };
        Self::of(flags, &from, file)?.check(environment)
    }

    fn of(flags: &Flags, from: &Sources<'_>, file: FileSettings) -> Result<Self, SettingsError> {
        let (log_format, log_filter) = diagnostics(from, flags, &file)?;
        let (folder, default) = (flags.data.as_deref(), DATA_DEFAULT.into());
        let data = folder_of(from.path(DATA, folder, file.data.clone(), default)?)?;
        let publish = PublishSettings::resolve(from, &file, &data.value)?;
        let backup = BackupSettings::resolve(from, &file, &data.value)?;
        let (listen, database_url) = (flags.listen.as_ref(), flags.database_url.as_ref());
        let kek_file = data.value.join(KEK_FILE_NAME);
        Ok(Self {
            listen: from.pick(LISTEN, listen, file.listen, LISTEN_DEFAULT.into())?,
            database_url: from.pick_optional(DATABASE, database_url, file.database_url)?,
            vault_url: from.pick_optional(VAULT, flags.vault_url.as_ref(), file.vault_url)?,
            kek: from.pick_optional(KEK, None, None)?,
            kek_next: from.pick_optional(KEK_NEXT, None, None)?,
            kek_file: from.path(KEK_FILE, None, file.kek_file, kek_file)?,
            publish,
            backup,
            log_format,
            log_filter,
            remind_after: from.period(REMIND, file.remind_after, REMIND_AFTER)?,
            complete_after: from.period(COMPLETE, file.complete_after, COMPLETE_AFTER)?,
            erase_within: from.period(WITHIN, file.erase_within, ERASE_WITHIN)?,
            erase_views_within: from.period(VIEWS_WITHIN, file.erase_views_within, ERASE_VIEWS)?,
            keep_money: from.period(KEEP_MONEY, file.keep_money, MONEY_KEPT)?,
            auditor_discloses: from.pick(AUDITORS, None, file.auditor_discloses, DISCLOSES)?,
            on_poison: from.pick(POISON, None, file.on_poison, OnPoison::Stop)?,
            tell_of_matches: from.switch(TELL, file.tell_of_matches)?,
            trusted_proxies: from.list(PROXIES, file.trusted_proxies)?,
            token_lifetime: from.period(TOKENS, file.token_lifetime, TOKEN_LIFETIME)?,
            clock_jump_max: from.period(CLOCK, file.clock_jump_max, CLOCK_JUMP)?,
            shutdown_grace: from.period(GRACE, file.shutdown_grace, GRACE_OF_SHUTDOWN)?,
            clock_is_unbounded: false,
            data,
        })
    }

    /// Every setting by name, for people. Secrets are masked.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            path("data", &self.data),
            row("listen", &self.listen),
            optional("database_url", &self.database_url),
            optional("vault_url", &self.vault_url),
            optional("kek", &self.kek),
            path("kek_file", &self.kek_file),
        ];
        rows.extend(self.publish.rows());
        rows.extend(self.backup.rows());
        rows.extend([
            row("log_format", &self.log_format),
            row("log_filter", &self.log_filter),
            row("remind_after", &self.remind_after),
            row("complete_after", &self.complete_after),
            row("erase_within", &self.erase_within),
            row("erase_views_within", &self.erase_views_within),
            row("keep_money", &self.keep_money),
            row("auditor_discloses", &self.auditor_discloses),
            row("on_poison", &self.on_poison),
            row("tell_of_matches", &self.tell_of_matches),
            row("trusted_proxies", &self.trusted_proxies),
            row("token_lifetime", &self.token_lifetime),
            row("clock_jump_max", &self.clock_jump_max),
            row("shutdown_grace", &self.shutdown_grace),
        ]);
        rows
    }

    fn check(self, environment: &Environment) -> Result<Self, SettingsError> {
        environment.refuse_unknown()?;
        match (&self.database_url.value, &self.vault_url.value) {
            (Some(_), None) => {
                return Err(SettingsError::VaultMissing(self.database_url.origin));
            }
            (None, Some(_)) => {
                return Err(SettingsError::DatabaseMissing(self.vault_url.origin));
            }
            (Some(log), Some(vault)) if log == vault => return Err(SettingsError::SameDatabase),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if self.database_url.value.is_some() && self.backup.every.value.is_some() {
            return Err(SettingsError::BackupsOfPostgres(self.backup.every.origin));
        }
        self.publish.check(self.backup.to.value.is_some())?;
        let (remind, complete) = (self.remind_after.value, self.complete_after.value);
        if remind >= complete {
            return Err(SettingsError::Periods { remind, complete });
        }
        Ok(self)
    }
}

/// The data folder as SQLite takes it: with a name that is text, and that it does not take for an
/// address (`file:…`, <https://www.sqlite.org/uri.html>).
fn folder_of(data: Setting<PathBuf>) -> Result<Setting<PathBuf>, SettingsError> {
    let Some(name) = data.value.to_str() else {
        return Err(SettingsError::FolderName(data.origin));
    };
    if name.starts_with("file:") {
        let value = PathBuf::from(".").join(name);
        return Ok(Setting { value, ..data });
    }
    Ok(data)
}

fn row<T: fmt::Display>(name: &'static str, setting: &Setting<T>) -> Row {
    (name, setting.value.to_string(), setting.origin.clone())
}

fn path(name: &'static str, setting: &Setting<PathBuf>) -> Row {
    let text = setting.value.display().to_string();
    (name, text, setting.origin.clone())
}

fn optional<T: fmt::Display>(name: &'static str, setting: &Setting<Option<T>>) -> Row {
    let text = setting.value.as_ref().map(ToString::to_string);
    let text = text.unwrap_or_else(|| "-".to_owned());
    (name, text, setting.origin.clone())
}

fn optional_path(name: &'static str, setting: &Setting<Option<PathBuf>>) -> Row {
    let text = setting.value.as_ref();
    let text = text.map_or_else(|| "-".to_owned(), |path| path.display().to_string());
    (name, text, setting.origin.clone())
}

/// The form of the diagnostics, and which are written.
fn diagnostics(
    from: &Sources<'_>,
    flags: &Flags,
    file: &FileSettings,
) -> Result<(Setting<LogFormat>, Setting<String>), SettingsError> {
    let format = flags.log_format.map(|format| format.to_string());
    let (in_file, default) = (file.log_format.clone(), LogFormat::Text);
    let format = from.pick(LOG_FORMAT, format.as_ref(), in_file, default)?;
    let (in_file, default) = (file.log_filter.clone(), LOG_FILTER_DEFAULT.into());
    let filter = from.pick(LOG_FILTER, flags.log_filter.as_ref(), in_file, default)?;
    Ok((format, filter))
}

#[cfg(test)]
mod tests;
