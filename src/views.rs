//! `meguri views`: list and rebuild, through the running server or, without one, directly.

mod owner;
mod progress;

use std::fmt::Write as _;
use std::io::Write;
use std::time::Instant;

use meguri_log::Position;
use meguri_projections::{RebuildStep, ViewState, ViewStatus};

use crate::command_line::ViewsCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;
use owner::Owner;
use progress::Progress;

/// What rebuilds every view.
const ALL: &str = "all";

/// Does what was asked and writes the answer to `out`; progress is shown on standard error.
pub async fn run(
    settings: &Settings,
    command: &ViewsCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let owner = Owner::find(settings).await?;
    let done = match command {
        ViewsCommand::List => list(&owner, out).await,
        ViewsCommand::Rebuild { name } if name == ALL => rebuild_all(&owner, out).await,
        ViewsCommand::Rebuild { name } => rebuild(&owner, name, out).await,
    };
    owner.close().await;
    done
}

async fn list(owner: &Owner, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let (head, views) = owner.list().await?;
    out.write_all(table(head, &views).as_bytes())
        .map_err(to_stdout)
}

fn table(head: Position, views: &[ViewStatus]) -> String {
    let mut text = format!("the log ends at position {head}\n\n");
    let _ = writeln!(
        text,
        "{:<10} {:>7}  {:<16} {:>10} {:>8}  state",
        "view", "version", "fingerprint", "position", "lag"
    );
    for view in views {
        let ViewStatus {
            name,
            version,
            fingerprint,
            position,
            lag,
            ..
        } = view;
        let (version, position) = (version.to_string(), position.to_string());
        let state = state(view);
        let _ = writeln!(
            text,
            "{name:<10} {version:>7}  {fingerprint:<16} {position:>10} {lag:>8}  {state}"
        );
    }
    text
}

fn state(view: &ViewStatus) -> String {
    let state = match &view.state {
        ViewState::Building => "building".to_owned(),
        ViewState::Live => "live".to_owned(),
        ViewState::Stopped { position, reason } => {
            format!("stopped before position {position}: {reason}")
        }
        ViewState::Withdrawn { reason } => format!("withdrawn: {reason}"),
    };
    match view.build {
        Some(build) => format!("{state}, building (at {})", build.position),
        None => state,
    }
}

async fn rebuild_all(owner: &Owner, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let (_, views) = owner.list().await?;
    for view in views {
        rebuild(owner, &view.name, out).await?;
    }
    Ok(())
}

async fn rebuild(owner: &Owner, name: &str, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let started = Instant::now();
    let mut steps = owner.rebuild(name).await?;
    let progress = Progress::new(name);
    while let Some(step) = steps.next().await? {
        match step {
            RebuildStep::Folded { position, head } => progress.at(position, head),
            RebuildStep::Failed { reason } => {
                progress.clear();
                return Err(Failure::RebuildFailed {
                    view: name.to_owned(),
                    reason,
                });
            }
            RebuildStep::Phase { .. }
            | RebuildStep::Comparing { .. }
            | RebuildStep::Tracing { .. } => {}
            RebuildStep::Switched { position, .. } => {
                progress.clear();
                let seconds = started.elapsed().as_secs_f64();
                return writeln!(
                    out,
                    "{name}: rebuilt up to position {position} in {seconds:.1} s"
                )
                .map_err(to_stdout);
            }
        }
    }
    progress.clear();
    let reason = "the process that owns the views ended".to_owned();
    Err(Failure::RebuildFailed {
        view: name.to_owned(),
        reason,
    })
}
