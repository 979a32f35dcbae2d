//! What can grow back is thrown away when it is damaged, and grows back by itself, at rest and
//! while it is read.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use meguri_log::Log;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    damage::profiles,
    run::{LONG, live_folder, open, rows},
};
use meguri_engine::{ViewSet, ViewState, Views};

use crate::Moment;
use crate::{
    catalog::Catalog,
    error::QueryError,
    profiles::Profiles,
    search::SearchQuery,
    testing::{
        log,
        story::{need_posted, random_story, registered},
    },
};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

async fn titles(views: &Views) -> Result<Vec<String>, QueryError> {
    let query = SearchQuery {
        text: "犬".to_owned(),
        limit: 100,
        ..SearchQuery::default()
    };
    let found = Moment::live(views)
        .search()
        .search(&query)
        .await?
        .posts
        .into_iter();
    let mut titles: Vec<_> = found.map(|found| found.post.title.unwrap()).collect();
    titles.sort();
    Ok(titles)
}

/// Waits until a view answers; it never answers anything else than this.
async fn answers(views: &Views, right: &[String]) {
    let begun = Instant::now();
    loop {
        match titles(views).await {
            Ok(found) => return assert_eq!(found, right),
            Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_bit_that_turned_in_any_file_of_search_hinders_no_start_and_changes_no_answer() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let mut story = vec![registered(1, "aki")];
    for number in 0..30 {
        story.push(need_posted(
            number,
            1,
            &format!("犬の散歩{number}"),
            &["犬"],
        ));
    }
    let head = log::append(&log, &story).await;
    let dir = folder.path().join("views");
    let views = open(&log, &dir).await;
    views.wait_for_all(head, LONG).await.unwrap();
    let right = titles(&views).await.unwrap();
    assert_eq!(right.len(), 30);
    let live = live_folder(&views, &dir, "search");
    views.close().await;
    let count = files(&live).len();
    assert!(count > 5, "where are its files?");
    for number in 0..count {
        let views = open(&log, &dir).await;
        let live = live_folder(&views, &dir, "search");
        views.close().await;
        let Some(file) = files(&live).into_iter().nth(number) else {
            continue;
        };
        let mut bytes = fs::read(&file).unwrap();
        for place in [0, bytes.len() / 3, bytes.len() / 2] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 0x10;
            }
        }
        fs::write(&file, bytes).unwrap();
        let views = open(&log, &dir).await;
        answers(&views, &right).await;
        views.close().await;
    }
}

async fn live_again(views: &Views, name: &str, right: &[String]) {
    let begun = Instant::now();
    loop {
        let status = views.status();
        let status = status.iter().find(|view| view.name == name).unwrap();
        if status.state == ViewState::Live && status.lag == 0 && status.build.is_none() {
            return assert_eq!(rows(views, name).await, right);
        }
        assert!(begun.elapsed() < LONG, "{status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn with_profiles(folder: &Path) -> (Log, Views, PathBuf, Vec<String>) {
    let log = log::sqlite(folder).await;
    let head = log::append(&log, &random_story(1, 12)).await;
    let dir = folder.join("views");
    let views = profiles(&log, &dir).await;
    views.wait_for_all(head, LONG).await.unwrap();
    let right = rows(&views, "profiles").await;
    (log, views, dir, right)
}

async fn asked(views: &Views) -> Result<String, QueryError> {
    let found = Moment::live(views)
        .profiles()
        .by_user_name("member3")
        .await?;
    Ok(format!("{found:?}"))
}

#[tokio::test]
async fn a_file_that_is_cut_short_while_it_is_read_is_refused_and_grows_back() {
    let folder = TempDir::new().unwrap();
    let (_log, views, dir, right) = with_profiles(folder.path()).await;
    let answer = asked(&views).await.unwrap();
    let file = live_folder(&views, &dir, "profiles").join("view.db");
    for length in [0, 100, 5_000] {
        let file = fs::File::options().write(true).open(&file).unwrap();
        file.set_len(length).unwrap();
        let begun = Instant::now();
        loop {
            match asked(&views).await {
                Ok(found) => break assert_eq!(found, answer),
                Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        live_again(&views, "profiles", &right).await;
    }
}

#[tokio::test]
async fn a_row_that_is_changed_under_a_running_view_is_found_before_long() {
    let folder = TempDir::new().unwrap();
    let (_log, views, dir, right) = with_profiles(folder.path()).await;
    let file = live_folder(&views, &dir, "profiles").join("view.db");
    let options = SqliteConnectOptions::new().filename(&file);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("update member set nickname = 'somebody else'")
        .execute(&mut other)
        .await
        .unwrap();
    assert_ne!(rows(&views, "profiles").await, right);
    let begun = Instant::now();
    while rows_or_none(&views).await.as_ref() != Some(&right) {
        assert!(begun.elapsed() < LONG, "{:?}", views.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn rows_or_none(views: &Views) -> Option<Vec<String>> {
    let readers = views.handle("profiles").unwrap().readers()?;
    if readers.is_closed() {
        return None;
    }
    Some(crate::testing::rows(&readers).await)
}

#[tokio::test]
async fn a_folder_of_views_that_is_a_file_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let (log, views, dir, right) = with_profiles(folder.path()).await;
    views.close().await;
    fs::remove_dir_all(dir.join("profiles")).unwrap();
    fs::write(dir.join("profiles"), "nothing").unwrap();
    let views = profiles(&log, &dir).await;
    live_again(&views, "profiles", &right).await;
}

#[tokio::test]
async fn a_changed_row_is_found_by_the_audit() {
    let folder = TempDir::new().unwrap();
    let (log, views, dir, _) = with_profiles(folder.path()).await;
    let file = live_folder(&views, &dir, "profiles").join("view.db");
    views.close().await;
    let all = ViewSet::of(&Catalog).and::<Profiles>();
    let sound = all.certified(&dir, &log).await.unwrap().remove(0);
    assert_eq!(sound.mismatch, None);
    let options = SqliteConnectOptions::new().filename(&file);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("update member set thanks_received = thanks_received + 1")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let found = all.certified(&dir, &log).await.unwrap().remove(0);
    let mismatch = found.mismatch.unwrap();
    assert!(mismatch.contains("table member"), "{mismatch}");
}
