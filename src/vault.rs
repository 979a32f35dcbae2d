//! `meguri vault`: rotate the key-encryption key, and see which erasures wait for that.

use std::io::Write;

use meguri_log::{Kek, Log, Vault};

use crate::command_line::VaultCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::{Secret, Settings};
use crate::storage;

/// Does what was asked, also beside a running server.
pub async fn run(
    settings: &Settings,
    command: &VaultCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let log = storage::open_existing(settings).await?;
    let said = match command {
        VaultCommand::Status => status(log.vault(), settings).await,
        VaultCommand::Rotate => {
            let next = settings.kek_next.value.as_ref();
            rotate(&log, next.map(Secret::reveal)).await
        }
        VaultCommand::Confirm => confirm(log.vault()).await,
    };
    log.close().await;
    out.write_all(said?.as_bytes()).map_err(to_stdout)
}

async fn status(vault: &Vault, settings: &Settings) -> Result<String, Failure> {
    let Some(waits) = vault.unfinished(None).await? else {
        return Ok("Every erasure is complete.\n".to_owned());
    };
    let within = &settings.erase_within.value;
    let (keys, since) = (waits.keys, waits.since);
    let then = if waits.awaits_operator {
        "destroy the old key-encryption key, then `meguri vault confirm`".to_owned()
    } else if vault.key_was_given() {
        "`meguri vault rotate`, for the key-encryption key comes from MEGURI_KEK".to_owned()
    } else {
        format!("by itself {within} after that at the latest, or at once by `meguri vault rotate`")
    };
    Ok(format!(
        "{keys} keys were destroyed since {since} and may be in old backups of the vault.\n\
         To complete: {then}.\n"
    ))
}

async fn rotate(log: &Log, next: Option<&Kek>) -> Result<String, Failure> {
    let rotated = log.vault().rotate(next).await;
    let rotated = rotated.map_err(Failure::Rotate)?;
    let (keys, epoch) = (rotated.keys, rotated.epoch);
    let mut said = format!("Epoch {epoch} has begun: {keys} keys are wrapped anew.\n");
    said += if rotated.old_key_destroyed {
        "The old key-encryption key is destroyed.\n"
    } else {
        "The old key-encryption key is yours to destroy:\n\
         1. Set MEGURI_KEK to the value of MEGURI_KEK_NEXT wherever this log is opened, and\n   \
         restart what runs there.\n\
         2. Destroy the old value wherever it is kept.\n\
         3. Then say so: `meguri vault confirm`. Only then are erasures complete.\n"
    };
    said += "Make a new backup of the vault now: older ones open no more.\n";
    Ok(said)
}

async fn confirm(vault: &Vault) -> Result<String, Failure> {
    vault.confirm_old_key_destroyed().await?;
    Ok("Noted: the old key-encryption key is destroyed.\n".to_owned())
}
