//! `meguri vault`: rotate the key-encryption key, and see which erasures wait for that.

use std::io::Write;
use std::time::Duration;

use meguri_log::{Kek, Log, Vault};
use meguri_supervision::Recurring;
use tokio_util::sync::CancellationToken;

use crate::command_line::VaultCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::{Secret, Settings};
use crate::storage;

/// How often the vault begins a new generation while it is used.
const GENERATION_EVERY: Duration = Duration::from_mins(1);

/// Lets a vault that is put back be known as older: begins a new generation now and then, and has
/// the vault note up to where it has every key, so that the next start has less to look through.
pub(crate) async fn keep_generations(log: Log, stop: CancellationToken) {
    let mut again = Recurring::new();
    while stop
        .run_until_cancelled(tokio::time::sleep(GENERATION_EVERY))
        .await
        .is_some()
    {
        let kept = log.begin_vault_generation().await;
        let kept = match kept {
            Ok(()) => log.lost_keys().await.map(drop),
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => {
                again.is_over();
            }
            Err(error) => {
                if let Some(unsaid) = again.happened() {
                    tracing::warn!(%error, unsaid, "the vault begins no generation; trying again");
                }
            }
        }
    }
}

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
        VaultCommand::GiveUpLostKeys => give_up_lost_keys(&log).await,
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

async fn give_up_lost_keys(log: &Log) -> Result<String, Failure> {
    let lost = meguri_commands::give_up_lost_keys(log).await;
    Ok(match lost.map_err(Failure::Reapply)? {
        0 => "No key is lost.\n".to_owned(),
        lost => format!(
            "{lost} keys are lost for good: what they sealed is read as erased, and `meguri audit \
             check` finds it.\n"
        ),
    })
}

async fn confirm(vault: &Vault) -> Result<String, Failure> {
    vault.confirm_old_key_destroyed().await?;
    Ok("Noted: the old key-encryption key is destroyed.\n".to_owned())
}
