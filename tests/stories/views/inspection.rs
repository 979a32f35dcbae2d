//! Views are verified, compared with the version before, and searched for the event where they
//! part.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{LOOKS_MAX, seen, transcript};
use crate::support::server::Installation;

on_both_backends!(
    views_are_what_the_log_says_and_who_asks_is_told_so,
    a_row_that_was_changed_by_hand_is_named_and_the_view_is_built_anew,
    two_versions_of_a_view_are_compared,
);

async fn views_are_what_the_log_says_and_who_asks_is_told_so(installation: Installation) {
    let all = seen(&installation, &["views", "verify"]);
    let equal = ": it is what the log says, at position 79: ";
    assert_eq!(all.matches(equal).count(), super::NAMES.len(), "{all}");
    let server = installation.serve().await;
    let commands: [&[&str]; 4] = [
        &["views", "verify", "board"],
        &["views", "bisect", "board"],
        &["views", "diff", "board"],
        &["views", "bisect", "board", "--previous"],
    ];
    insta::assert_snapshot!("all_is_well", transcript(&installation, &commands));
    server.terminate().await;
}

/// The live file of a view.
fn live_file(installation: &Installation, view: &str) -> PathBuf {
    let folder = installation.data().join("views").join(view);
    let current = std::fs::read_to_string(folder.join("current")).unwrap();
    let current: Value = serde_json::from_str(&current).unwrap();
    folder
        .join(current["live"].as_str().unwrap())
        .join("view.db")
}

/// Changes a file behind the back of the process that owns it.
async fn alter(file: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let changed = sqlx::raw_sql(statement).execute(&mut file).await.unwrap();
    assert_eq!(changed.rows_affected(), 1, "{statement}");
    file.close().await.unwrap();
}

async fn a_row_that_was_changed_by_hand_is_named_and_the_view_is_built_anew(
    installation: Installation,
) {
    let server = installation.serve().await;
    let praise = "update member set thanks_received = 99, nickname = 'だれか'
        where user_name = (select user_name from member order by id limit 1)";
    alter(&live_file(&installation, "profiles"), praise).await;
    let bisected = seen(&installation, &["views", "bisect", "profiles"]);
    let verified = seen(&installation, &["views", "verify", "profiles"]);
    insta::assert_snapshot!("changed_by_hand", [bisected, verified].join("\n"));
    for _ in 0..LOOKS_MAX {
        if server.api().is_ready().await {
            break;
        }
    }
    let again = installation.run(&["views", "verify", "profiles"]);
    assert!(
        again.starts_with("profiles: it is what the log says"),
        "{again}"
    );
    server.terminate().await;
}

async fn two_versions_of_a_view_are_compared(installation: Installation) {
    let server = installation.serve().await;
    installation.run(&["views", "rebuild", "board"]);
    let equal = seen(&installation, &["views", "diff", "board"]);
    server.terminate().await;
    // As if the version before had written titles otherwise, and not known of one post.
    let current = live_file(&installation, "board");
    let before = current.to_str().unwrap().replace(".2/view.db", "/view.db");
    let title = "update post set title = 'なにか' where id = (select min(id) from post)";
    alter(Path::new(&before), title).await;
    let lost = "delete from post_tag
        where (tag, post) = (select tag, post from post_tag order by tag, post limit 1)";
    alter(Path::new(&before), lost).await;
    let differ = seen(&installation, &["views", "diff", "board"]);
    insta::assert_snapshot!("two_versions", [equal, differ].join("\n"));
}
