//! What was found in a backup, what is missing of it, and what is wrong with it.

use std::fmt::Write as _;

/// What is said of a backup.
#[derive(Debug, Default)]
pub(super) struct Report {
    found: Vec<String>,
    missing: Vec<String>,
    wrong: Vec<String>,
    next: Vec<String>,
}

impl Report {
    /// Something is as it should be.
    pub(super) fn found(&mut self, what: String) {
        self.found.push(what);
    }

    /// Something is not there, and the log cannot be used, or not signed, without it.
    pub(super) fn missing(&mut self, what: String) {
        self.missing.push(what);
    }

    /// Something is not as it was made.
    pub(super) fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Something is left to do.
    pub(super) fn next(&mut self, what: String) {
        self.next.push(what);
    }

    /// How many things are missing.
    pub(super) fn count_missing(&self) -> usize {
        self.missing.len()
    }

    /// Whether nothing is wrong.
    pub(super) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    /// All of it, for people.
    pub(super) fn in_words(&self) -> String {
        let mut text = String::new();
        let lists = [
            ("found", &self.found),
            ("missing", &self.missing),
            ("wrong", &self.wrong),
            ("to do next", &self.next),
        ];
        for (name, list) in lists {
            if list.is_empty() {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}:");
            for what in list {
                let _ = writeln!(text, "  {what}");
            }
        }
        text
    }
}
