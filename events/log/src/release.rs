//! Which release has written a log last, by the migrations that are noted in it.

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
