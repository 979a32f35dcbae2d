//! The tables in the documentation: what becomes of a part, or of two, that are put back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::parts::{PARTS, State, states};
use crate::sources::root;
use crate::support::server::Installation;

/// The file of the table of pairs, which the test writes.
const FILE: &str = "docs/put-back.md";
/// What the sentences stand under.
const SENTENCES: &str = "## What is said";
/// Longer words are names and numbers of one installation.
const WORD_MAX: usize = 24;
/// Characters of a root in base64, without the last.
const ROOT_CHARS: usize = 43;

/// What becomes of an arrangement, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) outcome: String,
    pub(super) says: String,
}

impl Cell {
    pub(super) fn right() -> Self {
        Self {
            outcome: "right".to_owned(),
            says: String::new(),
        }
    }

    /// A start that was refused, with a sentence and what to do.
    pub(super) fn refused(said: &str, of: &Installation) -> Self {
        assert!(!said.contains("panicked"), "{said}");
        let (_, sentence) = said.split_once("meguri: ").expect("it says why");
        Self {
            outcome: "refused".to_owned(),
            says: general(sentence, of),
        }
    }

    /// A log that is served and not signed.
    pub(super) fn unsigned(said: &str, of: &Installation) -> Self {
        let lines = said.lines();
        let mut reasons = lines.filter_map(|line| {
            let (_, reason) = line.split_once("nothing is published any more refusal=")?;
            Some(reason)
        });
        Self {
            outcome: "unsigned".to_owned(),
            says: general(reasons.next_back().expect("it says why"), of),
        }
    }
}

/// A sentence without what differs from one installation to the next.
fn general(said: &str, of: &Installation) -> String {
    let mut said = said.to_owned();
    if let Some((log, vault)) = of.databases() {
        for (url, name) in [(log, "LOG"), (vault, "VAULT")] {
            let database = url.rsplit('/').next().unwrap().to_owned();
            said = said.replace(&url, name).replace(&database, name);
            let server = url.split(['@', '/']).nth(3).unwrap();
            said = said.replace(server, "HOST");
        }
    }
    let data = of.data();
    for shown in [data.canonicalize().unwrap_or_default(), data] {
        let shown = shown.display().to_string();
        if !shown.is_empty() {
            said = said.replace(&shown, "data");
        }
    }
    let said = said.trim().replace('\n', ";");
    let words = said.split_whitespace().map(|word| {
        let core = word.trim_end_matches(|last: char| last.is_ascii_punctuation());
        let end = word.strip_prefix(core).unwrap_or_default();
        if is_of_one(core) {
            format!("…{end}")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word is a name or a number of one installation: an id, a root, a number on a disk.
fn is_of_one(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_hex = word.chars().all(|c| c.is_ascii_hexdigit());
    word.len() > WORD_MAX && digits > 2
        || word.len() == ROOT_CHARS
        || is_hex && digits > 0 && word.len() >= 8
        || digits == word.len() && digits > 3
}

/// A row of the table of parts that are put back alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) part: String,
    pub(super) state: String,
    pub(super) outcome: String,
}

fn cells(line: &str) -> Vec<String> {
    let cells = line.trim().trim_matches('|').split('|');
    cells.map(|cell| cell.trim().to_owned()).collect()
}

/// The table of parts that are put back alone.
pub(super) fn alone() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/backup.md")).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(cells);
    let rows = rows.filter(|cells| cells.len() == 4 && cells[0] != "part");
    rows.map(|cells| {
        let [part, state, outcome, sentence] = <[String; 4]>::try_from(cells).unwrap();
        assert!(
            !sentence.is_empty(),
            "{part} {state}: a sentence, and what to do"
        );
        Row {
            part,
            state,
            outcome,
        }
    })
    .collect()
}

/// The table of pairs on one backend.
pub(super) struct Table(BTreeMap<[(String, String); 2], Cell>);

impl Table {
    pub(super) fn cell(&self, pair: &[State; 2]) -> Cell {
        let key = pair.map(|(part, state)| (part.to_owned(), state.to_owned()));
        let found = self.0.get(&key);
        found
            .unwrap_or_else(|| panic!("{pair:?} is not in {FILE}"))
            .clone()
    }

    /// Reads it.
    pub(super) fn read(backend: &str) -> Self {
        let text = fs::read_to_string(root().join(FILE)).unwrap();
        let (tables, sentences) = text.split_once(SENTENCES).unwrap();
        let said: BTreeMap<&str, &str> = sentences
            .lines()
            .filter_map(|line| line.split_once(". "))
            .collect();
        let of_backend = tables
            .split("\n## On ")
            .find_map(|part| part.strip_prefix(backend));
        let mut found = BTreeMap::new();
        for section in of_backend.unwrap().split("\n### ").skip(1) {
            let (names, rows) = section.split_once('\n').unwrap();
            let (one, other) = names.split_once(" and ").unwrap();
            let mut rows = rows
                .lines()
                .filter(|line| line.starts_with("| "))
                .map(cells);
            let head = rows.next().unwrap();
            for row in rows {
                for (other_state, cell) in head.iter().zip(&row).skip(1) {
                    let (outcome, number) = cell.split_once(' ').unwrap_or((cell, ""));
                    let key = [(one, &row[0]), (other, other_state)];
                    let key = key.map(|(part, state)| (part.to_owned(), state.clone()));
                    let says = said.get(number).copied().unwrap_or_default().to_owned();
                    let outcome = outcome.to_owned();
                    found.insert(key, Cell { outcome, says });
                }
            }
        }
        Self(found)
    }

    /// Writes what was found on a backend in the place of what the file says of it.
    pub(super) fn write(backend: &str, found: &[([State; 2], Cell)]) {
        let (mut said, mut tables) = (Vec::new(), String::new());
        for (name, all) in [
            ("SQLite", Self::known("SQLite")),
            ("PostgreSQL", Self::known("PostgreSQL")),
        ] {
            let all = if name == backend {
                let found = found.iter().map(|(pair, cell)| {
                    (
                        pair.map(|(part, state)| (part.to_owned(), state.to_owned())),
                        cell.clone(),
                    )
                });
                Some(Self(found.collect()))
            } else {
                all
            };
            if let Some(all) = all {
                let _ = write!(tables, "\n## On {name}\n{}", all.in_words(&mut said));
            }
        }
        let text = fs::read_to_string(root().join(FILE)).unwrap();
        let (before, _) = text.split_once("\n## ").unwrap();
        let mut text = format!("{before}{tables}\n{SENTENCES}\n\n");
        for (number, sentence) in said.iter().enumerate() {
            let _ = writeln!(text, "{}. {sentence}", number + 1);
        }
        fs::write(root().join(FILE), text).unwrap();
    }

    fn known(backend: &str) -> Option<Self> {
        let text = fs::read_to_string(root().join(FILE)).unwrap();
        let has = text.contains(&format!("\n## On {backend}\n"));
        has.then(|| Self::read(backend))
    }

    fn in_words(&self, said: &mut Vec<String>) -> String {
        let mut text = String::new();
        for (number, one) in PARTS.iter().enumerate() {
            for other in &PARTS[number + 1..] {
                let head = states(other).join(" | ");
                let line = "---|".repeat(states(other).len() + 1);
                let _ = write!(
                    text,
                    "\n### {one} and {other}\n\n| {one} | {head} |\n|{line}\n"
                );
                for state in states(one) {
                    let row = states(other).iter().map(|other_state| {
                        let cell = self.cell(&[(*one, *state), (*other, *other_state)]);
                        cell.numbered(said)
                    });
                    let row = row.collect::<Vec<_>>().join(" | ");
                    let _ = writeln!(text, "| {state} | {row} |");
                }
            }
        }
        text
    }
}

impl Cell {
    /// With the number of its sentence, which may be a new one.
    fn numbered(&self, said: &mut Vec<String>) -> String {
        if self.says.is_empty() {
            return self.outcome.clone();
        }
        let known = said.iter().position(|sentence| *sentence == self.says);
        let number = known.unwrap_or_else(|| {
            said.push(self.says.clone());
            said.len() - 1
        });
        format!("{} {}", self.outcome, number + 1)
    }
}
