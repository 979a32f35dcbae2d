//! `meguri audit`: let anyone check the log without trusting whoever runs it.

mod bundle;
mod check;
mod publish;
mod redact;
mod verify;

pub(crate) use check::Catalog;

use std::io::Write;

use meguri_log::Log;

use crate::command_line::AuditCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use crate::storage;

/// Does what was asked: on a log that is there, also beside a running server, or on what came from
/// one.
pub async fn run(
    settings: &Settings,
    command: &AuditCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    if let AuditCommand::Verify(args) = command {
        return verify::run(args, out).await;
    }
    let opened = if let AuditCommand::Check(args) = command {
        storage::open_to_look(settings, !args.without_vault).await
    } else {
        storage::open_existing(settings).await
    };
    let done = match opened {
        Ok(log) => {
            let done = on(&log, settings, command, out).await;
            log.close().await;
            done
        }
        Err(failure) => Err(failure),
    };
    match (command, done) {
        // Whoever asks for a verdict must not take a failure for one.
        (AuditCommand::Check(_), Err(failure)) => Err(failure.or_no_verdict()),
        (_, done) => done,
    }
}

async fn on(
    log: &Log,
    settings: &Settings,
    command: &AuditCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        AuditCommand::Check(args) => check::run(log, settings, *args, out).await,
        AuditCommand::Key => key(log, out).await,
        AuditCommand::Publish { folder } => publish::run(log, folder, out).await,
        AuditCommand::Bundle(args) => bundle::run(log, args, out).await,
        AuditCommand::Redact(args) => redact::run(log, args, out).await,
        AuditCommand::Verify(args) => verify::run(args, out).await,
    }
}

async fn key(log: &Log, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let key = log.verifier().await?.ok_or(Failure::NeverPublished)?;
    writeln!(out, "{key}").map_err(to_stdout)
}
