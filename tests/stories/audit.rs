//! An operator checks the whole log, before and after a member is forgotten, and after somebody had
//! a hand in the files.

use std::path::{Path, PathBuf};

use meguri_log::{Location, Position};
use meguri_postgres_cluster::shared;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use super::proofs::{checkpoint, verifier};
use crate::support::server::Installation;

fn on_postgresql() -> Installation {
    Installation::on_databases(|| shared().unwrap().create_database().unwrap())
}

/// Exit code of `audit check`, and what it printed without the figures of time.
fn check(installation: &Installation) -> (i32, Vec<String>) {
    let ended = installation.end_of(&["audit", "check"]);
    let printed = String::from_utf8(ended.stdout).unwrap();
    let lines = printed.lines().map(|line| {
        let line = line.split(" checked in ").next().unwrap();
        line.trim().to_owned()
    });
    (ended.status.code().unwrap(), lines.collect())
}

/// Changes the stored log, as somebody does who has got hold of the database.
async fn change(installation: &Installation, sqlite: &[&str], postgres: &[&str]) {
    match installation.location() {
        Location::Sqlite { log, .. } => {
            let url = format!("sqlite:{}", log.display());
            let pool = SqlitePool::connect(&url).await.unwrap();
            for statement in sqlite {
                let statement = AssertSqlSafe((*statement).to_owned());
                sqlx::raw_sql(statement).execute(&pool).await.unwrap();
            }
            pool.close().await;
        }
        Location::Postgres { log, .. } => {
            let pool = PgPool::connect(&log).await.unwrap();
            for statement in postgres {
                let statement = AssertSqlSafe((*statement).to_owned());
                sqlx::raw_sql(statement).execute(&pool).await.unwrap();
            }
            pool.close().await;
        }
    }
}

/// The names of everything in a folder, however deep.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(entries(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

async fn published(installation: &Installation) {
    let server = installation.serve().await;
    let status = server.api().get("/api/status", None).await;
    let head = Position::new(status["log"]["position"].as_u64().unwrap());
    let key = verifier(installation);
    checkpoint(server.api(), &key, head.get()).await;
    server.terminate().await;
}

fn told_without_the_vault(installation: &Installation) {
    let told = installation.run(&["audit", "check", "--json", "--without-vault"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["verdict"], "sound");
    assert_eq!(told["log"], verifier(installation).name().as_str());
    assert!(told["size"].as_u64().unwrap() > 100, "{told}");
    assert_eq!(told["root"].as_str().unwrap().len(), 44, "{told}");
    assert!(
        told["sealed"]["not_looked_at"].as_u64().unwrap() > 0,
        "{told}"
    );
}

async fn the_whole_log_is_checked(installation: Installation) {
    installation.run(&["demo", "--members", "12", "--exchanges", "40"]);
    published(&installation).await;
    let before = entries(&installation.data());
    let (code, sound) = check(&installation);
    assert_eq!(code, 0, "{sound:?}");
    told_without_the_vault(&installation);
    assert_eq!(
        entries(&installation.data()),
        before,
        "nothing is left behind"
    );
    assert_eq!(installation.unread(&["audit", "check"]), [Some(0); 2]);
    let views = meguri_views::all().names().len();
    let consumed = format!("views: {views} of {views} have consumed exactly this log");
    assert_eq!(sound[4], consumed);
    assert_eq!(sound[5], "sound: nothing was found that does not fit");
    let none_erased = "0 erased as the log says";
    assert!(sound[1].ends_with(none_erased), "{sound:?}");

    let member = installation.run(&["log", "show", "1"]);
    let member = member.split("member-").nth(1).unwrap();
    installation.run(&["erase", &format!("member-{}", &member[..36])]);
    published(&installation).await;
    let (code, forgotten) = check(&installation);
    assert_eq!(code, 0, "{forgotten:?}");
    assert!(!forgotten[1].ends_with(none_erased), "{forgotten:?}");

    change(
        &installation,
        &[
            "drop trigger events_are_never_changed",
            "update events set type = 'MemberLeft' where position = 7",
        ],
        &[
            "alter table events disable trigger user",
            "update events set type = 'MemberLeft' where position = 7",
        ],
    )
    .await;
    let (code, changed) = check(&installation);
    assert_eq!(code, 1);
    let named = "position 7: column: its column type is not what its header says";
    assert_eq!(changed[0], named);
    assert_eq!(changed.last().unwrap(), "findings: 1");
    assert_eq!(installation.unread(&["audit", "check"]), [Some(1); 2]);
}

#[test]
fn where_there_is_no_log_nothing_can_be_told() {
    let (code, printed) = check(&Installation::on_sqlite());
    assert_eq!((code, printed), (2, vec![]));
}

#[tokio::test]
async fn the_whole_log_is_checked_on_sqlite() {
    the_whole_log_is_checked(Installation::on_sqlite()).await;
}

#[tokio::test]
async fn the_whole_log_is_checked_on_postgresql() {
    the_whole_log_is_checked(on_postgresql()).await;
}
