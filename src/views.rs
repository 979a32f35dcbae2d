//! `meguri views`: list, rebuild, verify and copy views, through the running server or, without
//! one, directly.

mod bars;
mod inspect;
mod outcome;
mod owner;
mod report;
mod switch;
mod table;
mod transfer;

use std::io::Write;

use futures::future::join_all;

use crate::command_line::{ViewCommand, ViewsArgs, ViewsCommand};
use crate::failure::{Failure, to_stdout};
use crate::opened::ViewAccess;
use crate::settings::Settings;
use bars::{Bar, Bars};
use owner::{About, Owner};
use report::{Report, Words};

/// Does what was asked and writes the answer to `out`; progress is shown on standard error.
pub async fn run(
    settings: &Settings,
    args: &ViewsArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let command = args.command()?;
    let about = About::of(&command);
    let access = access(&command)?;
    let owner = Owner::find(settings, &about).await?;
    let done = match &command {
        ViewsCommand::List(list) => table::list(&owner, list.watch, out).await,
        ViewsCommand::Of(command) => {
            let noted = match &access {
                Some(access) => owner.note(settings, access, &about.names()).await,
                None => Ok(()),
            };
            let words = access.as_ref().map_or(Words::LeftOut, |_| Words::Shown);
            let work =
                async |name: &str, bar: &mut Bar| report(&owner, command, name, words, bar).await;
            match noted {
                Ok(()) => of_each(&about.names(), out, work).await,
                Err(failure) => Err(failure),
            }
        }
    };
    owner.close().await;
    done
}

/// The person who is going to see what members wrote; nobody where no reason was given.
fn access(command: &ViewsCommand) -> Result<Option<ViewAccess>, Failure> {
    let ViewsCommand::Of(command) = command else {
        return Ok(None);
    };
    match command {
        ViewCommand::Verify { access, .. }
        | ViewCommand::Diff { access, .. }
        | ViewCommand::Bisect { access, .. } => ViewAccess::of(access, false),
        ViewCommand::Export { access, .. } => {
            let access = ViewAccess::of(access, true)?;
            let needed = Failure::Access("a copy holds what members wrote: it needs a `--reason`");
            access.ok_or(needed).map(Some)
        }
        ViewCommand::Rebuild { .. }
        | ViewCommand::Retry { .. }
        | ViewCommand::Rollback { .. }
        | ViewCommand::Build { .. }
        | ViewCommand::Import { .. } => Ok(None),
    }
}

/// Does what was asked with one view.
async fn report(
    owner: &Owner,
    command: &ViewCommand,
    name: &str,
    words: Words,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    match command {
        ViewCommand::Rebuild { .. } => switch::rebuild(owner, name, bar).await,
        ViewCommand::Retry { .. } => switch::retry(owner, name, bar).await,
        ViewCommand::Rollback { .. } => switch::rollback(owner, name, bar).await,
        ViewCommand::Verify { .. } => inspect::verify(owner, name, words, bar).await,
        ViewCommand::Diff { .. } => inspect::diff(owner, name, words, bar).await,
        ViewCommand::Bisect { with, previous, .. } => {
            let file = inspect::file(with.as_deref(), *previous)?;
            inspect::bisect(owner, name, file, words, bar).await
        }
        ViewCommand::Build { as_of, .. } => inspect::build(owner, name, *as_of, bar).await,
        ViewCommand::Export { file, .. } => transfer::export(owner, name, file, bar).await,
        ViewCommand::Import { file } => transfer::import(owner, file, bar).await,
    }
}

/// Does something with one view, or with all at the same time: they share one reader of the log.
/// Each has a bar; what is to be said of them is written when all are done.
async fn of_each(
    names: &[String],
    out: &mut (dyn Write + Send),
    work: impl AsyncFn(&str, &mut Bar) -> Result<Report, Failure>,
) -> Result<(), Failure> {
    let (bars, work) = (Bars::new(), &work);
    let one = async |name: &String| work(name, &mut bars.add(name)).await;
    let reports = join_all(names.iter().map(one)).await;
    let mut failures = Vec::new();
    for (report, name) in reports.into_iter().zip(names) {
        match report {
            Ok(Report { text, finding }) => {
                writeln!(out, "{text}").map_err(to_stdout)?;
                failures.extend(finding.map(|what| Failure::Found {
                    view: name.clone(),
                    what,
                }));
            }
            Err(failure) => failures.push(failure),
        }
    }
    Failure::of_several(failures)
}
