//! What a file serves, read by a connection of its own.

use std::path::Path;

use meguri_log::{Frontier, Position, Root, answered};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::model::{Row, Rows, counted};

/// What a file holds at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) position: Position,
    pub(super) root: Root,
    pub(super) rows: Rows<Row>,
}

/// The folder of the file that is live in this folder of views.
pub(super) fn live(folder: &Path, view: &str) -> Option<String> {
    let current = std::fs::read(folder.join(view).join("current")).ok()?;
    let current: serde_json::Value = serde_json::from_slice(&current).ok()?;
    Some(current["live"].as_str()?.to_owned())
}

/// The file that is live in this folder of views, read in one transaction.
pub(super) async fn read(folder: &Path, view: &str) -> Option<Served> {
    let file = folder.join(view).join(live(folder, view)?).join("view.db");
    answered(read_file(&file, view)).await.ok()
}

async fn read_file(file: &Path, view: &str) -> Result<Served, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut file = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("begin").execute(&mut file).await?;
    let certificate = "select position, frontier from certificate";
    let (position, frontier): (i64, Vec<u8>) =
        sqlx::query_as(certificate).fetch_one(&mut file).await?;
    let rows = match view {
        "blocks" => blocks(&mut file).await?,
        "profiles" => profiles(&mut file).await?,
        _ => thanks(&mut file).await?,
    };
    file.close().await?;
    let bad = |error| sqlx::Error::Decode(Box::new(error));
    let frontier = Frontier::from_bytes(&frontier).map_err(bad)?;
    Ok(Served {
        position: Position::new(position.unsigned_abs()),
        root: frontier.root(),
        rows,
    })
}

async fn blocks(file: &mut SqliteConnection) -> Result<Rows<Row>, sqlx::Error> {
    let rows = "select blocker, blocked, since from blocked";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(rows).fetch_all(file).await?;
    let row = |(by, blocked, since): (String, String, i64)| {
        let key = format!("{} of {}", member(&blocked), member(&by));
        let (open, words) = (since.to_string(), Vec::new());
        (key, Row { open, words })
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn profiles(file: &mut SqliteConnection) -> Result<Rows<Row>, sqlx::Error> {
    type Profile = (String, i64, i64, Option<String>, Option<String>);
    let rows = "select id, since, thanks_received, user_name, nickname from member";
    let rows: Vec<Profile> = sqlx::query_as(rows).fetch_all(file).await?;
    let row = |(id, since, thanks, user_name, nickname): Profile| {
        let open = counted((since, thanks.unsigned_abs()));
        let words = vec![user_name, nickname];
        (member(&id), Row { open, words })
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn thanks(file: &mut SqliteConnection) -> Result<Rows<Row>, sqlx::Error> {
    type Thanks = (i64, String, String, Option<String>);
    // A text that is gone is said to be erased, and no other one is.
    let rows = "select position, sender, receiver, \
        case when erased = (words is null) then words else 'not what it says of itself' end \
        from thanks";
    let rows: Vec<Thanks> = sqlx::query_as(rows).fetch_all(file).await?;
    let row = |(position, from, to, words): Thanks| {
        let open = format!("{} to {}", member(&from), member(&to));
        let words = vec![words];
        (format!("{position:08}"), Row { open, words })
    };
    Ok(rows.into_iter().map(row).collect())
}

/// An id as the log writes it.
fn member(id: &str) -> String {
    let bare = id.strip_prefix("member-").unwrap_or(id);
    format!("member-{bare}")
}
