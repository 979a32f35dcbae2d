//! Every bound of the log, by name. What is over one is refused with [`TooLarge`], never cut.

use std::num::NonZeroUsize;

/// Longest event in bytes: its header and its sealed sections together.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// Most events one append may carry.
pub const APPEND_EVENTS_MAX: usize = 1_000;

/// Most streams one append may name, in its events and its conditions together.
pub const APPEND_STREAMS_MAX: usize = 1_000;

/// Most conditions one append may have.
pub const APPEND_CONDITIONS_MAX: usize = 1_000;

/// Longest append in bytes, over all its events.
pub const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest name of an event type, of a section, of a class, or of who acted, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Most sealed sections of one event.
pub const EVENT_SECTIONS_MAX: usize = 16;

/// Most appends that wait for the writer; one more is answered `Busy`.
pub const QUEUE_APPENDS_MAX: usize = 4_096;

/// Most bytes of events that wait for the writer; one more is answered `Busy`.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most events that the writer commits at once.
pub const BATCH_EVENTS_MAX: usize = 2_000;

/// Most bytes of events that the writer commits at once.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most streams that the requests of one batch name together; a single request may name more only
/// up to [`APPEND_STREAMS_MAX`].
pub const BATCH_STREAMS_MAX: usize = 100_000;

/// Most events that one read answers.
pub const READ_EVENTS_MAX: usize = 10_000;

/// Most positions that one filtered read looks through.
pub const SCAN_POSITIONS_MAX: u64 = 50_000;

/// Stream heads that the writer remembers.
pub const HEADS_CACHED_MAX: NonZeroUsize = NonZeroUsize::new(262_144).unwrap();

/// Keys of the vault that are kept open in memory.
pub const KEYS_CACHED_MAX: NonZeroUsize = NonZeroUsize::new(131_072).unwrap();

/// Bytes of newest events that followers share before the slow ones read from the store.
pub const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Access tokens that one person may have at once; the one that was not used for longest makes way.
pub const TOKENS_OF_A_SUBJECT_MAX: i64 = 100;

/// Days for which the outcome of a client's key is remembered; a policy's key never expires.
pub const REQUEST_KEY_DAYS: i64 = 30;

/// Something is over a bound of the log; make it smaller, or split it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found} is over the limit of {limit}")]
pub struct TooLarge {
    /// What was counted, such as `bytes of an event:`.
    pub what: &'static str,
    /// How much there was.
    pub found: usize,
    /// How much there may be.
    pub limit: usize,
}

/// Refuses what is over a bound.
pub(crate) fn within(what: &'static str, found: usize, limit: usize) -> Result<(), TooLarge> {
    if found <= limit {
        Ok(())
    } else {
        Err(TooLarge { what, found, limit })
    }
}
