//! Where a log is kept, how it is opened, and why it may not open.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock},
    found::FileFound,
    randomness::{Randomness, SystemRandomness},
    store::StoreError,
    vault::{Kek, KekError},
};

/// How long access tokens are valid where nobody says otherwise: 90 days.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// Longer than any statement takes on a database that is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where a log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Two files, made where they are missing. Their folder must exist.
    Sqlite {
        /// The log.
        log: PathBuf,
        /// The vault.
        vault: PathBuf,
    },
    /// Two databases of PostgreSQL 15 or newer, by URL. They must exist.
    Postgres {
        /// The log.
        log: String,
        /// The vault: another database, with backups of its own.
        vault: String,
    },
}

/// How to open a log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Where it is kept.
    pub location: Location,
    /// The key-encryption key of its vault.
    pub kek: Kek,
    /// What tells the time of events.
    pub clock: Arc<dyn Clock>,
    /// What the blinds of events, salts and nonces are made of.
    pub randomness: Arc<dyn Randomness>,
    /// How long access tokens are valid after they were issued; those of earlier releases, which
    /// had no end, from now on.
    pub token_lifetime: Duration,
    /// How long one waits for an answer of a database before its host, or its disk, is taken for
    /// gone.
    pub answer_within: Duration,
    /// How far the clock may be ahead of what it should show by the last event and the time that
    /// has passed since this process knows it. While it is further ahead nothing is appended: a
    /// jump would stamp every later event, too. Without a bound it may jump as it likes, as for
    /// histories that are told in hindsight.
    pub clock_jump_max: Option<Duration>,
}

impl LogOptions {
    /// Options with the machine's clock and randomness, and tokens that are valid for 90 days.
    pub fn new(location: Location, kek: Kek) -> Self {
        Self {
            location,
            kek,
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SystemRandomness),
            token_lifetime: TOKEN_LIFETIME,
            answer_within: ANSWER_WITHIN,
            clock_jump_max: None,
        }
    }
}

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached, or refuses.
    #[error("the log cannot be opened: {0}")]
    Unavailable(String),
    /// What stands at the place of a database is none of ours.
    #[error("{path} {found}")]
    NotOurs {
        /// Where.
        path: PathBuf,
        /// What stands there.
        found: FileFound,
    },
    /// An earlier release has written the log, and nothing is written now.
    #[error(
        "an earlier release has written this log, and only reading it does not bring it up to date"
    )]
    OlderRelease,
    /// A later release has written the log.
    #[error("a later release than this one has written this log")]
    NewerRelease,
    /// A database is damaged: nothing may be served from it.
    #[error("{what} is damaged: {reason} ({count} findings)")]
    Damaged {
        /// Which.
        what: &'static str,
        /// The first thing that is wrong.
        reason: String,
        /// How many things are.
        count: usize,
    },
    /// The vault or its key.
    #[error(transparent)]
    Vault(#[from] KekError),
    /// The log is empty, and that of this vault was not: it is lost, or another one was opened.
    #[error("the log is empty, but its vault belongs to one that is not")]
    Emptied,
    /// The log is another one than that of this vault, and not empty.
    #[error("the log is another one than its vault holds the keys of")]
    OtherLog,
    /// Log and vault are one database, so that a backup of one would hold the other.
    #[error("the vault must be a database of its own, apart from the log")]
    VaultInLog,
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
