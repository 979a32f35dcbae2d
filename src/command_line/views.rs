//! `meguri views`, as clap reads it.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use meguri_engine::AsOf;
use meguri_events::OrderRef;

use crate::failure::Failure;

/// What stands for every view.
pub const ALL_VIEWS: &str = "all";

/// What is printed below `meguri views --help`.
const VIEWS_AFTER_HELP: &str = "\
A running server is asked; without one, the command does the work itself.

Exit codes: 0 all is well, 1 failed, or `verify`, `diff` or `bisect` found a difference, 2 wrong
usage, 3 in use by another process, 4 done, but the answer could not be written.";

/// `meguri views …`
#[derive(Debug, Args)]
#[command(after_help = VIEWS_AFTER_HELP)]
pub struct ViewsArgs {
    /// What to do; without it, `list`.
    #[command(subcommand)]
    pub command: Option<ViewsCommand>,
    /// How to list them.
    #[command(flatten)]
    pub list: ListArgs,
}

impl ViewsArgs {
    /// What to do.
    ///
    /// # Errors
    /// [`Failure::OnlyForList`]: clap alone would then refuse the settings before a subcommand too.
    pub fn command(&self) -> Result<ViewsCommand, Failure> {
        match &self.command {
            None => Ok(ViewsCommand::List(self.list)),
            Some(ViewsCommand::List(list)) => {
                let watch = list.watch || self.list.watch;
                Ok(ViewsCommand::List(ListArgs { watch }))
            }
            Some(ViewsCommand::Of(_)) if self.list.watch => Err(Failure::OnlyForList),
            Some(ViewsCommand::Of(command)) => Ok(ViewsCommand::Of(command.clone())),
        }
    }
}

/// How the views are listed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ListArgs {
    /// Go on until every view is live; exit code 1 if one has stopped
    #[arg(long)]
    pub watch: bool,
}

/// The subcommands of `meguri views`.
#[derive(Debug, Clone, Subcommand)]
pub enum ViewsCommand {
    /// List the views with their position, lag and state (also without a subcommand)
    List(ListArgs),
    /// Something that is done with a view.
    #[command(flatten)]
    Of(ViewCommand),
}

/// What can be done with a view.
#[derive(Debug, Clone, Subcommand)]
pub enum ViewCommand {
    /// Build a view again from the log, while the present one goes on serving
    Rebuild {
        /// Which view; `all` for every one
        #[arg(value_name = "VIEW", value_parser = view_or_all())]
        name: String,
    },
    /// Let a view that has stopped try the same event again
    Retry {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
    },
    /// Go back to the file that was live before; once more, and the other one is live again
    Rollback {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
    },
    /// Compare a view with a build from the log: certificate, rows and indexes; one that differs
    /// is served no more, and built anew
    Verify {
        /// Which view; without it, every one
        #[arg(value_name = "VIEW", default_value = ALL_VIEWS, value_parser = view_or_all())]
        name: String,
        /// Who reads what members wrote, and what for.
        #[command(flatten)]
        access: ViewAccessArgs,
    },
    /// Compare the version of a view that is live with the one that was live before
    Diff {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
        /// Who reads what members wrote, and what for.
        #[command(flatten)]
        access: ViewAccessArgs,
    },
    /// Find the first event after which the live file and a build from the log differ
    Bisect {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
        /// Take this file instead of the live one
        #[arg(long, value_name = "FILE", conflicts_with = "previous")]
        with: Option<PathBuf>,
        /// Take the file that was live before instead
        #[arg(long)]
        previous: bool,
        /// Who reads what members wrote, and what for.
        #[command(flatten)]
        access: ViewAccessArgs,
    },
    /// Build a view as of a position or a time, so that reads with `as_of` answer at once
    Build {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
        /// A position such as `285`, or a time such as `2026-11-21T07:02:03+09:00`
        #[arg(long, value_name = "POSITION|TIME")]
        as_of: AsOf,
    },
    /// Write a copy of a view, with its certificate, that another node can import; it holds what
    /// members wrote, so this needs a `--reason`
    Export {
        /// Which view
        #[arg(value_name = "VIEW", value_parser = view())]
        name: String,
        /// The file to write, which must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Who takes it, and what for.
        #[command(flatten)]
        access: ViewAccessArgs,
    },
    /// Compare a copy from another node with the log, and serve it
    Import {
        /// The file that `export` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Who reads the rows of a view, and what for.
#[derive(Debug, Clone, Default, Args)]
pub struct ViewAccessArgs {
    /// Show what members wrote, for this reference, such as that of a case; recorded in the open,
    /// so never a name
    #[arg(long, value_name = "REFERENCE")]
    pub reason: Option<OrderRef>,
    /// Who does it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    pub by: Option<String>,
}

/// Names of views.
fn view() -> PossibleValuesParser {
    PossibleValuesParser::new(meguri_views::all().names())
}

/// Names of views, and what stands for all of them.
fn view_or_all() -> PossibleValuesParser {
    let mut names = meguri_views::all().names();
    names.push(ALL_VIEWS);
    PossibleValuesParser::new(names)
}
