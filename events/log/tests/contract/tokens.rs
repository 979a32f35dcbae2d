//! Access tokens: how long they last, what their owner sees of them, and how they end.

use std::{sync::Arc, time::Duration};

use meguri_log::{
    Clock as _, Log, ManualClock, StoredToken, SystemClock, TOKEN_LIFETIME, TokenId, Vault,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::immutability::Database;

on_both_backends!(
    a_token_is_refused_from_its_end_on,
    expired_tokens_leave_the_database,
    tokens_of_an_earlier_release_end_a_lifetime_after_the_upgrade,
    a_release_that_knows_no_end_may_write_beside_this_one,
    when_a_token_was_used_is_noted_once_an_hour,
    an_owner_lists_and_revokes_own_tokens_alone,
    of_too_many_tokens_the_one_unused_for_longest_makes_way,
    all_tokens_of_one_subject_are_revoked_at_once,
    which_of_many_tokens_are_valid_is_asked_at_once,
    places_are_remembered_a_few_for_each_person,
);

const HOUR: i64 = 3_600;

async fn opened(home: &Home) -> (Log, ManualClock) {
    let clock = ManualClock::new(SystemClock.now());
    (home.open_with(Arc::new(clock.clone())).await, clock)
}

async fn is_valid(vault: &Vault, token: &str) -> bool {
    vault.token_holder(token).await.unwrap().is_some()
}

async fn a_token_is_refused_from_its_end_on(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    let usual = log.vault().issue_token("member-1", "member").await.unwrap();
    let hour = Duration::from_hours(1);
    let short = log.vault().issue_token_for("member-1", "member", hour);
    let short = short.await.unwrap();
    clock.advance_seconds(HOUR - 1);
    assert!(is_valid(log.vault(), &short).await);
    clock.advance_seconds(1);
    assert!(!is_valid(log.vault(), &short).await);
    let listed = log.vault().tokens_of("member-1").await.unwrap();
    let ids: Vec<TokenId> = listed.iter().map(|token| token.id).collect();
    assert_eq!(ids, [TokenId::of(&usual)], "an expired one is not listed");
    let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap();
    assert_eq!(
        listed[0].expires_at,
        listed[0].issued_at.plus_seconds(lifetime)
    );
    clock.advance_seconds(lifetime - HOUR);
    assert!(!is_valid(log.vault(), &usual).await);
}

async fn expired_tokens_leave_the_database(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    for number in 0..5 {
        let subject = format!("member-{number}");
        log.vault().issue_token(&subject, "member").await.unwrap();
    }
    clock.advance_seconds(i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap());
    log.vault().issue_token("member-9", "member").await.unwrap();
    let deleted = Database::of_vault(&home).await;
    let deleted = deleted.run("delete from vault_tokens").await.unwrap();
    assert_eq!(deleted, 1, "the new one alone was still there");
}

async fn tokens_of_an_earlier_release_end_a_lifetime_after_the_upgrade(backend: Backend) {
    let home = Home::new(backend);
    let (log, _) = opened(&home).await;
    let token = log.vault().issue_token("member-1", "member").await.unwrap();
    log.close().await;
    let database = Database::of_vault(&home).await;
    for statement in [
        "drop index vault_tokens_by_expiry",
        "drop index vault_tokens_by_subject",
        "alter table vault_tokens drop column expires_at",
        "alter table vault_tokens drop column used_at",
        "drop table vault_places",
        "update vault_tokens set issued_at = 0",
    ] {
        database.run(statement).await.unwrap();
    }
    // Two processes of the new release start at once.
    let (first, second) = futures::future::join(opened(&home), opened(&home)).await;
    for (log, clock) in [first, second] {
        assert!(is_valid(log.vault(), &token).await);
        let listed = log.vault().tokens_of("member-1").await.unwrap();
        let days = (listed[0].expires_at.micros() - clock.now().micros()) / (24 * 3_600_000_000);
        assert!((89..=90).contains(&days), "{days}");
        clock.advance_seconds(91 * 24 * HOUR);
        assert!(!is_valid(log.vault(), &token).await);
    }
}

async fn a_release_that_knows_no_end_may_write_beside_this_one(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    let token = log.vault().issue_token("member-1", "member").await.unwrap();
    let database = Database::of_vault(&home).await;
    let as_it_writes = "update vault_tokens set expires_at = null, used_at = null";
    database.run(as_it_writes).await.unwrap();
    assert!(is_valid(log.vault(), &token).await);
    assert_eq!(log.vault().tokens_of("member-1").await.unwrap().len(), 1);
    let valid = log.vault().valid_tokens(&[TokenId::of(&token)]).await;
    assert_eq!(valid.unwrap().len(), 1);
    // The next token that is issued gives that one an end, too.
    log.vault().issue_token("member-2", "member").await.unwrap();
    clock.advance_seconds(91 * 24 * HOUR);
    assert!(!is_valid(log.vault(), &token).await);
}

/// Uses the token until the use is noted; answers what is.
async fn used(vault: &Vault, token: &str, wanted: impl Fn(&StoredToken) -> bool) -> StoredToken {
    for _ in 0..500 {
        assert!(is_valid(vault, token).await);
        let noted = vault.tokens_of("member-1").await.unwrap().remove(0);
        if wanted(&noted) {
            return noted;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the use is never noted");
}

async fn when_a_token_was_used_is_noted_once_an_hour(backend: Backend) {
    let home = Home::new(backend);
    let clock = ManualClock::new("2026-11-21T07:10:00Z".parse().unwrap());
    let log = home.open_with(Arc::new(clock.clone())).await;
    let token = log.vault().issue_token("member-1", "member").await.unwrap();
    assert_eq!(
        log.vault().tokens_of("member-1").await.unwrap()[0].used_at,
        None
    );
    let noted = used(log.vault(), &token, |it| it.used_at.is_some()).await;
    let seven = "2026-11-21T07:00:00Z".parse().unwrap();
    assert_eq!(noted.used_at, Some(seven));
    // Whatever happens in the same hour writes nothing more.
    let database = Database::of_vault(&home).await;
    let marked = "update vault_tokens set issued_at = 7 where used_at is not null";
    assert_eq!(database.run(marked).await.unwrap(), 1);
    clock.advance_seconds(49 * 60);
    assert!(is_valid(log.vault(), &token).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        log.vault().tokens_of("member-1").await.unwrap()[0].used_at,
        Some(seven)
    );
    clock.advance_seconds(60);
    let noted = used(log.vault(), &token, |it| it.used_at != Some(seven)).await;
    assert_eq!(noted.used_at, Some(seven.plus_seconds(HOUR)));
}

async fn an_owner_lists_and_revokes_own_tokens_alone(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    let vault = log.vault();
    let mut tokens = Vec::new();
    for (subject, role) in [
        ("member-1", "member"),
        ("member-1", "member"),
        ("operator-yuki", "operator"),
    ] {
        tokens.push(vault.issue_token(subject, role).await.unwrap());
        clock.advance_seconds(1);
    }
    let listed = vault.tokens_of("member-1").await.unwrap();
    let ids: Vec<TokenId> = listed.iter().map(|token| token.id).collect();
    let own = [TokenId::of(&tokens[1]), TokenId::of(&tokens[0])];
    assert_eq!(ids, own, "the newest comes first");
    let operators = vault.tokens_in_role("operator").await.unwrap();
    assert_eq!(operators.len(), 1);
    let (others, own) = (operators[0].id.to_string(), own[1].to_string());
    for none in [others.as_str(), "", "zz", &own[..31], &format!("{own}00")] {
        let revoked = vault.revoke_token_shown_as("member-1", none).await;
        assert!(!revoked.unwrap(), "{none}");
    }
    assert!(vault.revoke_token_shown_as("member-1", &own).await.unwrap());
    assert!(!vault.revoke_token_shown_as("member-1", &own).await.unwrap());
    for (token, valid) in tokens.iter().zip([false, true, true]) {
        assert_eq!(is_valid(vault, token).await, valid);
    }
    assert!(!listed.iter().any(|it| tokens.contains(&it.id.to_string())));
}

async fn of_too_many_tokens_the_one_unused_for_longest_makes_way(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    let vault = log.vault();
    let first = vault.issue_token("member-1", "member").await.unwrap();
    clock.advance_seconds(1);
    let second = vault.issue_token("member-1", "member").await.unwrap();
    let others = vault.issue_token("member-2", "member").await.unwrap();
    clock.advance_seconds(2 * HOUR);
    for _ in 0..500 {
        assert!(is_valid(vault, &first).await);
        let listed = vault.tokens_of("member-1").await.unwrap();
        if listed.iter().any(|token| token.used_at.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 2..=meguri_log::limits::TOKENS_OF_A_SUBJECT_MAX {
        clock.advance_seconds(HOUR);
        vault.issue_token("member-1", "member").await.unwrap();
    }
    assert!(
        is_valid(vault, &first).await,
        "it was used later than the second"
    );
    assert!(!is_valid(vault, &second).await);
    assert!(is_valid(vault, &others).await);
}

async fn all_tokens_of_one_subject_are_revoked_at_once(backend: Backend) {
    let home = Home::new(backend);
    let (log, _) = opened(&home).await;
    let vault = log.vault();
    let mut revocations = vault.watch_revocations();
    let mut tokens = Vec::new();
    for subject in ["operator-yuki", "operator-yuki", "operator-yuki2"] {
        tokens.push(vault.issue_token(subject, "operator").await.unwrap());
    }
    assert!(!revocations.has_changed().unwrap());
    assert_eq!(vault.revoke_tokens_of("operator-yuki").await.unwrap(), 2);
    assert!(revocations.has_changed().unwrap());
    revocations.mark_unchanged();
    for (token, valid) in tokens.iter().zip([false, false, true]) {
        assert_eq!(is_valid(vault, token).await, valid);
    }
    vault.lock_out("operator-yuki2").await.unwrap();
    assert!(revocations.has_changed().unwrap());
}

async fn which_of_many_tokens_are_valid_is_asked_at_once(backend: Backend) {
    let home = Home::new(backend);
    let (log, _) = opened(&home).await;
    let token = log.vault().issue_token("member-1", "member").await.unwrap();
    let mut ids: Vec<TokenId> = (0..2_000).map(|n| TokenId::of(&n.to_string())).collect();
    ids.push(TokenId::of(&token));
    let valid = log.vault().valid_tokens(&ids).await.unwrap();
    assert_eq!(valid.into_iter().collect::<Vec<_>>(), [TokenId::of(&token)]);
    assert!(log.vault().valid_tokens(&[]).await.unwrap().is_empty());
}

async fn places_are_remembered_a_few_for_each_person(backend: Backend) {
    let home = Home::new(backend);
    let (log, clock) = opened(&home).await;
    let vault = log.vault();
    let knows = async |subject, place| vault.knows_place(subject, &[place; 32]).await.unwrap();
    for place in 0..8 {
        vault.note_place("member-1", &[place; 32]).await.unwrap();
        clock.advance_seconds(1);
    }
    vault.note_place("member-1", &[0; 32]).await.unwrap();
    vault.note_place("member-2", &[9; 32]).await.unwrap();
    clock.advance_seconds(1);
    vault.note_place("member-1", &[8; 32]).await.unwrap();
    assert!(knows("member-1", 0).await, "it was seen again");
    assert!(
        !knows("member-1", 1).await,
        "the one seen longest ago makes way"
    );
    assert!(knows("member-1", 8).await && knows("member-2", 9).await);
    assert!(!knows("member-1", 9).await);
    vault.lock_out("member-1").await.unwrap();
    assert!(!knows("member-1", 8).await && knows("member-2", 9).await);
}
