//! `meguri erase`: forget a member, or some of what is sealed for one.

use std::io::Write;

use meguri_commands::{Caller, CommandSettings, Commands, Erasure};
use meguri_events::MemberId;
use meguri_log::Log;

use crate::command_line::EraseArgs;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use crate::storage;

/// Erases what is sealed for a member, also beside a running server, and says what became of it.
pub async fn run(
    settings: &Settings,
    args: &EraseArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let log = storage::open_existing(settings).await?;
    let erasure = erase(&log, settings, args).await;
    log.close().await;
    let (ja, en) = erasure?.in_words();
    writeln!(out, "{ja}\n{en}").map_err(to_stdout)
}

async fn erase(log: &Log, settings: &Settings, args: &EraseArgs) -> Result<Erasure, Failure> {
    let commands = CommandSettings {
        erasure: settings.erasure(),
        ..CommandSettings::default()
    };
    let commands = Commands::new(log.clone(), commands);
    let member = member(&commands, &args.member).await?;
    let classes: Vec<_> = args.class.iter().map(|class| class.0).collect();
    let failed = |error| Failure::Erase(args.member.clone(), error);
    let erased = commands.erase(&Caller::operator(member), &classes).await;
    erased.map_err(failed)
}

/// The member who is meant: by id, as it stands in the log or in answers, or by user name.
async fn member(commands: &Commands, given: &str) -> Result<MemberId, Failure> {
    let id = MemberId::from_stream(given).or_else(|| given.parse().ok());
    if let Some(id) = id {
        return Ok(id);
    }
    let named = commands.member_named(given).await;
    let named = named.map_err(|error| Failure::Erase(given.to_owned(), error))?;
    named.ok_or_else(|| Failure::NoMember(given.to_owned()))
}
