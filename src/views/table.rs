//! The table of the views, once or until all are live.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use meguri_engine::{BuildStatus, ViewState, ViewStatus};
use meguri_log::Position;

use super::bars::{figures, style};
use super::owner::Owner;
use super::report;
use crate::failure::{Failure, to_stdout};

/// A row of a view that is being built; the other rows are text.
const BUILDING: &str = "{prefix} [{bar:24}] {msg}";
/// Any other line.
const TEXT: &str = "{prefix}";
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the table is written anew where it cannot be drawn over.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Lists the views; goes on until all are live, where that is asked for.
pub(super) async fn list(
    owner: &Owner,
    watch: bool,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    if !watch {
        owner.level().await;
    }
    let (mut head, mut views) = owner.list().await?;
    let mut screen = Screen::new();
    while watch && views.iter().any(is_moving) {
        screen.show(&table(head, &views), head, out)?;
        tokio::time::sleep(LOOK_EVERY).await;
        (head, views) = owner.list().await?;
    }
    screen.last(&table(head, &views), head, out)?;
    let stopped: Vec<_> = views.iter().filter(|view| view.is_stopped()).collect();
    match stopped.as_slice() {
        [view, ..] if watch => Err(Failure::Stopped(view.name.clone())),
        _ => Ok(()),
    }
}

/// Whether a view will be something else before long, without anybody's doing.
fn is_moving(view: &ViewStatus) -> bool {
    let rests = view.state == ViewState::Live || view.is_stopped();
    !rests || view.build.is_some()
}

/// A line of the table.
struct Line {
    text: String,
    build: Option<BuildStatus>,
}

fn table(head: Position, views: &[ViewStatus]) -> Vec<Line> {
    let heading = format!(
        "{:<10} {:>7}  {:<16} {:>10} {:>8}  state",
        "view", "version", "fingerprint", "position", "lag"
    );
    let above = [
        format!("the log ends at position {head}"),
        String::new(),
        heading,
    ];
    let above = above.map(|text| Line { text, build: None });
    let below = views.iter().filter_map(|view| view.changes.as_ref());
    let below = below.flat_map(|changes| {
        let text = format!("\n{}", report::changes(changes));
        let lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
        lines.into_iter().map(|text| Line { text, build: None })
    });
    let views = views.iter().map(line);
    above.into_iter().chain(views).chain(below).collect()
}

fn line(view: &ViewStatus) -> Line {
    let ViewStatus {
        name,
        version,
        fingerprint,
        position,
        lag,
        ..
    } = view;
    let (version, position) = (version.to_string(), position.to_string());
    let mut text = format!("{name:<10} {version:>7}  {fingerprint:<16} {position:>10} {lag:>8}  ");
    // Writing to a String cannot fail.
    let _ = match &view.state {
        ViewState::Building => write!(text, "building"),
        ViewState::Live => write!(text, "live"),
        ViewState::Stopped { position, reason } => {
            let before = format!("position {position}: ");
            let reason = reason.strip_prefix(&before).unwrap_or(reason);
            write!(text, "stopped before {before}{reason}")
        }
        ViewState::Withdrawn { reason } => write!(text, "withdrawn: {reason}"),
    };
    if view.parked_streams > 0 {
        let _ = write!(text, ", without {} streams", view.parked_streams);
    }
    if view.build.is_some() && view.state != ViewState::Building {
        text.push_str(", building");
    }
    let build = view.build;
    Line { text, build }
}

/// As text, with the figures of builds beside them.
fn plain(table: &[Line], head: Position) -> String {
    let mut text = String::new();
    for line in table {
        text.push_str(&line.text);
        if let Some(build) = line.build {
            let _ = write!(text, ": {}", figures(build, head));
        }
        text.push('\n');
    }
    text
}

/// Where the table is shown: drawn over and over on a terminal, written now and then elsewhere.
struct Screen {
    multi: Option<MultiProgress>,
    lines: Vec<ProgressBar>,
    written: Option<Instant>,
}

impl Screen {
    fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let target = || MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        Self {
            multi: terminal.then(target),
            lines: Vec::new(),
            written: None,
        }
    }

    /// Shows it for a while.
    fn show(
        &mut self,
        table: &[Line],
        head: Position,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        if self.multi.is_some() {
            self.draw(table, head);
            return Ok(());
        }
        if self.written.is_some_and(|at| at.elapsed() < WRITE_EVERY) {
            return Ok(());
        }
        self.written = Some(Instant::now());
        let text = plain(table, head) + "\n";
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(to_stdout)
    }

    /// Shows it so that it stays.
    fn last(
        &mut self,
        table: &[Line],
        head: Position,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        if self.multi.is_some() && table.iter().any(|line| line.build.is_some()) {
            self.draw(table, head);
            self.lines.iter().for_each(ProgressBar::abandon);
            return Ok(());
        }
        if let Some(multi) = &self.multi {
            // Fails where nothing was drawn.
            let _ = multi.clear();
        }
        out.write_all(plain(table, head).as_bytes())
            .map_err(to_stdout)
    }

    fn draw(&mut self, table: &[Line], head: Position) {
        let Some(multi) = &self.multi else { return };
        while self.lines.len() < table.len() {
            self.lines.push(multi.add(ProgressBar::new(0)));
        }
        for (line, drawn) in table.iter().zip(&self.lines) {
            let template = if line.build.is_some() { BUILDING } else { TEXT };
            drawn.set_style(style(template));
            drawn.set_prefix(line.text.clone());
            if let Some(build) = line.build {
                drawn.set_length(head.get());
                drawn.set_position(build.position.get());
                drawn.set_message(figures(build, head));
            }
            drawn.tick();
        }
    }
}
