//! The vault: its key-encryption key, passwords, tokens, names for claims.

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use futures::future::join_all;
use meguri_log::{Kek, KekError, Location, Log, OpenError, SystemClock};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, immutability::Database, sealed};

on_both_backends!(
    the_key_file_is_made_for_its_owner_alone,
    a_log_with_events_does_not_open_without_its_key,
    a_foreign_key_is_refused,
    tokens_are_known_until_they_are_revoked,
    passwords_are_replaced,
    who_is_locked_out_has_neither_token_nor_password,
    a_claims_name_is_the_same_for_the_same_value_only,
    first_keys_of_many_people_are_made_at_once,
    a_vault_that_has_lost_a_table_is_not_completed,
);

/// What its keys have sealed would be read as erased.
async fn a_vault_that_has_lost_a_table_is_not_completed(backend: Backend) {
    for table in ["vault_keys", "vault_passwords", "vault_tokens"] {
        let home = Home::new(backend);
        home.open().await.close().await;
        let lost = Database::of_vault(&home).await;
        lost.run(&format!("drop table {table}")).await.unwrap();
        for _ in 0..2 {
            let refused = Log::open(&home.options(Arc::new(SystemClock))).await;
            let said = refused.unwrap_err().to_string();
            assert!(said.contains(&format!("{table} is gone")), "{said}");
        }
    }
}

async fn the_key_file_is_made_for_its_owner_alone(backend: Backend) {
    let home = Home::new(backend);
    home.open().await;
    let path = home.folder().join("vault.kek");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim().len(), 44, "32 bytes in base64");
    let mut options = home.options(Arc::new(SystemClock));
    options.kek = Kek::parse(&text).unwrap();
    Log::open(&options)
        .await
        .expect("the same key from the environment");
}

async fn a_log_with_events_does_not_open_without_its_key(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("a-1", "Made")])).await.unwrap();
    log.close().await;
    let path = home.folder().join("vault.kek");
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let refused = Log::open(&home.options(Arc::new(SystemClock)))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, OpenError::Vault(KekError::Missing(_))),
        "{refused}"
    );
    assert!(!path.exists(), "no new key is made for an old log");
    std::fs::write(&path, kept).unwrap();
    home.open().await;
}

async fn a_foreign_key_is_refused(backend: Backend) {
    let home = Home::new(backend);
    home.open().await;
    let mut options = home.options(Arc::new(SystemClock));
    options.kek = Kek::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let refused = Log::open(&options).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::Vault(KekError::Foreign)),
        "{refused}"
    );
    for malformed in ["", "AAAA", "not base64 at all"] {
        assert!(matches!(Kek::parse(malformed), Err(KekError::Malformed)));
    }
    if let Location::Postgres { log, vault } = &mut options.location {
        vault.clone_from(log);
    } else if let Location::Sqlite { log, vault } = &mut options.location {
        vault.clone_from(log);
    }
    assert!(matches!(
        Log::open(&options).await,
        Err(OpenError::VaultInLog)
    ));
}

async fn tokens_are_known_until_they_are_revoked(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let token = log.vault().issue_token("member-1", "member").await.unwrap();
    let other = home.open().await;
    for log in [&log, &other] {
        let holder = log.vault().token_holder(&token).await.unwrap().unwrap();
        assert_eq!(
            (holder.subject.as_str(), holder.role.as_str()),
            ("member-1", "member")
        );
    }
    assert_eq!(
        log.vault().token_holder("something else").await.unwrap(),
        None
    );
    other.vault().revoke_token(&token).await.unwrap();
    assert_eq!(log.vault().token_holder(&token).await.unwrap(), None);
}

async fn passwords_are_replaced(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    assert_eq!(log.vault().password_hash("member-1").await.unwrap(), None);
    for phc in ["$argon2id$first", "$argon2id$second"] {
        log.vault()
            .set_password_hash("member-1", phc)
            .await
            .unwrap();
        let stored = log.vault().password_hash("member-1").await.unwrap();
        assert_eq!(stored.as_deref(), Some(phc));
    }
}

async fn who_is_locked_out_has_neither_token_nor_password(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let vault = log.vault();
    let mut tokens = Vec::new();
    for subject in ["member-1", "member-1", "member-2"] {
        vault
            .set_password_hash(subject, "$argon2id$")
            .await
            .unwrap();
        tokens.push(vault.issue_token(subject, "member").await.unwrap());
    }
    // Done again it changes nothing.
    vault.lock_out("member-1").await.unwrap();
    vault.lock_out("member-1").await.unwrap();
    for (token, known) in tokens.iter().zip([false, false, true]) {
        assert_eq!(vault.token_holder(token).await.unwrap().is_some(), known);
    }
    assert_eq!(vault.password_hash("member-1").await.unwrap(), None);
    assert!(vault.password_hash("member-2").await.unwrap().is_some());
}

async fn a_claims_name_is_the_same_for_the_same_value_only(backend: Backend) {
    let home = Home::new(backend);
    let (log, again) = (home.open().await, home.open().await);
    let name = log.vault().pepper_hmac("user_name", "hanako");
    assert_eq!(again.vault().pepper_hmac("user_name", "hanako"), name);
    assert_ne!(log.vault().pepper_hmac("mail", "hanako"), name);
    assert_ne!(log.vault().pepper_hmac("user_name", "hanaco"), name);
    let elsewhere_home = Home::new(backend);
    let elsewhere = elsewhere_home.open().await;
    assert_ne!(elsewhere.vault().pepper_hmac("user_name", "hanako"), name);
}

async fn first_keys_of_many_people_are_made_at_once(backend: Backend) {
    let home = Home::new(backend);
    let logs = [home.open().await, home.open().await];
    let appends = (0..200).map(|number| {
        let subject = format!("member-{}", number / 2);
        let event = sealed(event("a-1", "Thanked"), &subject, "{}");
        logs[number % 2].append(append([event]))
    });
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let log = home.open().await;
    let everything = meguri_log::Filter::default();
    let read = log
        .read_all(meguri_log::Position::ZERO, &everything, 1_000)
        .await
        .unwrap();
    // Both processes seal with the same key, so whoever reads finds it.
    let opened = log.open_events(&read.events).await.unwrap();
    assert_eq!(opened.len(), 200);
    for opened in opened {
        let sections = opened.unwrap().unwrap().sections;
        let plain = meguri_log::SectionContent::Plain("{}".into());
        assert_eq!(sections[0].content, plain);
    }
}
