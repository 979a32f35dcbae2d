//! What goes wrong between a process and its database, and how often.

use std::time::Duration;

use super::random::Random;

/// What goes wrong, in so many of ten thousand statements. The default is a database that is near
/// and never fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The longest that a message is on its way, in milliseconds.
    pub latency_ms: u64,
    /// The connection dies before the statement reaches the server.
    pub unsent: u32,
    /// It dies after the statement was sent; what was asked is done, and nobody hears of it.
    pub unanswered: u32,
    /// As before, and the statement lies about for seconds before it is carried out.
    pub late: u32,
    /// No answer comes in the time in which one is waited for.
    pub stalled: u32,
    /// A hint that the log has grown gets lost.
    pub hints_missed: u32,
}

/// What becomes of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    Unsent,
    Unanswered,
    Late,
    Stalled,
}

impl Faults {
    pub(super) fn fate(&self, random: &Random) -> Fate {
        let fates = [
            (self.unsent, Fate::Unsent),
            (self.unanswered, Fate::Unanswered),
            (self.late, Fate::Late),
            (self.stalled, Fate::Stalled),
        ];
        if fates.iter().all(|(share, _)| *share == 0) {
            return Fate::Fine;
        }
        let mut drawn = random.below(10_000);
        for (share, fate) in fates {
            match drawn.checked_sub(u64::from(share)) {
                Some(rest) => drawn = rest,
                None => return fate,
            }
        }
        Fate::Fine
    }

    /// How long one message is on its way.
    pub(super) fn travel(&self, random: &Random) -> Duration {
        Duration::from_millis(random.below(self.latency_ms + 1))
    }
}
