//! What a file serves, and what the log adds up to.

use std::{collections::BTreeMap, path::Path};

use meguri_log::{Frontier, Position, Recorded, Root, answered};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::VIEW;

/// Who blocks whom, and the position of the event that says so.
pub(super) type Rows = BTreeMap<(String, String), u64>;

/// What the log adds up to at a position.
pub(super) struct Expected {
    pub(super) rows: Rows,
    pub(super) root: Root,
}

/// What a file holds at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) position: Position,
    pub(super) root: Root,
    pub(super) rows: Rows,
}

/// What the first events add up to, by the shortest way that there is.
pub(super) fn expected(events: &[Recorded], at: Position) -> Expected {
    let (mut rows, mut frontier) = (Rows::new(), Frontier::default());
    for event in events.iter().take_while(|event| event.position() <= at) {
        frontier.push(event.entry());
        let Some(Ok(header)) = event.header() else {
            continue;
        };
        let pair = pair(header.data);
        match event.event_type() {
            "MemberBlocked" => {
                rows.insert(pair, event.position().get());
            }
            "MemberUnblocked" => {
                rows.remove(&pair);
            }
            _ => {}
        }
    }
    let root = frontier.root();
    Expected { rows, root }
}

/// Who blocks, and who is blocked.
pub(super) fn pair(data: &str) -> (String, String) {
    let data: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let text = |name: &str| bare(data[name].as_str().unwrap_or_default());
    (text("by"), text("blocked"))
}

/// An id without its category.
fn bare(id: &str) -> String {
    id.strip_prefix("member-").unwrap_or(id).to_owned()
}

/// The file that is live in this folder of views, read in one transaction.
pub(super) async fn read(folder: &Path) -> Option<Served> {
    let place = folder.join(VIEW);
    let current = std::fs::read(place.join("current")).ok()?;
    let current: serde_json::Value = serde_json::from_slice(&current).ok()?;
    let file = place.join(current["live"].as_str()?).join("view.db");
    answered(read_file(&file)).await.ok()
}

async fn read_file(file: &Path) -> Result<Served, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut file = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("begin").execute(&mut file).await?;
    let certificate = "select position, frontier from certificate";
    let (position, frontier): (i64, Vec<u8>) =
        sqlx::query_as(certificate).fetch_one(&mut file).await?;
    let rows = "select blocker, blocked, since from blocked";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(rows).fetch_all(&mut file).await?;
    file.close().await?;
    let bad = |error| sqlx::Error::Decode(Box::new(error));
    let frontier = Frontier::from_bytes(&frontier).map_err(bad)?;
    let rows = rows.into_iter();
    let rows = rows.map(|(by, blocked, since)| ((bare(&by), bare(&blocked)), since.unsigned_abs()));
    Ok(Served {
        position: Position::new(position.unsigned_abs()),
        root: frontier.root(),
        rows: rows.collect(),
    })
}
