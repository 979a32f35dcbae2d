//! What can go wrong with a throwaway cluster, and what to do about it.

use std::io;

/// Why a cluster could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No PostgreSQL server is installed where it is looked for.
    #[error(
        "these tests need PostgreSQL 15 or newer, and no `initdb` was found (looked in \
         {looked_in}); install it (Debian and Ubuntu: `apt-get install postgresql`), or \
         name its folder in MEGURI_POSTGRES_BIN"
    )]
    Missing {
        /// The folders which were searched, for people.
        looked_in: String,
    },
    /// The PostgreSQL which was found is too old for the product.
    #[error("these tests need PostgreSQL 15 or newer; `{program}` says it is `{version}`")]
    TooOld {
        /// The program which was asked.
        program: String,
        /// What it answered.
        version: String,
    },
    /// A program of PostgreSQL failed; its own words are in the message.
    #[error("`{command}` failed ({status}): {output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said, and the end of the server's log where there is one.
        output: String,
    },
    /// A file or process of the cluster could not be handled.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was attempted.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl ClusterError {
    /// For `map_err`: an I/O error with what was attempted.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
