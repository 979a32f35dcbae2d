//! Diagnostics: structured logs on standard error, numbers for Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::diagnostics::Diagnostics;
use crate::settings::{LogFormat, Settings};

/// Upper bounds of the time histograms, in seconds: from one group commit to a client's patience.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of histograms that count things: events of a batch, rows of a block.
const COUNTS: [f64; 13] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0,
];

/// How often the numbers are tidied, so that they stay small when nobody fetches them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why diagnostics could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("log_filter `{filter}` ({origin}) cannot be read: {reason}")]
    Filter {
        /// What was asked for.
        filter: String,
        /// The client that asked.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The recorder of numbers was refused.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] BuildError),
}

/// Sends the program's own diagnostics to standard error, as text or as JSON.
///
/// Standard output stays free for what a command answers.
pub fn start_logging(settings: &Settings) -> Result<(), TelemetryError> {
    let filter = &settings.log_filter;
    let directives =
        EnvFilter::builder()
            .parse(&filter.value)
            .map_err(|error| TelemetryError::Filter {
                filter: filter.value.clone(),
                origin: filter.origin.to_string(),
                reason: error.to_string(),
            })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_writer(Diagnostics::to_stderr())
        // It would write to standard error itself, and panic where that is closed.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    // Only the first of several in one process is heard: tests open many.
    let _already_set = match settings.log_format.value {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    Ok(())
}

/// The numbers of this process, rendered for Prometheus by [`PrometheusHandle::render`].
///
/// There is one recorder a process; every caller gets a handle to the same.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    static INSTALLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    // A poisoned lock only means that another caller failed half way: try again.
    let _one_at_a_time = INSTALLING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets(&COUNTS)?
        .install_recorder()?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}

/// Keeps the numbers small until told to stop.
pub async fn upkeep(handle: PrometheusHandle, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP))
        .await
        .is_some()
    {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_and_counts_are_histograms_with_buckets() {
        let handle = metrics().unwrap();
        metrics::histogram!("telemetry_test_seconds").record(0.003);
        metrics::histogram!("telemetry_test_events").record(7.0);
        let text = handle.render();
        assert!(
            text.contains(r#"telemetry_test_seconds_bucket{le="0.005"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"telemetry_test_events_bucket{le="10"} 1"#),
            "{text}"
        );
    }
}
