//! Why a command failed, in words a person can act on, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use meguri_commands::{CommandError, RedactError};
use meguri_engine::control::ControlError;
use meguri_engine::{ImportError, OpenViewsError, PrepareError};
use meguri_evidence::Verdict;
use meguri_log::{
    AppendError, AuditError, BadStreamName, FileFound, KekError, OpenError, OpenSealError,
    PublishedError, ReadError, SigningKeyError, TreeError, VaultError,
};
use meguri_proofs::BadKey;
use meguri_read_api::evidence::{BadChoice, GatherError};
use meguri_search::AnalyzerError;
use meguri_search::dictionary::DictionaryError;
use meguri_supervision::{LoopState, LoopStatus};
use thiserror::Error;

use crate::backup::BackupError;
use crate::demo::DemoError;
use crate::handover::HandoverError;
use crate::restore::RestoreError;
use crate::settings::SettingsError;
use crate::telemetry::TelemetryError;

/// Something failed.
pub const FAILED: u8 = 1;
/// The command line or the settings are not right.
pub const WRONG_USAGE: u8 = 2;
/// Another process holds what is needed.
pub const IN_USE: u8 = 3;
/// The answer could not be written to standard output. What the command was to do is done.
pub const UNTOLD: u8 = 4;
/// A backup was restored, and something is missing without which it cannot be used.
pub const INCOMPLETE: u8 = 5;
/// A part of the server failed without which nothing works: starting it again may mend it.
pub const BROKEN: u8 = 70;

/// Why a command did not do what was asked.
#[derive(Debug, Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Diagnostics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// There is nothing to look into.
    #[error("there is no log in {0}")]
    NoLog(PathBuf),
    /// There was a log, and it is gone.
    #[error("the log in {data} is missing or empty, and was not: beside it there still is {}",
        .beside.join(", "))]
    LogLost {
        /// Where.
        data: PathBuf,
        /// What says that there was one.
        beside: Vec<&'static str>,
    },
    /// Nothing is to be started anew where there is a log.
    #[error("there is a log, so that nothing starts anew")]
    NotLost,
    /// A key has signed for a log that is lost.
    #[error("MEGURI_SIGNING_KEY is set, and may have signed for the log that is lost")]
    KeyOfLostLog,
    /// What is left of a log in `PostgreSQL` is not ours to move.
    #[error(
        "`--start-anew` does not move what is left of a log in PostgreSQL: others may have its \
         databases open, and no two of them change at once"
    )]
    StartAnewOfDatabases,
    /// The folder cannot be made or read.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was sealed cannot be opened.
    #[error(transparent)]
    Seal(#[from] OpenSealError),
    /// The tree over its entries cannot be told.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The key does not sign for this log.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// What was given as the last checkpoint cannot be read.
    #[error("`--last-checkpoint {from}`: {reason}")]
    LastCheckpoint {
        /// Where it was to be.
        from: String,
        /// Why it is not there.
        reason: String,
    },
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Nothing is restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Whether the vault has every key cannot be told.
    #[error("whether the vault has every key cannot be told: {0}")]
    LostKeys(String),
    /// The vault is older than the log.
    #[error(
        "{keys} keys that the log names are not in the vault (the first is {first}, of the event \
         at position {position}): the vault is older than the log, and what they seal would be \
         read as erased"
    )]
    OldVault {
        /// How many.
        keys: usize,
        /// One of them.
        first: String,
        /// Where it is named.
        position: u64,
    },
    /// Something is not published.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The log was never published.
    #[error("this log was never published")]
    NeverPublished,
    /// What is in a folder was not published by this log.
    #[error("{path} holds a checkpoint that is not one of this log: {reason}")]
    OtherLog {
        /// The checkpoint.
        path: PathBuf,
        /// Why it is none.
        reason: String,
    },
    /// There is no evidence of it.
    #[error(transparent)]
    Evidence(#[from] GatherError),
    /// Nothing that could be disclosed is called so.
    #[error(transparent)]
    Choice(#[from] BadChoice),
    /// Not the id of an exchange.
    #[error("`{0}` is neither the id of an exchange nor its stream")]
    NotAnExchange(String),
    /// Nobody opens what members wrote without saying who they are, and why.
    #[error("{0}")]
    Access(&'static str),
    /// What cannot be recorded is not opened.
    #[error("nothing was opened, for it cannot be recorded: {0}")]
    NotNoted(String),
    /// What was given as the log's key is none.
    #[error("`--key` is neither a verifier key nor a file with one: {0}")]
    Key(BadKey),
    /// Nothing can be fetched.
    #[error("cannot fetch anything: {0}")]
    Fetch(String),
    /// Another witness remembers in the same folder.
    #[error("another witness works in {0}")]
    WitnessInUse(PathBuf),
    /// The audit could not be carried through.
    #[error(transparent)]
    Audit(AuditError),
    /// Whether it is sound cannot be told, for this reason.
    #[error("{0}")]
    NoVerdict(Box<Self>),
    /// What was checked is not sound, as was printed.
    #[error("{}", match .0 {
        Verdict::CannotTell => "nothing can be told of it",
        Verdict::Sound | Verdict::Findings => "it is not sound",
    })]
    NotSound(Verdict),
    /// The log does not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The vault does not answer.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Neither a position nor the name of a stream.
    #[error("`{given}` is neither a position nor a stream: {source}")]
    NeitherPositionNorStream {
        /// What was given.
        given: String,
        /// Why it is no stream.
        source: BadStreamName,
    },
    /// There is no such event.
    #[error("there is no event at position {position}; the log ends at {head}")]
    NoEvent {
        /// What was asked for.
        position: u64,
        /// Where the log ends.
        head: u64,
    },
    /// There is no such stream.
    #[error("there is no stream {0}")]
    NoStream(String),
    /// Not a name an auditor or operator can have.
    #[error("`{0}` cannot be a name here: 1 to 64 letters, digits, `-` and `_`")]
    TokenName(String),
    /// Nobody has a token that is called so.
    #[error("`{0}` is neither the id of a token nor the name of somebody who has one")]
    NoToken(String),
    /// There is no such member.
    #[error("there is no member `{0}`")]
    NoMember(String),
    /// A member was not erased.
    #[error("{0} is not erased: {1}")]
    Erase(String, CommandError),
    /// An event was not redacted.
    #[error(transparent)]
    Redact(RedactError),
    /// Logged erasures could not be applied to the vault.
    #[error("the vault has not heard of all erasures: {0}")]
    Reapply(CommandError),
    /// The key-encryption key was not rotated.
    #[error("the key-encryption key is not rotated: {0}")]
    Rotate(KekError),
    /// The views do not open.
    #[error(transparent)]
    Views(OpenViewsError),
    /// The views of this release cannot be built beside those of the running server.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The process that owns the views cannot be asked.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The process that owns the views ended before it answered.
    #[error("the process that owns the views ended before it answered; ask again")]
    OwnerGone,
    /// The process that owns the views refused.
    #[error("{0}")]
    Refused(String),
    /// A flag of `views list` with another subcommand.
    #[error("`--watch` goes with `meguri views list` alone")]
    OnlyForList,
    /// What was asked of a view was refused, or came to nothing.
    #[error("{what}: {reason}")]
    Asked {
        /// Which view, or which file was to become one.
        what: String,
        /// What stood in the way.
        reason: String,
    },
    /// The file is no copy of a view.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A view was looked into, and something is wrong with it.
    #[error("{view} {what}")]
    Found {
        /// Which view.
        view: String,
        /// What is wrong, as what follows its name.
        what: &'static str,
    },
    /// A view that was watched has stopped.
    #[error("{0} has stopped, and goes on when what stopped it is mended")]
    Stopped(String),
    /// Several things failed.
    #[error("{}", .0.iter().map(Self::to_string).collect::<Vec<_>>().join("\n        "))]
    Several(Vec<Self>),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The running server does not make way, and serves on.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The running server was asked to make way, and takes too long.
    #[error("process {pid} takes no requests any more, but does not let go of the views")]
    NotFreed {
        /// Which process.
        pid: u32,
    },
    /// A loop failed without which nothing works.
    #[error("the {name} of this server has failed: {reason}")]
    Loop {
        /// Which.
        name: String,
        /// How it ended.
        reason: String,
    },
    /// The description of the API cannot be written.
    #[error("the description of the API cannot be written: {0}")]
    Description(String),
    /// The dictionary is not built.
    #[error("the dictionary is not built: {0}")]
    Dictionary(#[from] DictionaryError),
    /// There is a dictionary that cannot be used.
    #[error(transparent)]
    Analyzer(#[from] AnalyzerError),
    /// The process cannot start its threads.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// The community could not be made.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// What was asked for cannot be shown.
    #[error("the answer cannot be written to standard output: {0}")]
    Unshown(io::Error),
    /// What was asked for is done, and nobody was told what it came to.
    #[error("it is done, but what it came to cannot be written to standard output: {0}")]
    Untold(io::Error),
    /// A secret that nobody has seen is not to be valid.
    #[error("the token cannot be written to standard output, and is revoked again: {0}")]
    SecretUnshown(io::Error),
    /// A secret that nobody has seen is valid.
    #[error(
        "the token {id} cannot be written to standard output ({source}), nor be revoked: {reason}"
    )]
    SecretLeft {
        /// Under which id it is listed.
        id: String,
        /// Why it is not shown.
        source: io::Error,
        /// Why it is not revoked.
        reason: VaultError,
    },
    /// A file cannot be written.
    #[error("cannot write to {target}: {source}")]
    Write {
        /// Where to.
        target: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Failure {
    /// The exit code of the process.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most failures are just failures"
    )]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::Rotate(
                KekError::Malformed
                | KekError::MalformedFile(_)
                | KekError::NextMissing
                | KekError::Same
                | KekError::IsInAFile(_),
            )
            | Self::Telemetry(TelemetryError::Filter { .. })
            | Self::NotLost
            | Self::StartAnewOfDatabases
            | Self::KeyOfLostLog
            | Self::TokenName(_)
            | Self::OnlyForList
            | Self::LastCheckpoint { .. }
            | Self::Backup(BackupError::Nowhere)
            | Self::Restore(RestoreError::OtherBackend(_) | RestoreError::NotABackup { .. })
            | Self::Choice(_)
            | Self::NotAnExchange(_)
            | Self::Access(_)
            | Self::Key(_)
            | Self::NeitherPositionNorStream { .. } => WRONG_USAGE,
            Self::NotSound(verdict) => verdict.exit_code(),
            Self::NoVerdict(_) => Verdict::CannotTell.exit_code(),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => IN_USE,
            Self::Views(OpenViewsError::Owned(_))
            | Self::NotFreed { .. }
            | Self::Backup(BackupError::InUse(_))
            | Self::WitnessInUse(_) => IN_USE,
            Self::Unshown(_) | Self::Untold(_) => UNTOLD,
            Self::Restore(RestoreError::Incomplete(_)) => INCOMPLETE,
            Self::Loop { .. } => BROKEN,
            _ => FAILED,
        }
    }

    /// What the person at the keyboard may try next.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most failures say enough themselves"
    )]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NoLog(_) => {
                Some("`meguri` or `meguri demo` makes one; `--data DIR` looks somewhere else")
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "another server listens there; choose another address with `--listen ADDR` \
                 (port 0 takes any that is free); `meguri serve --replace` takes the place of the \
                 server that runs on this data folder",
            ),
            Self::Views(OpenViewsError::Owned(_)) => Some(
                "one process at a time owns a data folder; give this one its own with --data; \
                 `meguri serve --replace` takes the place of a running server",
            ),
            Self::Rotate(KekError::NextMissing) => Some(
                "MEGURI_KEK holds it: make another 32 bytes in base64 (openssl rand -base64 32) \
                 and give them as MEGURI_KEK_NEXT",
            ),
            Self::Dictionary(DictionaryError::NoSources(_)) => Some(
                "Debian and Ubuntu have them: `apt-get install mecab-ipadic`; `--from DIR` takes \
                 them from elsewhere",
            ),
            Self::Analyzer(_) => Some(
                "`meguri dictionary build` builds it anew; without its folder search goes without",
            ),
            Self::NoVerdict(failure) => failure.advice(),
            Self::NotFreed { .. } => Some("end it by force, and start again: nothing is lost"),
            Self::Loop { .. } => Some(
                "everything that was acknowledged is in the log: start it again, and report this, \
                 for it is a fault of the program",
            ),
            Self::SecretLeft { .. } => Some("`revoke ID` revokes it as soon as the vault answers"),
            Self::Stopped(_) => Some("`meguri views retry VIEW` lets it try again"),
            Self::Demo(DemoError::SeedTaken(_)) => {
                Some("another `--seed N` adds another community; another `--data DIR` starts anew")
            }
            Self::NoStream(_) => Some("`meguri log tail --after 0` shows which streams there are"),
            Self::Settings(error) => error.advice(),
            _ => self.advice_on_the_log(),
        }
    }

    /// As [`Failure::advice`], where it is about what is kept.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most failures say enough themselves"
    )]
    fn advice_on_the_log(&self) -> Option<&'static str> {
        match self {
            Self::LogLost { .. } => Some(
                "put it back from a backup; if it is lost for good, `meguri serve --start-anew` \
                 begins an empty one, and moves what is left of the old one, with its keys, aside",
            ),
            Self::KeyOfLostLog => Some(
                "two logs under one key are a fork: unset it, so that a new key is made, or set a \
                 new one after moving everything out of the data folder",
            ),
            Self::Open(OpenError::Emptied) => Some(
                "put the log back from a backup; if it is lost for good, `meguri serve \
                 --start-anew` begins an empty one in files, and in PostgreSQL a new one needs two \
                 empty databases",
            ),
            Self::Open(OpenError::OtherLog) => Some(
                "put the vault of this log, or the log of this vault, back beside it; `meguri \
                 config` shows which are in force",
            ),
            Self::StartAnewOfDatabases => Some(
                "make two empty databases, name them with DATABASE_URL and VAULT_URL, and move \
                 everything out of the data folder: its keys have signed for the log that is lost",
            ),
            Self::OldVault { .. } => Some(
                "put back a later backup of the vault; where there is none, `meguri vault \
                 give-up-lost-keys` reads what is lost as erased",
            ),
            Self::NeverPublished => Some("`meguri serve` publishes it for as long as it runs"),
            Self::OtherLog { .. } => {
                Some("publish into another folder; if the log was restored, restore a newer backup")
            }
            Self::Open(OpenError::Unavailable(_)) => Some(
                "is the data folder writable, or the database at DATABASE_URL and VAULT_URL \
                 running? `meguri config` shows what is in force",
            ),
            Self::Open(OpenError::NotOurs { found, .. }) => Some(instead_of(found)),
            Self::Open(OpenError::OlderRelease) => Some(
                "open it once with this release, `meguri log stat` is enough, or check it with the \
                 release that has written it",
            ),
            Self::Open(OpenError::NewerRelease) => Some("use that release, or a later one"),
            Self::Open(OpenError::Damaged { .. }) => Some(
                "`meguri audit check` names all that is damaged; restore a backup, or on \
                 PostgreSQL make a damaged index anew (REINDEX)",
            ),
            _ => None,
        }
    }

    /// A failure of what was asked for a verdict, if it is not the verdict itself.
    pub(crate) fn or_no_verdict(self) -> Self {
        if matches!(self, Self::NotSound(_)) {
            return self;
        }
        Self::NoVerdict(Box::new(self))
    }

    /// A loop that failed, and why.
    pub(crate) fn loop_failed(status: LoopStatus) -> Self {
        let reason = match status.state {
            LoopState::Failed { reason, .. } => reason,
            LoopState::Running | LoopState::Stuck { .. } | LoopState::Ended => {
                "it is not known how".to_owned()
            }
        };
        let name = status.name.into_owned();
        Self::Loop { name, reason }
    }

    /// All that failed as one, if anything did.
    pub(crate) fn of_several(mut failures: Vec<Self>) -> Result<(), Self> {
        match failures.len() {
            0 => Ok(()),
            1 => failures.pop().map_or(Ok(()), Err),
            _ => Err(Self::Several(failures)),
        }
    }

    /// Whether it only means that the reader of a pipe has seen enough.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(
            self,
            Self::Unshown(source) | Self::Untold(source)
                if source.kind() == io::ErrorKind::BrokenPipe
        )
    }
}

/// What to do about something that stands in the place of a database of ours.
fn instead_of(found: &FileFound) -> &'static str {
    match found {
        FileFound::Unreadable(_) => {
            "run this as the user to whom the data folder belongs, or give that user's rights \
             back; `--data DIR` looks somewhere else"
        }
        FileFound::Nothing | FileFound::Empty => {
            "put the log back from a backup; if there never was one, remove the file; `--data DIR` \
             looks somewhere else"
        }
        FileFound::Folder
        | FileFound::NoFile
        | FileFound::NoDatabase
        | FileFound::OtherDatabase
        | FileFound::Database => {
            "move it away, and put the right file back from a backup; `--data DIR` looks somewhere \
             else"
        }
    }
}

/// A failure to write the answer to standard output.
pub(crate) fn to_stdout(source: io::Error) -> Failure {
    Failure::Unshown(source)
}
