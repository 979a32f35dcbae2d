//! Which vault goes with which log, and that the two are apart.

use std::sync::Arc;

use meguri_log::{Location, Log, LogOptions, OpenError, Position, SystemClock};
use meguri_test_logs::{Backend, Home};

use super::immutability::Database;
use super::{append, event};

meguri_test_logs::on_both_backends![
    an_empty_log_is_refused_beside_the_vault_of_one_that_was_not,
    another_log_is_refused_beside_the_vault_of_one,
    a_vault_knows_its_log_though_everything_of_the_first_event_is_redacted,
    a_log_without_events_opens_again_and_again,
    a_log_that_has_lost_a_table_is_refused_and_not_completed,
    a_vault_in_the_database_of_its_log_is_refused_however_it_is_spelled,
];

async fn append_to(log: &Log) {
    let event = event("exchange-1", "ExchangeOpened");
    log.append(append([event])).await.unwrap();
}

/// The log of one beside the vault and the key of another.
fn mixed(log: &Home, vault: &Home) -> LogOptions {
    let [of_log, mut options] = [log, vault].map(|home| home.options(Arc::new(SystemClock)));
    options.location = match (of_log.location, options.location) {
        (Location::Sqlite { log, .. }, Location::Sqlite { vault, .. }) => {
            Location::Sqlite { log, vault }
        }
        (Location::Postgres { log, .. }, Location::Postgres { vault, .. }) => {
            Location::Postgres { log, vault }
        }
        other => panic!("{other:?}"),
    };
    options
}

async fn an_empty_log_is_refused_beside_the_vault_of_one_that_was_not(backend: Backend) {
    let (home, empty) = (Home::new(backend), Home::new(backend));
    let log = home.open().await;
    append_to(&log).await;
    // As it is when the process is killed: nothing is written at the end.
    drop(log);
    let opened = Log::open(&mixed(&empty, &home)).await;
    assert!(matches!(opened, Err(OpenError::Emptied)), "{opened:?}");
    let log = home.open().await;
    assert_eq!(log.head().await.unwrap().position, Position::new(1));
}

async fn another_log_is_refused_beside_the_vault_of_one(backend: Backend) {
    let (home, other) = (Home::new(backend), Home::new(backend));
    for home in [&home, &other] {
        let log = home.open().await;
        append_to(&log).await;
        log.close().await;
    }
    let opened = Log::open(&mixed(&other, &home)).await;
    assert!(matches!(opened, Err(OpenError::OtherLog)), "{opened:?}");
    for home in [&home, &other] {
        home.open().await.close().await;
    }
}

async fn a_vault_knows_its_log_though_everything_of_the_first_event_is_redacted(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    append_to(&log).await;
    log.empty_event(Position::new(1)).await.unwrap();
    log.close().await;
    home.open().await.close().await;
}

async fn a_log_that_has_lost_a_table_is_refused_and_not_completed(backend: Backend) {
    let home = Home::new(backend);
    home.open().await.close().await;
    for table in Database::of(&home).await.tables().await {
        let home = Home::new(backend);
        home.open().await.close().await;
        let lost = Database::of(&home).await;
        lost.run(&format!("drop table {table}")).await.unwrap();
        for _ in 0..2 {
            let refused = Log::open(&home.options(Arc::new(SystemClock))).await;
            let said = refused.unwrap_err().to_string();
            let gone = format!("the log is damaged: its table {table} is gone");
            assert!(said.starts_with(&gone), "{said}");
        }
    }
}

async fn a_log_without_events_opens_again_and_again(backend: Backend) {
    let home = Home::new(backend);
    for _ in 0..3 {
        home.open().await.close().await;
    }
    let log = home.open().await;
    append_to(&log).await;
    log.close().await;
    home.open().await.close().await;
}

async fn a_vault_in_the_database_of_its_log_is_refused_however_it_is_spelled(backend: Backend) {
    let home = Home::new(backend);
    let options = home.options(Arc::new(SystemClock));
    let spelled: Vec<Location> = match &options.location {
        Location::Sqlite { log, .. } => {
            let link = home.folder().join("link.db");
            std::os::unix::fs::symlink("log.db", &link).unwrap();
            let around = home
                .folder()
                .join("../")
                .join(home.folder().file_name().unwrap());
            let vaults = [log.clone(), link, around.join("log.db")];
            let location = |vault| Location::Sqlite {
                log: log.clone(),
                vault,
            };
            vaults.map(location).into()
        }
        Location::Postgres { log, .. } => {
            assert!(log.contains("@127.0.0.1:"), "{log}");
            let vaults = [
                log.clone(),
                format!("{log}?application_name=v"),
                log.replacen("@127.0.0.1:", "@localhost:", 1),
                log.replacen("postgres://", "postgresql://", 1),
                format!("{log}?options=-c%20search_path%3Dpg_temp"),
            ];
            let location = |vault| Location::Postgres {
                log: log.clone(),
                vault,
            };
            vaults.map(location).into()
        }
    };
    for location in spelled {
        let options = LogOptions {
            location,
            ..options.clone()
        };
        let opened = Log::open(&options).await;
        assert!(
            matches!(opened, Err(OpenError::VaultInLog)),
            "{:?}",
            options.location
        );
        if let Location::Sqlite { log, .. } = options.location {
            assert!(!log.exists(), "something was made");
        }
    }
}
