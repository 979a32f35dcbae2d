//! `meguri audit`: let anyone check the log without trusting whoever runs it.

mod publish;

use std::io::Write;

use meguri_log::Log;

use crate::command_line::AuditCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use crate::storage;

/// Does what was asked, on a log that is there, also beside a running server.
pub async fn run(
    settings: &Settings,
    command: &AuditCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let log = storage::open_existing(settings).await?;
    let done = match command {
        AuditCommand::Key => key(&log, out).await,
        AuditCommand::Publish { folder } => publish::run(&log, folder, out).await,
    };
    log.close().await;
    done
}

async fn key(log: &Log, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let key = log.verifier().await?.ok_or(Failure::NeverPublished)?;
    writeln!(out, "{key}").map_err(to_stdout)
}
