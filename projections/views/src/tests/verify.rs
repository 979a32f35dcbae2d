//! A view is built beside and compared: what differs is named, with the event that touched it last.

use std::{
    fs,
    path::{Path, PathBuf},
};

use meguri_log::{Log, Position};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::run::{ALL, LONG, open, rows};
use meguri_engine::{EventAt, Mismatch, TracedRow, Verified, Views, files::rescan};

use crate::testing::{
    log,
    story::{member, nickname_changed, random_story, registered},
};

/// Where the file is that is read.
pub(super) fn database(views: &Views, name: &str) -> PathBuf {
    let readers = views.handle(name).unwrap().readers().unwrap();
    readers.connect_options().get_filename().to_owned()
}

/// Does something to the file that is read, as somebody with a shell might.
pub(super) async fn by_hand(views: &Views, name: &str, statement: &str) -> SqliteConnection {
    let path = database(views, name);
    let url = format!("sqlite://{}", path.display());
    let mut file = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut file)
        .await
        .unwrap();
    file
}

/// Three members, of whom the first two have taken other names; and the views of that.
pub(super) async fn renamed(log: &Log, folder: &Path) -> Views {
    let events = [
        registered(1, "hanako"),
        registered(2, "taro"),
        nickname_changed(2, "たろう"),
        registered(3, "jiro"),
        nickname_changed(1, "はな"),
    ];
    let position = log::append(log, &events).await;
    let views = open(log, &folder.join("views")).await;
    views.wait_for_all(position, LONG).await.unwrap();
    views
}

/// Demands that a view that was withdrawn is read again, with these rows.
pub(super) async fn assert_back(views: &Views, name: &str, expected: &[String]) {
    // What a worker is asked comes after what it was asked before.
    views.retry(name).await.unwrap_err();
    views.wait_for(name, views.head(), LONG).await.unwrap();
    assert_eq!(rows(views, name).await, expected);
}

pub(super) fn event(position: u64, event_type: &str) -> EventAt {
    EventAt {
        position: Position::new(position),
        event_type: event_type.to_owned(),
    }
}

pub(super) async fn differs(views: &Views, name: &str) -> (Mismatch, u64, Vec<TracedRow>) {
    match views.verify(name, None).await.unwrap() {
        Verified::Differs {
            mismatch,
            differing,
            first,
            ..
        } => (mismatch, differing, first),
        equal @ Verified::Equal { .. } => panic!("nothing was found: {equal:?}"),
    }
}

fn key_of(member_number: u128) -> String {
    json!([member(member_number)]).to_string()
}

#[tokio::test]
async fn a_view_that_is_right_is_equal_to_a_build_also_while_members_write() {
    log::on_both(async |log, folder| {
        let position = log::append(&log, &random_story(1, 12)).await;
        let views = open(&log, &folder.join("views")).await;
        views.wait_for_all(position, LONG).await.unwrap();
        let enough = CancellationToken::new();
        let writing = tokio::spawn({
            let (log, enough) = (log.clone(), enough.clone());
            async move {
                for number in 100.. {
                    log::append(&log, &[registered(number, "m")]).await;
                    if enough.is_cancelled() {
                        return;
                    }
                }
            }
        });
        for name in ALL {
            let verified = views.verify(name, None).await.unwrap();
            let Verified::Equal {
                position: at, rows, ..
            } = verified
            else {
                panic!("{name}: {verified:?}")
            };
            assert!(at >= position && rows > 0, "{name}: {rows} rows at {at}");
            let beside = fs::read_dir(folder.join("views/shadow")).unwrap();
            assert_eq!(beside.count(), 0, "what was built beside is gone");
        }
        enough.cancel();
        writing.await.unwrap();
        let head = log.known_head();
        views.wait_for_all(head, LONG).await.unwrap();
        let Verified::Equal {
            position,
            rows,
            content,
        } = views.verify("profiles", None).await.unwrap()
        else {
            panic!("it differs")
        };
        let proven = views.prove("profiles").await.unwrap();
        assert_eq!(
            (proven.position, proven.rows, proven.content),
            (position, rows, content)
        );
        assert_eq!(position, head);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_was_altered_by_hand_is_named_with_the_event_that_touched_it_last() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let expected = rows(&views, "profiles").await;
        let alter = format!(
            "update member set nickname = 'X' where id = '{}'",
            member(2)
        );
        by_hand(&views, "profiles", &alter).await;
        let (mismatch, differing, first) = differs(&views, "profiles").await;
        let table = "member".to_owned();
        let of_table = Mismatch::Rows {
            table,
            expected: 3,
            found: 3,
        };
        assert_eq!(mismatch, of_table);
        assert_eq!((differing, first.len()), (1, 1));
        let TracedRow {
            row,
            last,
            from,
            exact,
        } = &first[0];
        assert_eq!((row.table.as_str(), row.key.clone()), ("member", key_of(2)));
        assert_eq!(row.changes(), [("nickname", &json!("X"), &json!("たろう"))]);
        assert_eq!(last, &Some(event(3, "NicknameChanged")));
        assert_eq!((from, *exact), (last, false), "no build ever had it so");
        assert_back(&views, "profiles", &expected).await;
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_as_an_earlier_event_left_it_differs_from_the_next_event_on() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let earlier = "hanakoさん";
        let alter = format!(
            "update member set nickname = '{earlier}' where id = '{}'",
            member(1)
        );
        by_hand(&views, "profiles", &alter).await;
        let (_, _, first) = differs(&views, "profiles").await;
        assert_eq!(
            first[0].row.changes(),
            [("nickname", &json!(earlier), &json!("はな"))]
        );
        assert_eq!(first[0].from, Some(event(5, "NicknameChanged")));
        assert!(first[0].exact);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_gone_and_one_that_no_event_made_are_named() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let expected = rows(&views, "profiles").await;
        let alter = format!(
            "delete from member where id = '{}';
             insert into member values ('ghost', 'g', 'g', null, 1, null, 0, 0);",
            member(3)
        );
        by_hand(&views, "profiles", &alter).await;
        let (_, differing, first) = differs(&views, "profiles").await;
        assert_eq!((differing, first.len()), (2, 2));
        assert_eq!(first[0].row.key, r#"["ghost"]"#);
        assert!(first[0].row.here.is_some() && first[0].row.there.is_none());
        assert_eq!((&first[0].last, &first[0].from), (&None, &None));
        assert_eq!(first[1].row.key, key_of(3));
        assert!(first[1].row.here.is_none() && first[1].row.there.is_some());
        assert_eq!(first[1].from, Some(event(4, "MemberRegistered")));
        assert!(first[1].exact, "there was none before");
        assert_back(&views, "profiles", &expected).await;
    })
    .await;
}

/// Alters a row, and writes the digest that fits, so that the file contradicts itself nowhere.
pub(super) async fn forged(views: &Views, name: &str, statement: &str) {
    let mut file = by_hand(views, name, statement).await;
    let view = &views.handle(name).unwrap().view;
    let content = rescan::content(&mut file, &**view).await.unwrap();
    for (table, digest) in &content.0 {
        sqlx::query("update content set rows = ?, sum = ? where table_name = ?")
            .bind(digest.rows.cast_signed())
            .bind(digest.to_bytes().as_slice())
            .bind(table)
            .execute(&mut file)
            .await
            .unwrap();
    }
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_row_that_was_altered_with_its_digest_is_found_by_building_the_view_beside() {
    log::on_both(async |log, folder| {
        let views = renamed(&log, folder).await;
        let expected = rows(&views, "profiles").await;
        let alter = format!(
            "update member set thanks_received = 99 where id = '{}'",
            member(3)
        );
        forged(&views, "profiles", &alter).await;
        let proven = views.prove("profiles").await.unwrap();
        assert_eq!(proven.mismatch, None, "the file is right in itself");
        let (mismatch, _, first) = differs(&views, "profiles").await;
        assert_eq!(mismatch, Mismatch::Differs { differing: 1 });
        assert_eq!(first[0].row.key, key_of(3));
        assert_eq!(
            first[0].row.changes(),
            [("thanks_received", &json!(99), &json!(0))]
        );
        assert_eq!(first[0].last, Some(event(4, "MemberRegistered")));
        assert_back(&views, "profiles", &expected).await;
    })
    .await;
}

#[tokio::test]
async fn the_primary_key_of_every_table_is_the_key_of_its_rows() {
    // By it, the rows that SQLite finds to differ are found again among those of a fold.
    for view in crate::all().views() {
        let mut file = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(view.schema())
            .execute(&mut file)
            .await
            .unwrap();
        for (table, columns) in view.tables() {
            let key: Vec<String> = sqlx::query_scalar(
                "select name from pragma_table_info(?) where pk > 0 order by pk",
            )
            .bind(table)
            .fetch_all(&mut file)
            .await
            .unwrap();
            assert!(!key.is_empty(), "{table}");
            assert_eq!(key, columns[..key.len()], "{table}");
        }
    }
}
