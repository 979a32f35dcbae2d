//! How far a rebuild is, on standard error when a person looks at it.

use indicatif::{ProgressBar, ProgressStyle};
use meguri_log::Position;

/// What the bar looks like.
const STYLE: &str = "{msg:<10} [{bar:32}] {pos}/{len} events, {per_sec}, {eta} left";

/// A progress bar; invisible where standard error is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(view: &str) -> Self {
        let bar = ProgressBar::new(0).with_message(view.to_owned());
        // The pattern is a constant that a test reads, so the plain bar is never needed.
        let style = ProgressStyle::with_template(STYLE);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// The rebuild has come this far.
    pub(super) fn at(&self, position: Position, head: Position) {
        self.0.set_length(head.get());
        self.0.set_position(position.get());
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_one_that_indicatif_knows() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }
}
