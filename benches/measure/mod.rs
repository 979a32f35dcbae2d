//! What the benches share: their events, their databases, medians, and memory.
#![allow(clippy::expect_used, reason = "a bench that cannot run has to stop")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

pub mod sealed;

use std::time::{Duration, Instant};

use meguri_log::{Append, Cause, Condition, Expected, NewEvent, StreamName, Version};
use uuid::Uuid;

/// Streams that events are spread over.
pub const STREAMS: usize = 10_000;

/// One event of about 300 bytes, on the condition that its stream has this version.
///
/// # Panics
/// Never: the name of the stream is well-formed.
pub fn conditional(stream: &StreamName, version: Version) -> Append {
    let data =
        r#"{"to":"member-0192f0c0-0000-7000-8000-000000000000","mode":"online","version":3}"#;
    Append {
        cause: Cause {
            actor: "member-0192f0c0".into(),
            ..Cause::default()
        },
        events: vec![NewEvent {
            id: Uuid::now_v7(),
            stream: stream.clone(),
            event_type: "TermsProposed".into(),
            schema: 1,
            data: data.into(),
            sealed: Vec::new(),
        }],
        conditions: vec![Condition {
            stream: stream.clone(),
            expected: Expected::Version(version),
        }],
        key: None,
    }
}

/// The name of the stream with this number.
///
/// # Panics
/// Never: the name is well-formed.
pub fn stream(number: usize) -> StreamName {
    format!("exchange-0192f0c0-0000-7000-8000-{number:012}")
        .parse()
        .expect("a stream's name")
}

/// Numbers that look random and are the same in every run (xorshift64).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Another sequence for another seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}

/// Events a second.
pub fn rate(events: usize, taken: Duration) -> f64 {
    events as f64 / taken.as_secs_f64()
}

/// The one in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// The figure that this part of all does not exceed; 1 is the largest.
///
/// # Panics
/// Where there is no figure.
pub fn percentile(figures: &[f64], part: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() as f64 * part).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among them"
    )]
    let rank = rank as usize;
    figures[rank.clamp(1, figures.len()) - 1]
}

/// How long it takes.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let result = work.await;
    (result, start.elapsed())
}

/// The most memory this process has used so far, in MiB (`VmHWM`), and starts counting anew.
pub fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    // Writing 5 resets the peak (proc(5), clear_refs).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    kib.unwrap_or_default() / 1024.0
}
