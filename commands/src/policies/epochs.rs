//! Ends erasures: once a key was destroyed, the key-encryption key is rotated in time, so that no
//! old backup of the vault brings it back.

use std::time::Duration;

use meguri_log::{KekError, Timestamp};
use meguri_supervision::Recurring;
use tokio_util::sync::CancellationToken;

use crate::Commands;

/// How often it is looked whether something is due, at the least.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// Rotates the key-encryption key when three quarters of the time that an erasure may take are
/// over, until it is told to stop. Any number of processes may do so: one of them rotates.
pub async fn keep_epochs(commands: Commands, stop: CancellationToken) {
    let within = commands.settings().erasure.within;
    let every = LOOK_AGAIN.min(within / 16).max(Duration::from_millis(10));
    let (mut told, mut again) = (false, Recurring::new());
    loop {
        tokio::select! {
            // Whoever stops it is heard first.
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        match rotate_if_due(&commands, within).await {
            Ok(false) => {
                again.is_over();
                told = false;
            }
            Ok(true) if told => {}
            Ok(true) => {
                told = true;
                tracing::warn!(
                    "an erasure waits for the operator: `meguri vault rotate` says what to do"
                );
            }
            Err(error) => {
                if let Some(unsaid) = again.happened() {
                    tracing::warn!(%error, unsaid, "the key-encryption key is not rotated yet");
                }
            }
        }
    }
}

/// Answers whether something is due that only an operator can do.
async fn rotate_if_due(commands: &Commands, within: Duration) -> Result<bool, KekError> {
    let vault = commands.log().vault();
    let now = commands.log().clock().now().micros();
    let age = i64::try_from((within / 4 * 3).as_micros()).unwrap_or(i64::MAX);
    let before = Timestamp::from_micros(now.saturating_sub(age));
    if let Some(rotated) = vault.rotate_if_due(before).await? {
        metrics::counter!("meguri_vault_rotations_total").increment(1);
        tracing::info!(
            epoch = rotated.epoch,
            "erasures are complete; make a new backup of the vault, for older ones open no more"
        );
    }
    let waits = vault.unfinished(None).await?;
    Ok(waits.is_some_and(|waits| {
        let due = waits.since <= before;
        due && (waits.awaits_operator || vault.key_was_given())
    }))
}
