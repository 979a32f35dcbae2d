//! `meguri log`: look into the log, also beside a running server.

mod export;
mod line;
mod show;
mod stat;
mod tail;

use std::io::Write;

use crate::command_line::LogCommand;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::storage;

/// Does what was asked and writes the answer to `out`.
pub async fn run(
    settings: &Settings,
    command: &LogCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let log = storage::open_existing(settings).await?;
    let done = match command {
        LogCommand::Tail { after, count } => tail::run(&log, *after, *count, out).await,
        LogCommand::Show { what, access } => show::run(&log, what, access, out).await,
        LogCommand::Stat => stat::run(&log, settings, out).await,
        LogCommand::Export {
            proofs,
            after,
            output,
        } => export::run(&log, *after, *proofs, output.as_deref(), out).await,
    };
    log.close().await;
    done
}
