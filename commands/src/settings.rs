//! What can be set about the write side.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use meguri_domain::FollowUpPeriods;

use crate::Rate;

/// Settings of the write side. The defaults are those of production.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// When one-sided completion is followed up (H44).
    pub follow_up: FollowUpPeriods,
    /// How long what is erased may take to be gone for good, and what is kept longer.
    pub erasure: ErasurePeriods,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// Passwords hashed at once; each takes a core for a moment.
    pub hashing_at_once: usize,
    /// Wrong passwords of one account from one address, or by one device that it was used on.
    pub log_in_rate: Rate,
    /// Wrong passwords from one address, of accounts that were not used from there before.
    pub log_in_rate_of_place: Rate,
    /// Wrong passwords of one account from all addresses that it was not used from before.
    pub log_in_rate_of_account: Rate,
    /// Accounts made from one address. Programs of the same machine, and so a proxy that nobody
    /// named, are not limited.
    pub registration_rate: Rate,
    /// States kept in memory, at most.
    pub states_cached: NonZeroUsize,
    /// The data folder, in which [`keep_snapshots`](crate::keep_snapshots) keeps those of long
    /// streams; `None` keeps none.
    pub snapshots_in: Option<PathBuf>,
    /// Events after which a stream gets another snapshot.
    pub snapshot_every: NonZeroU64,
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            follow_up: FollowUpPeriods::default(),
            erasure: ErasurePeriods::default(),
            password_cost: PasswordCost::default(),
            // Half of the cores: whoever reads meanwhile has the others.
            hashing_at_once: std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().div_ceil(2)),
            log_in_rate: Rate {
                burst: 10,
                per_minute: 6,
            },
            // A school or a mobile network may be one address: hashing in turn keeps it fair.
            log_in_rate_of_place: Rate {
                burst: 1_000,
                per_minute: 300,
            },
            log_in_rate_of_account: Rate {
                burst: 100,
                per_minute: 6,
            },
            // A school that joins in one afternoon is one address.
            registration_rate: Rate {
                burst: 300,
                per_minute: 5,
            },
            states_cached: NonZeroUsize::MIN.saturating_add(50_000),
            snapshots_in: None,
            // What a command may well wait for: `docs/benchmarks.md`.
            snapshot_every: NonZeroU64::MIN.saturating_add(249),
        }
    }
}

/// Periods of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasurePeriods {
    /// So long after its keys were destroyed, at the latest, no backup of the vault brings what was
    /// erased back: the key-encryption key is rotated until then.
    pub within: Duration,
    /// So long records of money are kept after a member was erased: books are kept for seven years
    /// in Japan (法人税法施行規則 第59条).
    pub keep_money: Duration,
}

impl Default for ErasurePeriods {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            within: Duration::from_secs(DAY),
            keep_money: Duration::from_secs(2_557 * DAY),
        }
    }
}

/// Parameters of argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB; at least 8.
    pub memory_kib: u32,
    /// Passes over the memory; at least 1.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// What OWASP recommends as the least: 19 MiB, 2 passes.
    fn default() -> Self {
        Self {
            memory_kib: argon2::Params::DEFAULT_M_COST,
            passes: argon2::Params::DEFAULT_T_COST,
        }
    }
}
