//! The command line: what can be asked of `meguri`, as clap reads it.

mod dictionary;
mod views;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use meguri_events::{KeyClass, OrderRef};
use meguri_proofs::{KeyName, VerifierKey};

use crate::period::Period;
use crate::settings::{BackupTarget, Flags, TOKENS_MIN};

pub use dictionary::DictionaryCommand;
pub use views::{ALL_VIEWS, ListArgs, ViewAccessArgs, ViewCommand, ViewsArgs, ViewsCommand};

/// What is printed below `meguri --help`.
const AFTER_HELP: &str = "\
Try it:
  meguri                              serve ./data on http://127.0.0.1:8080
  meguri demo --members 50            fill ./data with a believable community
  meguri log tail                     watch events as they happen

Exit codes: 0 done and shown, 1 failed or found to be wrong, 2 wrong usage or settings, or nothing
can be told, 3 in use by another process, 4 done, but the answer could not be written, 5 restored,
but something is missing, 70 a part of the server failed. docs/exit-codes.md says more.";

/// A mutual-help exchange for communities, built on an event log.
#[derive(Debug, Parser)]
#[command(name = "meguri", version, after_help = AFTER_HELP)]
pub struct CommandLine {
    /// What to do; without it, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings that every subcommand takes.
    #[command(flatten)]
    pub flags: Flags,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API (this is what happens without a subcommand)
    Serve(ServeArgs),
    /// Fill the log with a believable Japanese community, through the real commands
    Demo(DemoArgs),
    /// Look into the log
    #[command(subcommand)]
    Log(LogCommand),
    /// See the views; rebuild, verify, compare, copy them, and go back
    Views(ViewsArgs),
    /// Erase what is sealed for a member; without a class all of it, and the member leaves
    Erase(EraseArgs),
    /// Rotate the key-encryption key of the vault, and see which erasures wait for that
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Let auditors read the whole log
    #[command(subcommand)]
    Auditor(TokenCommand),
    /// Let operators look after what is the community's, such as the words of search
    #[command(subcommand)]
    Operator(TokenCommand),
    /// Let anyone check the log without trusting this server
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Remember what was seen of other logs, and cosign what has only grown since
    Witness(WitnessArgs),
    /// Build the dictionary that search cuts Japanese text by
    #[command(subcommand)]
    Dictionary(DictionaryCommand),
    /// See which duties of the policies have failed, why, and when they are tried again
    Policies,
    /// Copy the log and its vault, also beside a running server, so that the copy can be checked
    Backup(BackupArgs),
    /// Check all of a backup, and put it into a folder in which there is no log
    Restore(RestoreArgs),
    /// Print what is in force, and where each value came from
    Config,
}

/// Whom a witness witnesses, and under which name.
#[derive(Debug, Clone, Args)]
pub struct WitnessArgs {
    /// The verifier key of a log, as `meguri audit key` prints it (may be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub log: Vec<VerifierKey>,
    /// The name of this witness; without it, one that is made of its key
    #[arg(long, value_name = "NAME")]
    pub name: Option<KeyName>,
}

/// How serving begins.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Take the place of the server that runs on this data folder, without failing a request
    #[arg(long)]
    pub replace: bool,
    /// Begin a new, empty log where the old one is lost for good; what is left of it, with its
    /// keys, is moved aside
    #[arg(long, conflicts_with = "replace")]
    pub start_anew: bool,
    /// Of a log that was copied, moved or restored: the last checkpoint that was published, as a
    /// file, or the address of one such as `http://mirror.example.jp/checkpoint`
    #[arg(
        long,
        value_name = "FILE|URL",
        conflicts_with = "nothing_later_was_published"
    )]
    pub last_checkpoint: Option<String>,
    /// Of a log that was copied, moved or restored: no other copy of it has published anything
    /// since. Two copies that publish cannot be undone: be certain
    #[arg(long)]
    pub nothing_later_was_published: bool,
}

/// How large the community is, and which one.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many members join
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u64).range(4..=10_000_000))]
    pub members: u64,
    /// How many exchanges they have (about 13 events each)
    #[arg(long, default_value_t = 200, value_name = "N",
          value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub exchanges: u64,
    /// How many past weeks it fills, where the log is empty
    #[arg(long, default_value_t = 8, value_name = "N",
          value_parser = clap::value_parser!(u64).range(5..=1_000))]
    pub weeks: u64,
    /// Which community: the same number gives the same people, words and ids
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Give every member a password, so that anyone can sign in as them (slower: hashing)
    #[arg(long)]
    pub passwords: bool,
}

/// Where a backup is made, and what of.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The folder of backups, made where it is missing, or a bucket; without it, `backup_to` of the
    /// settings
    #[arg(value_name = "DIR|s3://BUCKET/PREFIX", value_parser = backup_target())]
    pub to: Option<BackupTarget>,
    /// Leave the vault out: it is backed up apart, after this
    #[arg(long)]
    pub without_vault: bool,
    /// Remove the oldest backups of this log there beyond so many
    #[arg(long, value_name = "N")]
    pub keep: Option<NonZeroUsize>,
}

/// Which backup is restored.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// A backup, or a folder or bucket of backups, whose newest one is taken
    #[arg(value_name = "DIR|s3://BUCKET/PREFIX", value_parser = backup_target())]
    pub from: BackupTarget,
    /// Check everything, and restore nothing
    #[arg(long)]
    pub check: bool,
}

/// A folder of any name, or the address of a bucket.
fn backup_target() -> impl TypedValueParser<Value = BackupTarget> {
    OsStringValueParser::new().try_map(|given| match given.to_str() {
        Some(text) => text.parse(),
        None => Ok(BackupTarget::Folder(given.into())),
    })
}

/// Whom to erase, and what.
#[derive(Debug, Clone, Args)]
pub struct EraseArgs {
    /// The member: an id, or a user name
    #[arg(value_name = "MEMBER")]
    pub member: String,
    /// Only this retention class: profile, contact, message, exchange or safety (may be repeated);
    /// the member stays
    #[arg(long, value_name = "CLASS")]
    pub class: Vec<Erasable>,
}

/// A retention class that may be erased by itself; that of money is kept for its legal term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasable(pub KeyClass);

impl FromStr for Erasable {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        match code.parse() {
            Ok(KeyClass::Money) => Err("records of money are kept for their legal term".to_owned()),
            Ok(class) => Ok(Self(class)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// `meguri vault …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum VaultCommand {
    /// Say which erasures old backups of the vault could still undo
    Status,
    /// Wrap all keys under a new key-encryption key and destroy the old one, at once; if that came
    /// from the environment, `MEGURI_KEK_NEXT` holds the new one
    Rotate,
    /// Say that the old value of `MEGURI_KEK` is destroyed wherever it was kept
    Confirm,
    /// Read what was sealed under keys that an older vault has lost as erased, for good
    GiveUpLostKeys,
}

/// `meguri log …`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print events as they happen, also beside a running server
    Tail {
        /// Begin after this position instead of at the end
        #[arg(long, value_name = "POSITION")]
        after: Option<u64>,
        /// Stop after so many events
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Print one event by its position, or all events of a stream
    Show {
        /// A position such as `42`, or a stream such as `exchange-0192…`
        #[arg(value_name = "POSITION|STREAM")]
        what: String,
        /// Who opens what members wrote, and why; without a reason it stays sealed.
        #[command(flatten)]
        access: AccessArgs,
    },
    /// Count events by category and type
    Stat,
    /// Write events as NDJSON: position and header, exactly as stored
    Export {
        /// With what proves them by the last checkpoint, which ends it; see `audit verify`
        #[arg(long)]
        proofs: bool,
        /// Begin after this position
        #[arg(long, default_value_t = 0, value_name = "POSITION")]
        after: u64,
        /// Write into this file instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `meguri auditor …` and `meguri operator …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Register somebody and print the token to use over HTTP
    Add {
        /// A name of letters, digits, `-` and `_`
        #[arg(value_name = "NAME")]
        name: String,
        /// How long the token is valid, such as `12h` or `30d`; without it as long as members'
        #[arg(long, value_name = "PERIOD", value_parser = lifetime)]
        expires: Option<Period>,
    },
    /// Print whose tokens are valid until when, and in which hour each was used last
    List,
    /// Revoke one token by its id, or all tokens of somebody by name, at once
    Revoke {
        /// An id as `list` prints it, or a name
        #[arg(value_name = "ID|NAME")]
        which: String,
    },
}

/// How long a token is valid.
fn lifetime(text: &str) -> Result<Period, String> {
    let period: Period = text.parse()?;
    if period < TOKENS_MIN {
        return Err(format!("a token is valid for {TOKENS_MIN} at least"));
    }
    Ok(period)
}

/// `meguri audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the whole log, what is published of it and its views: exit code 0 sound, 1 findings, 2
    /// cannot tell. Nothing is written, and no file is left behind
    Check(CheckArgs),
    /// Print the key by which anyone verifies the log's checkpoints
    Key,
    /// Write checkpoint, tiles and entries as files for any web server; goes on where it stopped
    Publish {
        /// The folder, made where it is missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Write a bundle that proves to anybody what happened in an exchange
    Bundle(BundleArgs),
    /// Empty an event for ever, as a court orders it: only its place and its entry stay
    Redact(RedactArgs),
    /// Check a bundle, or a published log: exit code 0 sound, 1 findings, 2 cannot tell
    Verify(VerifyArgs),
}

/// What is checked of a log, and how that is told.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct CheckArgs {
    /// Look at nothing that is sealed; so it is where there is no vault
    #[arg(long)]
    pub without_vault: bool,
    /// Print one JSON object: the log's name, size and root, what was checked, what was found
    #[arg(long)]
    pub json: bool,
}

/// Who opens what members wrote, and why.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessArgs {
    /// Open what members wrote, for this reason; recorded, and told to them
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who opens it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    pub by: Option<String>,
}

/// Which event is emptied, and because of what.
#[derive(Debug, Clone, Args)]
pub struct RedactArgs {
    /// Where the event stands
    #[arg(value_name = "POSITION")]
    pub position: u64,
    /// The reference of the order, such as its case number; recorded in the open, so never a name
    #[arg(long, value_name = "TEXT")]
    pub reason: OrderRef,
    /// Who carries it out
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    pub by: Option<String>,
}

/// What goes into a bundle.
#[derive(Debug, Clone, Args)]
pub struct BundleArgs {
    /// The exchange: its id, or its stream such as `exchange-0192…`
    #[arg(value_name = "EXCHANGE")]
    pub exchange: String,
    /// Sealed texts to open: `all`, or positions and sections such as `17,19/message`
    #[arg(long, value_name = "WHAT")]
    pub disclose: Option<String>,
    /// Who opens them, and why.
    #[command(flatten)]
    pub access: AccessArgs,
    /// The file to write; `exchange-….zip` without it
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What is to be checked.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A bundle (zip or folder), a log exported with `--proofs`, a folder with a published log, or
    /// an `http://` address of one
    #[arg(value_name = "FILE|DIR|URL")]
    pub what: String,
    /// The log's verifier key or a file with it, from elsewhere than what is checked
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The stream that a bundle is to be about, such as `exchange-0192…`
    #[arg(long, value_name = "STREAM")]
    pub of: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_after_the_subcommand() {
        let before = CommandLine::try_parse_from(["meguri", "--data", "x", "config"]).unwrap();
        let after = CommandLine::try_parse_from(["meguri", "config", "--data", "x"]).unwrap();
        assert_eq!(before.flags.data, after.flags.data);
        let between = ["meguri", "views", "--data", "x", "list", "--watch"];
        let between = CommandLine::try_parse_from(between).unwrap();
        assert_eq!(before.flags.data, between.flags.data);
        let none = CommandLine::try_parse_from(["meguri", "--listen", "127.0.0.1:0"]).unwrap();
        assert!(none.command.is_none(), "no subcommand means serve");
    }
}
