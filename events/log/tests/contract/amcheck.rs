//! The check of indexes that PostgreSQL has, its extension `amcheck`: where it is installed, an
//! index that does not say what its table says is found at start and by the audit.

use meguri_log::{FindingKind, OpenError};
use meguri_test_logs::{Backend, Home};

use super::{append, audit::audit, event, immutability::Database};

/// What makes an index unaware of the rows that are written meanwhile, as a damaged one is.
fn ready(index: &str, ready: bool) -> String {
    format!("update pg_index set indisready = {ready} where indexrelid = '{index}'::regclass")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_misses_rows_is_found_where_the_extension_is_installed() {
    // One that is looked at by nothing else than this check.
    let index = "identities_by_type";
    for installed in [false, true] {
        let home = Home::new(Backend::Postgres);
        home.open().await.close().await;
        let database = Database::of(&home).await;
        if installed {
            database.run("create extension amcheck").await.unwrap();
        }
        database
            .run(&format!("create index {index} on events (type)"))
            .await
            .unwrap();
        let log = home.open().await;
        log.check_integrity().await.unwrap();
        assert_eq!(audit(&home, &log).await.1, []);
        log.close().await;
        database.run(&ready(index, false)).await.unwrap();
        let log = home.open().await;
        log.append(append([event("a-1", "Made")])).await.unwrap();
        log.close().await;
        database.run(&ready(index, true)).await.unwrap();

        let log = home.open().await;
        let checked = log.check_integrity().await;
        let (_, findings) = audit(&home, &log).await;
        if installed {
            let Err(OpenError::Damaged { .. }) = &checked else {
                panic!("{checked:?}");
            };
            let said = checked.unwrap_err().to_string();
            assert!(said.contains(index), "{said}");
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].kind, FindingKind::Integrity);
            assert!(findings[0].reason.contains(index), "{findings:?}");
            let reindexed = database.run(&format!("reindex index {index}")).await;
            reindexed.unwrap();
        }
        log.check_integrity().await.unwrap();
        assert_eq!(audit(&home, &log).await.1, []);
        log.close().await;
    }
}
