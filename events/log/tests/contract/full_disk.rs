//! The disk under a log on SQLite is full, or may only be read, for a while. Nothing that was
//! acknowledged is lost, and everything works again by itself.

use std::time::{Duration, Instant};

use meguri_log::{AppendError, Kek, Location, Log, LogOptions};
use meguri_test_logs::SmallDisk;
use uuid::Uuid;

use super::{append, concurrency::assert_whole, event, sealed};

/// Longer than anything takes here: a test that waits so long has failed.
const SOON: Duration = Duration::from_mins(1);

async fn log_on(disk: &SmallDisk) -> Log {
    let folder = disk.folder();
    let location = Location::Sqlite {
        log: folder.join("log.db"),
        vault: folder.join("vault.db"),
    };
    let options = LogOptions::new(location, Kek::File(folder.join("vault.kek")));
    Log::open(&options).await.unwrap()
}

/// An event that takes a page and more.
fn large() -> meguri_log::NewEvent {
    let mut large = event("a-1", "Made");
    large.data = format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000));
    large
}

/// Appends until that works, and says what it has written.
async fn append_again(log: &Log) -> Uuid {
    let until = Instant::now() + SOON;
    loop {
        match log.append(append([large()])).await {
            Ok(appended) => return appended.events[0].id,
            Err(error) => assert!(Instant::now() < until, "still: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Appends until that fails, and says what was written until then and why it failed.
async fn append_until_refused(log: &Log) -> (Vec<Uuid>, AppendError) {
    let (until, mut written) = (Instant::now() + SOON, Vec::new());
    while Instant::now() < until {
        match log.append(append([large()])).await {
            Ok(appended) => written.push(appended.events[0].id),
            Err(error) => return (written, error),
        }
    }
    panic!("the disk is full, and everything goes on")
}

async fn works_again_without_an_append(log: &Log) {
    let until = Instant::now() + SOON;
    while let Some(fails) = log.appends_fail() {
        assert!(Instant::now() < until, "still: {fails:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_on_a_full_disk_refuses_and_goes_on_as_soon_as_there_is_space() {
    let disk = SmallDisk::new(16);
    let log = log_on(&disk).await;
    let mut acknowledged = vec![append_again(&log).await];
    for _ in 0..3 {
        disk.fill();
        let (written, refused) = append_until_refused(&log).await;
        acknowledged.extend(written);
        assert!(matches!(refused, AppendError::Unavailable(_)), "{refused}");
        assert!(log.appends_fail().is_some(), "it is said that appends fail");
        // What was written can be read all the while.
        assert_whole(&log, acknowledged.clone()).await;
        disk.free();
        acknowledged.push(append_again(&log).await);
        assert_eq!(log.appends_fail(), None);
    }
    assert_whole(&log, acknowledged.clone()).await;
    log.close().await;
    assert_whole(&log_on(&disk).await, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_append_on_a_full_disk_are_each_answered_and_then_served() {
    let disk = SmallDisk::new(16);
    let log = log_on(&disk).await;
    disk.fill();
    append_until_refused(&log).await;
    let before = log.head().await.unwrap().position;
    let all = (0..64).map(|_| log.append(append([large()])));
    for refused in futures::future::join_all(all).await {
        assert!(
            matches!(refused, Err(AppendError::Unavailable(_))),
            "{refused:?}"
        );
    }
    assert_eq!(
        log.head().await.unwrap().position,
        before,
        "nothing was written"
    );
    disk.free();
    append_again(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_there_is_space_again_is_found_out_without_anybody_appending() {
    let disk = SmallDisk::new(16);
    let log = log_on(&disk).await;
    disk.fill();
    append_until_refused(&log).await;
    let first = log.appends_fail().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = log.appends_fail().unwrap();
    assert_eq!(first.since, later.since, "it is one outage");
    disk.free();
    works_again_without_an_append(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vault_makes_keys_and_tokens_again_as_soon_as_there_is_space() {
    let disk = SmallDisk::new(16);
    let log = log_on(&disk).await;
    let known = log.vault().issue_token("member-0", "member").await.unwrap();
    disk.fill();
    append_until_refused(&log).await;
    let mut refused = 0;
    for number in 0..2_000 {
        let subject = format!("member-{number}");
        refused += u32::from(log.vault().issue_token(&subject, "member").await.is_err());
        if refused > 3 {
            break;
        }
    }
    assert!(refused > 3, "the disk is full");
    assert!(
        log.append(append([sealed(event("a-2", "Said"), "member-1", "{}")]))
            .await
            .is_err()
    );
    let holder = log.vault().token_holder(&known).await.unwrap();
    assert_eq!(
        holder.unwrap().subject,
        "member-0",
        "who is known is known all the while"
    );
    disk.free();
    append_again(&log).await;
    log.vault().issue_token("member-1", "member").await.unwrap();
    let said = sealed(event("a-2", "Said"), "member-1", "{}");
    log.append(append([said])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_gets_no_answer_from_a_file_is_bounded_and_the_log_goes_on_after_it() {
    let home = meguri_test_logs::Home::new(meguri_test_logs::Backend::Sqlite);
    let mut options = home.options(std::sync::Arc::new(meguri_log::SystemClock));
    options.answer_within = Duration::from_millis(300);
    let log = Log::open(&options).await.unwrap();
    let first = log.append(append([event("a-1", "Made")])).await.unwrap();
    // Somebody holds the file for as long as they like: a disk that hangs looks the same.
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(home.folder().join("log.db"));
    let mut other = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let hold = sqlx::raw_sql("begin immediate").execute(&mut other).await;
    hold.unwrap();
    let begun = Instant::now();
    let refused = log.append(append([event("a-1", "Made")])).await;
    assert!(refused.is_err(), "{refused:?}");
    // SQLite itself would wait for 20 s, and then again.
    assert!(
        begun.elapsed() < Duration::from_secs(18),
        "{:?}",
        begun.elapsed()
    );
    assert!(log.appends_fail().is_some());
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    let until = Instant::now() + SOON;
    let again = loop {
        match log.append(append([event("a-1", "Made")])).await {
            Ok(appended) => break appended,
            Err(error) => assert!(Instant::now() < until, "still: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(again.position > first.position);
    log.close().await;
}
