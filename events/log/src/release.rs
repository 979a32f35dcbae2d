//! Which release has written a log last, by the migrations that are noted in it, and whether all
//! that these have made is there.

use std::collections::HashSet;

use sqlx::migrate::{MigrateError, Migrator};

use crate::{options::OpenError, store::StoreError};

/// What is noted in either backend.
pub(crate) const APPLIED: &str = "select version from _sqlx_migrations order by version";

/// Refuses to read a log of another release, where nothing may be brought up to date. One of which
/// that cannot be told is damaged, which whoever reads it finds out.
pub(crate) fn require_current(
    applied: Result<Vec<i64>, StoreError>,
    ours: &Migrator,
) -> Result<(), OpenError> {
    let Ok(applied) = applied else { return Ok(()) };
    let ours: Vec<i64> = ours.iter().map(|migration| migration.version).collect();
    if applied.iter().any(|version| !ours.contains(version)) {
        return Err(OpenError::NewerRelease);
    }
    match ours.iter().find(|version| !applied.contains(version)) {
        Some(_) => Err(OpenError::OlderRelease),
        None => Ok(()),
    }
}

/// Why a log was not brought up to date.
pub(crate) fn not_migrated(error: MigrateError) -> OpenError {
    if let MigrateError::VersionMissing(_) = error {
        return OpenError::NewerRelease;
    }
    OpenError::Unavailable(error.to_string())
}

/// Refuses a log that has lost a table: nothing that is made in its place holds what was in it.
pub(crate) fn require_tables(there: &HashSet<String>, ours: &Migrator) -> Result<(), OpenError> {
    let made = ours
        .iter()
        .flat_map(|migration| tables(migration.sql.as_str()));
    let lost: Vec<_> = made.filter(|table| !there.contains(*table)).collect();
    match lost.first() {
        Some(table) => Err(OpenError::Damaged {
            what: "the log",
            reason: format!("its table {table} is gone: put back a backup of it"),
            count: lost.len(),
        }),
        None => Ok(()),
    }
}

/// The tables that the statements of a migration make. None is ever renamed or dropped.
fn tables(statements: &str) -> impl Iterator<Item = &str> {
    let made = statements.split("create table ").skip(1);
    made.filter_map(|rest| rest.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_a_migration_are_those_that_it_makes() {
        let statements = "-- what is kept\ncreate table events (position bigint);\n\
                          create index by_stream on events (stream);\n\
                          create table tiles (n bigint);";
        assert_eq!(tables(statements).collect::<Vec<_>>(), ["events", "tiles"]);
    }
}
