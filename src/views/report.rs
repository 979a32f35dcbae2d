//! What was found of views, in words.

use std::fmt::Write as _;

use meguri_engine::{
    Bisected, BuiltPast, Diff, EventAt, Fields, RowDiff, TableDiff, TracedRow, Verified,
};
use serde_json::Value;

use crate::figures::{bytes, grouped};

/// What is printed of a view.
#[derive(Debug)]
pub(super) struct Report {
    /// The lines.
    pub(super) text: String,
    /// What is wrong with the view, if something is: as what follows its name.
    pub(super) finding: Option<&'static str>,
}

impl Report {
    /// All is well.
    pub(super) fn of(text: String) -> Self {
        Self {
            text,
            finding: None,
        }
    }
}

/// Whether what members wrote is printed. Whoever asks for that is noted in the log first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// It is not: a row shows numbers and ids.
    LeftOut,
    /// Rows are printed as they are.
    Shown,
}

/// What stands for a text that is left out.
const LEFT_OUT: &str = "(text)";
/// How it can be seen.
const ASK: &str = "\n  texts are left out: `--reason` shows them, and is recorded";

/// What came of comparing a view with the log.
pub(super) fn verified(name: &str, verified: &Verified, words: Words) -> Report {
    match verified {
        Verified::Equal {
            position,
            rows,
            content,
        } => Report::of(format!(
            "{name}: it is what the log says, at position {position}: {}, content {content}",
            count(*rows, "row")
        )),
        Verified::Differs {
            position,
            mismatch,
            differing,
            first,
        } => {
            let mut text = format!("{name}: it is not what the log says, at position {position}:");
            let _ = write!(text, "\n  {mismatch}");
            if *differing > 0 {
                let rows = grouped(*differing);
                let _ = write!(
                    text,
                    "\n  rows that differ from a build from the log: {rows}"
                );
            }
            text.extend(first.iter().map(|row| traced(row, words)));
            text.push_str(words.how_to_see(&text));
            text.push_str("\n  it is served no more, and built anew");
            Report {
                text,
                finding: Some("is not what the log says"),
            }
        }
    }
}

/// Where a file and a build part.
pub(super) fn bisected(name: &str, bisected: &Bisected, words: Words) -> Report {
    let (text, finding) = match bisected {
        Bisected::Equal { position, rows } => {
            let rows = count(*rows, "row");
            let text = format!("{name}: no different from a build, at position {position}: {rows}");
            (text, None)
        }
        Bisected::Differs {
            position,
            differing,
            watched,
            first,
            exact,
            rows,
            mismatch,
        } => {
            let mut text = format!("{name}: {}", since(first.as_ref(), *exact));
            let all = grouped(*differing);
            let _ = write!(text, "\n  rows that differ, at position {position}: {all}");
            if watched < differing {
                let _ = write!(text, ", of which were watched: {}", grouped(*watched));
            }
            if let Some(mismatch) = mismatch {
                let _ = write!(text, "\n  {mismatch}");
            }
            text.extend(rows.iter().map(|row| traced(row, words)));
            text.push_str(words.how_to_see(&text));
            (text, Some("differs from a build from the log"))
        }
    };
    Report { text, finding }
}

fn since(first: Option<&EventAt>, exact: bool) -> String {
    match first {
        Some(first) if exact => format!("differs from {} on", event(first)),
        Some(first) => format!("differs from {} on, at the latest", event(first)),
        None => "differs; the rows do not tell from which event on".to_owned(),
    }
}

/// What was built of the past.
pub(super) fn built(built: &BuiltPast) -> Report {
    let BuiltPast {
        view,
        position,
        rows,
        content,
        bytes: size,
    } = built;
    let (rows, size) = (count(*rows, "row"), bytes(*size));
    Report::of(format!(
        "{view}: built as of position {position}: {rows}, content {content}, {size}"
    ))
}

/// How two versions of a view differ.
pub(super) fn compared(diff: &Diff, words: Words) -> Report {
    let text = side_by_side(diff, "beside", words);
    let finding = (!diff.is_equal()).then_some("differs from the version before it");
    Report { text, finding }
}

/// What a version has changed that took the place of another.
pub(super) fn changes(diff: &Diff) -> String {
    side_by_side(diff, "took the place of", Words::LeftOut)
}

fn side_by_side(diff: &Diff, how: &str, words: Words) -> String {
    let Diff {
        view,
        position,
        here,
        there,
        tables,
    } = diff;
    let mut text = format!("{view}: {here} {how} {there}, at position {position}");
    text.extend(tables.iter().map(|of| table(of, words)));
    text.push_str(words.how_to_see(&text));
    text
}

fn table(diff: &TableDiff, words: Words) -> String {
    match diff {
        TableDiff::Compared {
            table,
            equal,
            changed,
            only_here,
            only_there,
            columns_only_here,
            columns_only_there,
            samples,
        } => {
            let mut text = format!(
                "\n  {table}: {} equal, {} changed, {} only now, {} only before",
                grouped(*equal),
                grouped(*changed),
                grouped(*only_here),
                grouped(*only_there),
            );
            for (columns, when) in [(columns_only_here, "now"), (columns_only_there, "before")] {
                if !columns.is_empty() {
                    let _ = write!(text, "\n    columns only {when}: {}", columns.join(", "));
                }
            }
            text.extend(samples.iter().map(|sample| row(sample, "before", words)));
            text
        }
        TableDiff::OtherKey { table, here, there } => format!(
            "\n  {table}: its key is ({}) now, and was ({}): rows have no counterparts",
            here.join(", "),
            there.join(", ")
        ),
        TableDiff::OnlyHere { table, rows } => {
            format!("\n  {table}: only now, {}", count(*rows, "row"))
        }
        TableDiff::OnlyThere { table, rows } => {
            format!("\n  {table}: only before, {}", count(*rows, "row"))
        }
    }
}

/// A row, and what the events tell of it.
fn traced(of: &TracedRow, words: Words) -> String {
    let mut text = row(&of.row, "in a build", words);
    let _ = match &of.last {
        Some(last) => write!(text, "\n      last touched by {}", event(last)),
        None => write!(text, "\n      touched by no event"),
    };
    if let Some(from) = &of.from {
        let _ = write!(text, "; {}", since(Some(from), of.exact));
    }
    text
}

/// A row that differs, with the columns that do; `there` says where the other one is.
fn row(diff: &RowDiff, there: &str, words: Words) -> String {
    let mut text = format!("\n    {} {}", diff.table, words.key(&diff.key));
    match (&diff.here, &diff.there) {
        (Some(_), Some(_)) => {
            for (column, value, other) in diff.changes() {
                let (value, other) = (words.value(value), words.value(other));
                let _ = write!(text, "\n      {column}: {value}; {there} {other}");
            }
        }
        (Some(here), None) => {
            let _ = write!(text, ", not {there}: {}", fields(here, words));
        }
        (None, Some(of_other)) => {
            let _ = write!(text, ", only {there}: {}", fields(of_other, words));
        }
        (None, None) => {}
    }
    text
}

fn fields(fields: &Fields, words: Words) -> String {
    let told: Vec<_> = fields
        .iter()
        .filter(|(_, value)| *value != Value::Null)
        .map(|(column, value)| format!("{column}: {}", words.value(value)))
        .collect();
    told.join(", ")
}

impl Words {
    /// A value of a row. A text is shown only where it is an id: a view does not tell which texts
    /// somebody typed.
    fn value(self, value: &Value) -> String {
        match (self, value) {
            (Self::LeftOut, Value::String(text)) if !is_id(text) => LEFT_OUT.to_owned(),
            (Self::LeftOut, Value::Array(values)) => {
                let values = values.iter().map(|value| self.value(value));
                format!("[{}]", values.collect::<Vec<_>>().join(","))
            }
            (Self::LeftOut, Value::Object(_)) => LEFT_OUT.to_owned(),
            (_, value) => value.to_string(),
        }
    }

    /// The key of a row, which is a JSON array.
    fn key(self, key: &str) -> String {
        match (self, serde_json::from_str(key)) {
            (Self::Shown, _) => key.to_owned(),
            (Self::LeftOut, Ok(key)) => self.value(&key),
            (Self::LeftOut, Err(_)) => LEFT_OUT.to_owned(),
        }
    }

    /// How to see what is left out of this, if something is.
    fn how_to_see(self, text: &str) -> &'static str {
        match self {
            Self::LeftOut if text.contains(LEFT_OUT) => ASK,
            Self::LeftOut | Self::Shown => "",
        }
    }
}

/// Whether a text is a UUID, with or without a category in front.
fn is_id(text: &str) -> bool {
    let id = match text.split_once('-') {
        Some((category, id)) if category.bytes().all(|it| it.is_ascii_lowercase()) => id,
        Some(_) | None => text,
    };
    id.len() == 36 && uuid::Uuid::try_parse(id).is_ok()
}

fn event(at: &EventAt) -> String {
    format!("{} at position {}", at.event_type, at.position)
}

fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number))
}
