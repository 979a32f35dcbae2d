//! What was found of views, in words.

use std::fmt::Write as _;

use meguri_projections::{
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

/// What came of comparing a view with the log.
pub(super) fn verified(name: &str, verified: &Verified) -> Report {
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
            text.extend(first.iter().map(traced));
            text.push_str("\n  it is served no more, and built anew");
            Report {
                text,
                finding: Some("is not what the log says"),
            }
        }
    }
}

/// Where a file and a build part.
pub(super) fn bisected(name: &str, bisected: &Bisected) -> Report {
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
            text.extend(rows.iter().map(traced));
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
pub(super) fn compared(diff: &Diff) -> Report {
    let text = side_by_side(diff, "beside");
    let finding = (!diff.is_equal()).then_some("differs from the version before it");
    Report { text, finding }
}

/// What a version has changed that took the place of another.
pub(super) fn changes(diff: &Diff) -> String {
    side_by_side(diff, "took the place of")
}

fn side_by_side(diff: &Diff, how: &str) -> String {
    let Diff {
        view,
        position,
        here,
        there,
        tables,
    } = diff;
    let mut text = format!("{view}: {here} {how} {there}, at position {position}");
    text.extend(tables.iter().map(table));
    text
}

fn table(diff: &TableDiff) -> String {
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
            text.extend(samples.iter().map(|sample| row(sample, "before")));
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
fn traced(of: &TracedRow) -> String {
    let mut text = row(&of.row, "in a build");
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
fn row(diff: &RowDiff, there: &str) -> String {
    let RowDiff { table, key, .. } = diff;
    let mut text = format!("\n    {table} {key}");
    match (&diff.here, &diff.there) {
        (Some(_), Some(_)) => {
            for (column, value, other) in diff.changes() {
                let _ = write!(text, "\n      {column}: {value}; {there} {other}");
            }
        }
        (Some(here), None) => {
            let _ = write!(text, ", not {there}: {}", fields(here));
        }
        (None, Some(of_other)) => {
            let _ = write!(text, ", only {there}: {}", fields(of_other));
        }
        (None, None) => {}
    }
    text
}

fn fields(fields: &Fields) -> String {
    let told: Vec<_> = fields
        .iter()
        .filter(|(_, value)| *value != Value::Null)
        .map(|(column, value)| format!("{column}: {value}"))
        .collect();
    told.join(", ")
}

fn event(at: &EventAt) -> String {
    format!("{} at position {}", at.event_type, at.position)
}

fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number))
}
