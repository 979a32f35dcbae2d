//! `meguri config`: what is in force, and where each value came from.

use std::fmt::Write as _;
use std::io::Write;

use crate::failure::{Failure, to_stdout};
use crate::settings::{Row, Settings};

/// Prints every setting with its value and its origin. Passwords are masked.
pub fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    out.write_all(table(&settings.rows()).as_bytes())
        .map_err(to_stdout)
}

fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> usize| rows.iter().map(cell).max().unwrap_or_default();
    let name_width = width(|(name, _, _)| name.len());
    let value_width = width(|(_, value, _)| value.chars().count());
    let mut text = String::new();
    for (name, value, origin) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<name_width$}  {value:<value_width$}  {origin}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    #[test]
    fn columns_line_up() {
        let rows = [
            ("data", "data".to_owned(), Origin::Default),
            (
                "listen",
                "[::1]:1".to_owned(),
                Origin::Environment("MEGURI_LISTEN"),
            ),
        ];
        insta::assert_snapshot!(table(&rows), @r"
        data    data     default
        listen  [::1]:1  environment MEGURI_LISTEN
        ");
    }
}
