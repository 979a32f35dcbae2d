//! A damaged byte of a view's file is found: at the start, when it is proven, or verified.

use std::{
    fs,
    path::{Path, PathBuf},
};

use meguri_log::Log;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    run::{LONG, live_folder, rows},
    verify::assert_back,
};
use meguri_engine::{Mismatch, Verified, ViewSet, ViewSettings, ViewState, Views};

use crate::{
    catalog::Catalog,
    profiles::Profiles,
    testing::{log, story::random_story},
};

/// A view's file at rest, and what its rows were.
struct AtRest {
    log: Log,
    dir: PathBuf,
    file: PathBuf,
    rows: Vec<String>,
    _folder: TempDir,
}

impl AtRest {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let log = log::sqlite(folder.path()).await;
        let position = log::append(&log, &random_story(1, 12)).await;
        let dir = folder.path().join("views");
        let views = profiles(&log, &dir).await;
        views.wait_for_all(position, LONG).await.unwrap();
        let rows = rows(&views, "profiles").await;
        let file = live_folder(&views, &dir, "profiles").join("view.db");
        views.close().await;
        Self {
            log,
            dir,
            file,
            rows,
            _folder: folder,
        }
    }

    /// Turns one byte of the file around, as a disk does: nobody has written to the file.
    fn damage(&self, offset: usize) {
        let mut bytes = fs::read(&self.file).unwrap();
        bytes[offset] ^= 0xff;
        fs::write(&self.file, bytes).unwrap();
        meguri_engine::files::seal::leave(self.file.parent().unwrap()).unwrap();
    }

    /// Where this text stands in a table or an index, as the file has it.
    async fn find(&self, object: &str, text: &str) -> usize {
        let mut file = SqliteConnection::connect_with(
            &SqliteConnectOptions::new()
                .filename(&self.file)
                .immutable(true),
        )
        .await
        .unwrap();
        let page = "select pgoffset, pgsize from dbstat where name = ? and pagetype = 'leaf'";
        let (offset, size): (i64, i64) = sqlx::query_as(page)
            .bind(object)
            .fetch_one(&mut file)
            .await
            .unwrap();
        let (offset, size) = (
            usize::try_from(offset).unwrap(),
            usize::try_from(size).unwrap(),
        );
        let bytes = fs::read(&self.file).unwrap();
        let page = &bytes[offset..offset + size];
        let found = page
            .windows(text.len())
            .position(|part| part == text.as_bytes());
        offset + found.unwrap()
    }
}

/// The profiles alone.
pub(super) async fn profiles(log: &Log, dir: &Path) -> Views {
    let settings = ViewSettings {
        views: ViewSet::of(&Catalog).and::<Profiles>(),
        ..crate::settings()
    };
    Views::open(log.clone(), dir.to_owned(), settings)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_damaged_byte_of_a_row_is_found_when_the_view_is_proven() {
    let at_rest = AtRest::new().await;
    // Some of these leave a text that is none.
    for part in ["member3", "名前", "\u{3055}\u{3093}"] {
        at_rest.damage(at_rest.find("member", part).await);
        let views = profiles(&at_rest.log, &at_rest.dir).await;
        assert_eq!(
            views.status()[0].state,
            ViewState::Live,
            "nobody has looked yet"
        );
        let proven = views.prove("profiles").await.unwrap();
        let found = proven.mismatch.unwrap();
        assert!(
            matches!(found, Mismatch::Rows { .. } | Mismatch::Damaged { .. }),
            "{part}: {found}"
        );
        assert_back(&views, "profiles", &at_rest.rows).await;
        views.close().await;
    }
}

#[tokio::test]
async fn a_damaged_byte_of_a_row_is_named_when_the_view_is_verified() {
    let at_rest = AtRest::new().await;
    at_rest.damage(at_rest.find("member", "member3").await);
    let views = profiles(&at_rest.log, &at_rest.dir).await;
    let verified = views.verify("profiles", None).await.unwrap();
    let Verified::Differs {
        differing: 1,
        first,
        ..
    } = verified
    else {
        panic!("it was not found: {verified:?}")
    };
    let (column, here, there) = first[0].row.changes()[0];
    assert_eq!(column, "user_name");
    assert_eq!((here, there), (&"\u{fffd}ember3".into(), &"member3".into()));
    assert_back(&views, "profiles", &at_rest.rows).await;
}

#[tokio::test]
async fn a_damaged_byte_of_an_index_is_found_when_the_view_is_verified() {
    let at_rest = AtRest::new().await;
    at_rest.damage(at_rest.find("member_by_user_name", "member3").await);
    let views = profiles(&at_rest.log, &at_rest.dir).await;
    assert_eq!(
        views.prove("profiles").await.unwrap().mismatch,
        None,
        "the rows are right"
    );
    let verified = views.verify("profiles", None).await.unwrap();
    let Verified::Differs {
        mismatch: Mismatch::Damaged { reason },
        ..
    } = verified
    else {
        panic!("it was not found: {verified:?}")
    };
    assert!(reason.contains("member_by_user_name"), "{reason}");
    assert_back(&views, "profiles", &at_rest.rows).await;
}

#[tokio::test]
async fn a_damaged_certificate_is_found_at_the_start() {
    let at_rest = AtRest::new().await;
    // The last byte of the frontier is the last byte of the only row of its table.
    let offset = at_rest.find("certificate", "profiles").await;
    at_rest.damage(offset + "profiles".len() + 40);
    let views = profiles(&at_rest.log, &at_rest.dir).await;
    let state = views.status()[0].state.clone();
    assert!(matches!(state, ViewState::Withdrawn { .. }), "{state:?}");
    views
        .wait_for("profiles", at_rest.log.known_head(), LONG)
        .await
        .unwrap();
    assert_eq!(rows(&views, "profiles").await, at_rest.rows);
}

#[tokio::test]
async fn whatever_byte_of_the_header_is_damaged_the_rows_that_are_read_are_right() {
    let at_rest = AtRest::new().await;
    let head = at_rest.log.known_head();
    for offset in 0..100 {
        at_rest.damage(offset);
        let views = profiles(&at_rest.log, &at_rest.dir).await;
        let found_at_the_start = views.status()[0].state != ViewState::Live;
        views.wait_for("profiles", head, LONG).await.unwrap();
        let verified = views.verify("profiles", None).await.unwrap();
        let found = matches!(verified, Verified::Differs { .. });
        if found {
            assert_back(&views, "profiles", &at_rest.rows).await;
        }
        assert_eq!(rows(&views, "profiles").await, at_rest.rows, "{offset}");
        // The rest is what SQLite counts, or does not read.
        let matters = offset < 24;
        assert!(
            found || found_at_the_start || !matters,
            "{offset}: {verified:?}"
        );
        views.close().await;
    }
}
