//! What was found in a backup, what is missing of it, and what is wrong with it.

use std::fmt::Write as _;

/// What is said of a backup.
#[derive(Debug, Default)]
pub(super) struct Report {
    found: Vec<String>,
    missing: Vec<String>,
    wrong: Vec<String>,
}

impl Report {
    /// Something is as it should be.
    pub(super) fn found(&mut self, what: String) {
        self.found.push(what);
    }

    /// Something is not in the backup, and is needed.
    pub(super) fn missing(&mut self, what: String) {
        self.missing.push(what);
    }

    /// Something is not as it was made.
    pub(super) fn wrong(&mut self, what: String) {
        self.wrong.push(what);
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
