//! `meguri demo`: a believable Japanese community, through the real command path.

mod calendar;
mod clock;
mod community;
mod dice;
mod director;
mod exchange;
mod ids;
mod perform;
mod story;
mod texts;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use meguri_commands::{CommandError, CommandSettings, Commands};
use meguri_log::{Log, Position, ReadError};
use thiserror::Error;

use crate::command_line::DemoArgs;
use crate::failure::{Failure, to_stdout};
use crate::figures::{self, grouped};
use crate::settings::Settings;
use crate::storage;
use community::Community;
use director::Director;
use texts::Texts;

pub use clock::StoryClock;
pub use community::MEMBERS_MIN;
pub use texts::TextsError;

/// The password of every member of a community that was made with passwords.
pub const PASSWORD: &str = "meguri-demo";

/// What the progress bar looks like.
const STYLE: &str = "[{bar:32}] {pos}/{len} members and exchanges, {msg}, {eta} left";

/// Why the community could not be made.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The texts are not right.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// The log has this community already.
    #[error("this log holds the community of seed {0} already")]
    SeedTaken(u64),
    /// A command was not carried out.
    #[error("the demo stopped when {user_name} wanted to {act}: {source}")]
    Command {
        /// The member who acted.
        user_name: String,
        /// What was tried.
        act: &'static str,
        /// Why it did not happen.
        source: CommandError,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A task of the demo did not come to its end.
    #[error("a part of the demo did not come to its end: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Members who joined.
    pub members: u64,
    /// Exchanges that were opened.
    pub exchanges: u64,
}

/// Fills the log of these settings and says what was done.
pub async fn run(
    settings: &Settings,
    args: &DemoArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let clock = StoryClock::default();
    // Its story goes through weeks in a moment.
    let mut unbounded = settings.clone();
    unbounded.clock_is_unbounded = true;
    let log = storage::open_with(&unbounded, Arc::new(clock.clone())).await?;
    let bar = progress_bar(args);
    let begun = log.known_head();
    let started = Instant::now();
    let showing = tokio::spawn(show_rate(bar.clone(), log.clone(), begun));
    let told = fill(&log, &clock, args, &bar).await;
    showing.abort();
    bar.finish_and_clear();
    let events = log.known_head().get() - begun.get();
    let lasted = started.elapsed();
    log.close().await;
    let summary = summary(args, told?, events, lasted);
    out.write_all(summary.as_bytes()).map_err(to_stdout)
}

/// Tells all stories of the community into the log. If that is empty they lie in past weeks.
pub async fn fill(
    log: &Log,
    clock: &StoryClock,
    args: &DemoArgs,
    bar: &ProgressBar,
) -> Result<Told, DemoError> {
    let texts = Texts::load()?;
    let community = Community::new(&texts, args.seed, args.members, calendar::weeks(args.weeks));
    let first = ids::member(&community, 0);
    if log.stream_head(&ids::stream(first)?).await?.get() > 0 {
        return Err(DemoError::SeedTaken(args.seed));
    }
    if log.head().await?.position == Position::ZERO {
        clock.begin(community.span);
    }
    let commands = Commands::new(log.clone(), CommandSettings::default());
    Director::new(&community, &commands, clock, args)
        .direct(bar)
        .await
}

fn progress_bar(args: &DemoArgs) -> ProgressBar {
    let bar = ProgressBar::new(args.members + args.exchanges);
    // The pattern is a constant that a test reads, so the plain bar is never needed.
    let style = ProgressStyle::with_template(STYLE);
    bar.set_style(
        style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> "),
    );
    bar
}

/// Shows how many events there are, and how many a second.
async fn show_rate(bar: ProgressBar, log: Log, begun: Position) {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        let events = log.known_head().get() - begun.get();
        bar.set_message(rate(events, started.elapsed()));
    }
}

fn rate(events: u64, lasted: Duration) -> String {
    let per_second = figures::rate(events, lasted);
    format!("{} events, {per_second}/s", grouped(events))
}

fn summary(args: &DemoArgs, told: Told, events: u64, lasted: Duration) -> String {
    let Told { members, exchanges } = told;
    let (members, exchanges) = (grouped(members), grouped(exchanges));
    let (rate, seconds) = (rate(events, lasted), lasted.as_secs_f64());
    let passwords = if args.passwords {
        format!("every member's password is `{PASSWORD}`")
    } else {
        "the members have no passwords; `--passwords` gives them one".to_owned()
    };
    format!("{members} members, {exchanges} exchanges: {rate}, {seconds:.1} s\n{passwords}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_one_that_indicatif_knows() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }
}
