//! Whether a log and its vault are two databases: told by the file system and the servers, for one
//! database can be spelled in many ways.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::options::OpenError;

/// Refuses a vault that is in the log's own file: a backup of the one would hold the other.
///
/// # Errors
/// [`OpenError::VaultInLog`]; [`OpenError::Unavailable`] where that cannot be told.
pub(crate) fn are_files(log: &Path, vault: &Path) -> Result<(), OpenError> {
    let same = is_one_file(log, vault);
    told(same.map_err(|error| OpenError::Unavailable(error.to_string()))?)
}

/// Refuses a vault that is in the log's own database. The servers may take so long for all that
/// they are asked here.
///
/// # Errors
/// As [`are_files`].
pub(crate) async fn are_databases(
    log: &str,
    vault: &str,
    within: Duration,
) -> Result<(), OpenError> {
    if log == vault {
        return Err(OpenError::VaultInLog);
    }
    let same = tokio::time::timeout(within, is_one_database(log, vault)).await;
    let late = || OpenError::Unavailable("PostgreSQL does not answer".to_owned());
    let same = same.map_err(|_| late())?;
    told(same.map_err(|error| OpenError::Unavailable(error.to_string()))?)
}

fn told(same: bool) -> Result<(), OpenError> {
    if same {
        Err(OpenError::VaultInLog)
    } else {
        Ok(())
    }
}

/// Whether two paths lead to one file, or would if it were there: through links of either kind,
/// `..`, or letters that the file system takes for the same.
fn is_one_file(one: &Path, other: &Path) -> io::Result<bool> {
    let [one, other] = [target(one)?, target(other)?];
    if one == other {
        return Ok(true);
    }
    match (fs::metadata(&one), fs::metadata(&other)) {
        (Ok(one), Ok(other)) => Ok((one.dev(), one.ino()) == (other.dev(), other.ino())),
        (one, other) => {
            for missing in [one, other].into_iter().filter_map(Result::err) {
                if missing.kind() != io::ErrorKind::NotFound {
                    return Err(missing);
                }
            }
            Ok(false)
        }
    }
}

/// Where a path leads, whether there is a file or not.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    if let Ok(link) = fs::read_link(path) {
        // A link to what is not there yet. It is no circle: that is another error.
        let folder = path.parent().unwrap_or(Path::new(""));
        return target(&folder.join(link));
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
    Ok(path
        .file_name()
        .map_or(folder.clone(), |name| folder.join(name)))
}

/// Whether two addresses lead to one database: a lock that is held in the one is held in the other.
///
/// Nothing else tells it apart from every other database: clusters that were copied have the same
/// identifier and object ids. It is held in a transaction, so that a pooler does not matter.
async fn is_one_database(one: &str, other: &str) -> Result<bool, sqlx::Error> {
    let (mut one, mut other) = (connect(one).await?, connect(other).await?);
    let (_, random) = Uuid::now_v7().as_u64_pair();
    let key = i64::from_ne_bytes(random.to_ne_bytes());
    let mut holding = one.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(key)
        .execute(&mut *holding)
        .await?;
    let mut trying = other.begin().await?;
    let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(key)
        .fetch_one(&mut *trying)
        .await?;
    trying.rollback().await?;
    holding.rollback().await?;
    // The servers notice connections that just go, too.
    let _ = tokio::join!(one.close(), other.close());
    Ok(!free)
}

async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?;
    // PgBouncer refuses a session that sets this.
    let options = options
        .application_name("meguri-log")
        .extra_float_digits(None);
    options.connect().await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_file_is_found_out_however_it_is_spelled_also_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("a")).unwrap();
        symlink(folder.path(), path("here")).unwrap();
        symlink("log.db", path("link.db")).unwrap();
        symlink("a/../link.db", path("link-to-link.db")).unwrap();
        let spellings = [
            "log.db",
            "./log.db",
            "a/../log.db",
            "here/log.db",
            "link.db",
            "link-to-link.db",
        ];
        for there in [false, true] {
            if there {
                fs::write(path("log.db"), "").unwrap();
                fs::hard_link(path("log.db"), path("hard.db")).unwrap();
                assert!(is_one_file(&path("log.db"), &path("hard.db")).unwrap());
            }
            for spelling in spellings {
                let same = is_one_file(&path("log.db"), &path(spelling)).unwrap();
                assert!(same, "{spelling} {there}");
                let same = is_one_file(&path(spelling), &path("log.db")).unwrap();
                assert!(same, "{spelling} {there}");
            }
            assert!(!is_one_file(&path("log.db"), &path("vault.db")).unwrap());
            assert!(!is_one_file(&path("log.db"), &path("a/log.db")).unwrap());
        }
    }
}
