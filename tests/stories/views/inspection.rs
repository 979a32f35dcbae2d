//! Views are verified, compared with the version before, and searched for the event where they
//! part.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{LOOKS_MAX, seen, transcript};
use crate::support::server::Installation;

/// What somebody says who wants to see what members wrote.
const BECAUSE: [&str; 4] = ["--reason", "2026-wa-1234", "--by", "ken"];

on_both_backends!(
    views_are_what_the_log_says_and_who_asks_is_told_so,
    a_row_that_was_changed_by_hand_is_named_and_the_view_is_built_anew,
    two_versions_of_a_view_are_compared,
    what_members_wrote_is_shown_for_a_reason_only_which_is_recorded_first,
    a_view_of_the_past_is_built_and_read,
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
    // The exchanges of the community do not always come in the same order, so that either of these
    // may be the last that touched the row.
    let found = [bisected, verified].join("\n");
    let found = found.replace("ThanksSent at", "ExchangeCompleted at");
    let mut parts = found.split("ExchangeCompleted at position ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let after = part.trim_start_matches(|it: char| it.is_ascii_digit());
        text = format!("{text}ExchangeCompleted at position N{after}");
    }
    insta::assert_snapshot!("changed_by_hand", text);
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
    // A verdict is told by the exit code, too, where nobody reads what is printed.
    let verify = ["views", "verify", "profiles"];
    assert_eq!(installation.unread(&verify), [Some(0); 2]);
    alter(&live_file(&installation, "profiles"), praise).await;
    let bisect = ["views", "bisect", "profiles"];
    assert_eq!(installation.unread(&bisect), [Some(1); 2]);
    server.terminate().await;
}

/// What `bisect` shows of a changed nickname, and what the log says then.
fn shown_and_recorded(installation: &Installation) {
    let bisect = ["views", "bisect", "profiles"];
    let closed = seen(installation, &bisect);
    let left_out = "nickname: (text); in a build (text)";
    assert!(closed.contains(left_out), "{closed}");
    assert!(!closed.contains("だれか"), "{closed}");
    let before = installation.run(&["log", "export"]);
    let opened = seen(installation, &[&bisect[..], &BECAUSE].concat());
    let shown = "nickname: \"だれか\"; in a build";
    assert!(opened.contains(shown), "{opened}");
    let after = installation.run(&["log", "export"]);
    let noted = after.strip_prefix(&before).unwrap();
    let noted: Value = serde_json::from_str(noted).unwrap();
    assert_eq!(noted["header"]["type"], "ViewOpened");
    assert_eq!(noted["header"]["actor"], "operator-ken");
    let told = json!({"view": "profiles", "copied": false, "reference": "2026-wa-1234"});
    assert_eq!(noted["header"]["data"], told);
}

async fn what_members_wrote_is_shown_for_a_reason_only_which_is_recorded_first(
    installation: Installation,
) {
    let server = installation.serve().await;
    let other = "update member set nickname = 'だれか' where id = (select min(id) from member)";
    alter(&live_file(&installation, "profiles"), other).await;
    shown_and_recorded(&installation);
    server.terminate().await;
    shown_and_recorded(&installation);
    let nobody = ["--reason", "2026-wa-1234", "--by", ""];
    let nobody = [&["views", "bisect", "profiles"][..], &nobody].concat();
    assert!(seen(&installation, &nobody).ends_with("(exit code 2)\n"));
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
    let lost = "delete from post_tag where (tag, post) = (select max(tag), post from post_tag)";
    alter(Path::new(&before), lost).await;
    let differ = seen(&installation, &["views", "diff", "board"]);
    insta::assert_snapshot!("two_versions", [equal, differ].join("\n"));
}

async fn a_view_of_the_past_is_built_and_read(installation: Installation) {
    let commands: [&[&str]; 5] = [
        &["views", "build", "board", "--as-of", "79"],
        &["views", "build", "board", "--as-of", "2001-01-01T00:00:00Z"],
        &["views", "build", "board", "--as-of", "80"],
        &["views", "build", "board", "--as-of", "2999-01-01T00:00:00Z"],
        &["views", "build", "board", "--as-of", "yesterday"],
    ];
    let said = transcript(&installation, &commands);
    // A client that joins a build may miss its steps.
    let lines = said.lines().filter(|line| !line.contains(" events, N/s"));
    let said: String = lines.flat_map(|line| [line, "\n"]).collect();
    let (before, now) = said.split_once(": it is ").unwrap();
    let (_, after) = now.split_once('\n').unwrap();
    insta::assert_snapshot!("the_past", format!("{before}: it is …\n{after}"));
    let server = installation.serve().await;
    let built = seen(
        &installation,
        &["views", "build", "thanks", "--as-of", "79"],
    );
    assert!(
        built.contains("\nthanks: built as of position 79: 1 row, content "),
        "{built}"
    );
    let board = async |query: &str| {
        let board = server.api().get(&format!("/api/board{query}"), None).await;
        board["items"].as_array().unwrap().clone()
    };
    assert!(!board("").await.is_empty());
    assert_eq!(board("?as_of=79").await, board("").await);
    assert!(board("?as_of=0").await.is_empty());
    server.terminate().await;
}
