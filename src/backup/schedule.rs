//! Backups that the server makes by itself, as often as the settings say.

use std::time::Duration;

use meguri_log::{Log, Timestamp};
use meguri_read_api::BackupStanding;
use meguri_supervision::Recurring;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::target::Target;
use super::{BackupError, make};
use crate::settings::{BackupTarget, Settings};

/// How often it is looked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long one that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_mins(1);

/// When backups are made, and where.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// Where to.
    pub(crate) to: BackupTarget,
    /// How often.
    pub(crate) every: Duration,
    /// How many are kept.
    pub(crate) keep: usize,
}

impl Schedule {
    /// What the settings say; none where they do not.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        Some(Self {
            to: settings.backup.to.value.clone()?,
            every: settings.backup.every.value?.duration(),
            keep: settings.backup.keep.value,
        })
    }
}

/// Makes backups until it is told to stop, and tells how old the last one is.
pub(crate) async fn run(
    log: Log,
    settings: Settings,
    schedule: Schedule,
    told: watch::Sender<BackupStanding>,
    stop: CancellationToken,
) {
    let mut last = newest(&log, &settings, &schedule, &stop).await;
    let rest = LOOK_EVERY.min(schedule.every / 4);
    let (mut left_alone, mut again) = (Duration::ZERO, Recurring::new());
    loop {
        let now = log.clock().now();
        let due = last.is_none_or(|(at, _)| age(at, now) >= schedule.every);
        if due && left_alone.is_zero() {
            match made(&log, &settings, &schedule, &stop).await {
                Ok(newest) => {
                    again.is_over();
                    last = Some(newest);
                }
                Err(_) if stop.is_cancelled() => return,
                Err(error) => {
                    metrics::counter!("meguri_backup_failures_total").increment(1);
                    if let Some(unsaid) = again.happened() {
                        tracing::error!(%error, unsaid, "no backup is made; trying again");
                    }
                    left_alone = LEFT_ALONE.min(schedule.every);
                }
            }
        }
        tell(&told, last, !left_alone.is_zero(), log.clock().now());
        if stop
            .run_until_cancelled(tokio::time::sleep(rest))
            .await
            .is_none()
        {
            return;
        }
        left_alone = left_alone.saturating_sub(rest);
    }
}

async fn made(
    log: &Log,
    settings: &Settings,
    schedule: &Schedule,
    stop: &CancellationToken,
) -> Result<(Timestamp, u64), BackupError> {
    let to = Target::new(&schedule.to, settings, stop.clone())?;
    let made = make(log, settings, &to, true).await?;
    let (at, position) = (made.manifest.made_at, made.manifest.log.position);
    tracing::info!(position, "a backup is made in {}", made.place);
    to.prune(log, schedule.keep).await?;
    Ok((at, position))
}

/// When the newest whole backup was made, and how many events it has; none where that is not known.
async fn newest(
    log: &Log,
    settings: &Settings,
    schedule: &Schedule,
    stop: &CancellationToken,
) -> Option<(Timestamp, u64)> {
    let found = async {
        let to = Target::new(&schedule.to, settings, stop.clone())?;
        to.newest_of(log).await
    };
    match found.await {
        Ok(newest) => newest.map(|manifest| (manifest.made_at, manifest.log.position)),
        Err(error) => {
            tracing::warn!(%error, "it is not known when the last backup was made");
            None
        }
    }
}

/// How long ago something was.
pub(super) fn age(at: Timestamp, now: Timestamp) -> Duration {
    let micros = now.micros().saturating_sub(at.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a floating point number"
)]
fn tell(
    told: &watch::Sender<BackupStanding>,
    last: Option<(Timestamp, u64)>,
    is_failing: bool,
    now: Timestamp,
) {
    if let Some((at, position)) = last {
        metrics::gauge!("meguri_backup_age_seconds").set(age(at, now).as_secs_f64());
        metrics::gauge!("meguri_backup_position").set(position as f64);
    }
    told.send_replace(BackupStanding { last, is_failing });
}
