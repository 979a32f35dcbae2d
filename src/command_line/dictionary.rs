//! `meguri dictionary …`, as clap reads it.

use std::path::PathBuf;

use clap::Subcommand;

/// `meguri dictionary …`
#[derive(Debug, Subcommand)]
pub enum DictionaryCommand {
    /// Build it from the sources that the package mecab-ipadic of Debian and Ubuntu installs
    Build {
        /// Folder of the sources [default: /usr/share/mecab/dic/ipadic]
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Folder to build [default: `dictionary` in the data folder]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}
