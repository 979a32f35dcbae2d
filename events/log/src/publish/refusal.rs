//! Why a publisher does not sign, and what to do then.

use std::path::PathBuf;

use meguri_proofs::{Tile, Tree, hash_to_base64};

/// Where a checkpoint was found that the log does not agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptIn {
    /// In the database of the log.
    Database,
    /// In the file apart from it.
    File(PathBuf),
    /// In a keeper elsewhere, by its address.
    Elsewhere(String),
    /// In what whoever runs the server has given as the last one.
    Given,
}

impl std::fmt::Display for KeptIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database => f.write_str("the database"),
            Self::File(path) => path.display().fmt(f),
            Self::Elsewhere(address) => f.write_str(address),
            Self::Given => f.write_str("what was given as the last one"),
        }
    }
}

/// Why nothing is signed: what was published and what the log says are two different stories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The log was longer when it was published: it was restored from an older backup.
    #[error(
        "the log has {head} events, and {published} were published (checkpoint in {kept_in}): it \
         was restored from an older backup. Restore one that has all of them, and start again. \
         Do not delete the checkpoint: others hold it, and would take this log for a forgery"
    )]
    Shorter {
        /// How many events the log has.
        head: u64,
        /// How many the checkpoint covers.
        published: u64,
        /// Where the checkpoint is.
        kept_in: KeptIn,
    },
    /// The entries up to there are not those that were published.
    #[error(
        "the first {size} events are not those that were published: their root is {found}, and \
         the checkpoint in {kept_in} says {expected}. Somebody has changed the database, or it \
         was restored from an older backup and written to since. Restore one that agrees with \
         the checkpoint, and start again"
    )]
    Changed {
        /// How many events the checkpoint covers.
        size: u64,
        /// The root that was published, in base64.
        expected: String,
        /// The root that the entries have now, in base64.
        found: String,
        /// Where the checkpoint is.
        kept_in: KeptIn,
    },
    /// A tile is not that of the entries.
    #[error(
        "{0} in the database is not made of the entries of the log: somebody has changed it. \
         Restore the database from a backup, and start again"
    )]
    Tile(Tile),
    /// The tiles together are not those of the entries.
    #[error(
        "the tiles in the database lead to another tree than its first {size} entries: somebody \
         has changed them. Restore the database from a backup, and start again"
    )]
    Tiles {
        /// How many events were published.
        size: u64,
    },
    /// What is there for a checkpoint is none of this log.
    #[error(
        "{kept_in} does not hold a checkpoint of this log: {reason}. If it belongs to another \
         log, give each a data folder of its own; if it was damaged, put it back from a copy of \
         /checkpoint, and start again"
    )]
    Foreign {
        /// Where it is.
        kept_in: KeptIn,
        /// What is wrong with it.
        reason: String,
    },
    /// The log is not where it was: another copy of it may have signed more.
    #[error(
        "this log was copied, moved or restored (it was {was}; it is {is}), and what it was copied \
         from may have signed more since. Nothing is signed before that is known: start once with \
         `--last-checkpoint FILE|URL`, the last checkpoint that was published (of a mirror, of \
         `checkpoint_file`, or of the old server's /checkpoint), or, where that is certain, with \
         `--nothing-later-was-published`",
        was = where_it_was(.was.as_deref())
    )]
    Moved {
        /// Where it was, if that is known.
        was: Option<String>,
        /// Where it is.
        is: String,
    },
    /// A witness has seen more than this log knows to have signed.
    #[error(
        "the witness {witness} has seen {seen} events of this log, and this copy of it knows of \
         {known} that were signed: the log was restored from an older backup, or somebody else \
         signs with its key. Restore one that has all of them; if it has, start once with \
         `--last-checkpoint FILE|URL`, the checkpoint of {seen} events"
    )]
    Witness {
        /// Its name.
        witness: String,
        /// How many events it has seen.
        seen: u64,
        /// How many are known here.
        known: u64,
    },
    /// A witness has seen other events than this log has.
    #[error(
        "the first {size} events are not those that the witness {witness} has seen: the log was \
         restored from an older backup and written to since, or somebody else signs with its key. \
         Restore one that agrees with what the witness has seen, and start again"
    )]
    WitnessedAnother {
        /// Its name.
        witness: String,
        /// How many events it has seen.
        size: u64,
    },
}

/// Where a log was, in words.
fn where_it_was(was: Option<&str>) -> String {
    was.map_or_else(|| "nobody knows where".to_owned(), str::to_owned)
}

impl Refusal {
    pub(super) fn changed(expected: &Tree, found: &[u8; 32], kept_in: KeptIn) -> Self {
        Self::Changed {
            size: expected.size,
            expected: hash_to_base64(&expected.root),
            found: hash_to_base64(found),
            kept_in,
        }
    }
}
