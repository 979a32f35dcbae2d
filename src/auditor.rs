//! `meguri auditor`: who may read the whole log over HTTP.

use std::io::Write;

use crate::command_line::AuditorCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use crate::storage;

/// Longest name of an auditor, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Makes a token and prints it; it is shown this once.
pub async fn run(
    settings: &Settings,
    command: &AuditorCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let AuditorCommand::Add { name } = command;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Failure::AuditorName(name.clone()));
    }
    let log = storage::open(settings).await?;
    let token = log
        .vault()
        .issue_token(&format!("auditor-{name}"), meguri_http::AUDITOR)
        .await;
    log.close().await;
    writeln!(out, "{}", token?).map_err(to_stdout)
}
