//! `meguri auditor` and `meguri operator`: tokens of those who are no members.

use std::io::Write;

use crate::command_line::AddToken;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use crate::storage;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Makes a token of this role and prints it; it is shown this once.
pub(crate) async fn run(
    settings: &Settings,
    role: &str,
    AddToken::Add { name }: &AddToken,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Failure::TokenName(name.clone()));
    }
    let log = storage::open(settings).await?;
    let token = log
        .vault()
        .issue_token(&format!("{role}-{name}"), role)
        .await;
    log.close().await;
    writeln!(out, "{}", token?).map_err(to_stdout)
}
