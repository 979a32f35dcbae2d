//! How far builds are: bars on standard error where a person looks at it, lines elsewhere.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use meguri_engine::{BuildPhase, BuildStatus, Progress};
use meguri_log::Position;

use crate::diagnostics::Diagnostics;
use crate::figures::{grouped, lasting};

/// What a bar looks like.
const STYLE: &str = "{prefix:<10} [{bar:24}] {msg}";
/// How often a line is written while nothing but the position changes.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// What is being done, how far it is, how fast, and how long it takes.
pub(super) fn figures(build: BuildStatus, head: Position) -> String {
    let mut text = format!(
        "{}, at {} of {} events, {}/s",
        build.phase.name(),
        grouped(build.position.get()),
        grouped(head.get()),
        grouped(build.events_per_second),
    );
    if let (BuildPhase::Folding, Some(seconds)) = (build.phase, build.seconds_left) {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {} left", lasting(seconds));
    }
    text
}

/// The looks of a bar, with `=` for what is done.
pub(super) fn style(template: &str) -> ProgressStyle {
    // The patterns are constants that a test reads, so the plain bar is never needed.
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A bar for each view that is being built.
pub(super) struct Bars {
    multi: MultiProgress,
    terminal: bool,
}

/// The bar of one view; it goes away with this.
pub(super) struct Bar {
    name: String,
    drawn: ProgressBar,
    terminal: bool,
    /// Since the first step.
    progress: Option<Progress>,
    head: Position,
    /// The last line, where no bar is drawn: of which phase, and when.
    line: Option<(BuildPhase, Instant)>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            multi: MultiProgress::new(),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// One more, shown from its first step on.
    pub(super) fn add(&self, name: &str) -> Bar {
        let bar = ProgressBar::new(0)
            .with_style(style(STYLE))
            .with_prefix(name.to_owned());
        Bar {
            name: name.to_owned(),
            drawn: self.multi.add(bar),
            terminal: self.terminal,
            progress: None,
            head: Position::ZERO,
            line: None,
        }
    }
}

impl Bar {
    /// The build has come this far.
    pub(super) fn folded(&mut self, position: Position, head: Position) {
        self.head = head;
        self.step(BuildPhase::Folding, position);
    }

    /// This is being done to what is built.
    pub(super) fn step(&mut self, phase: BuildPhase, position: Position) {
        let head = self.head.max(position);
        let progress = *self
            .progress
            .get_or_insert_with(|| Progress::from(position));
        self.show(progress.status(phase, position, head), head);
    }

    /// What was built is compared as of this position.
    pub(super) fn comparing(&mut self, position: Position) {
        self.say(format!("comparing, at {}", grouped(position.get())));
    }

    /// It is built once more, and so many rows are watched.
    pub(super) fn tracing(&mut self, rows: u64) {
        (self.progress, self.line) = (None, None);
        self.say(format!(
            "looking for the events of rows that differ: {}",
            grouped(rows)
        ));
    }

    fn say(&self, text: String) {
        if self.terminal {
            self.drawn.set_message(text);
        } else {
            // Nobody may listen; then nobody misses it.
            Diagnostics::to_stderr().line(&format!("{}: {text}", self.name));
        }
    }

    /// Shows how far a build is.
    pub(super) fn show(&mut self, build: BuildStatus, head: Position) {
        let figures = figures(build, head);
        if self.terminal {
            self.drawn.set_length(head.get());
            self.drawn.set_position(build.position.get());
            self.say(figures);
        } else if self.is_news(build, head) {
            self.line = Some((build.phase, Instant::now()));
            self.say(figures);
        }
    }

    /// Whether there is something to say that a line has not said yet.
    fn is_news(&self, build: BuildStatus, head: Position) -> bool {
        match self.line {
            None => true,
            Some((before, at)) if before == build.phase => at.elapsed() >= LINE_EVERY,
            // What is folded after the indexes are made is little, if it is anything.
            Some(_) => build.phase != BuildPhase::Folding || build.position < head,
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}
