//! Destroying keys, emptying what they sealed, and wrapping the others anew.

use std::sync::Arc;

use meguri_log::{
    AppendError, Filter, Kek, KekError, Log, OpenError, Position, SectionContent, StreamRange,
    SystemClock, Timestamp, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, immutability::Database, sealed};

on_both_backends!(
    a_destroyed_key_is_gone_for_every_process_that_forgets_it,
    nothing_is_sealed_under_a_destroyed_key_and_a_new_one_opens_what_comes_after,
    a_key_that_was_never_made_can_be_destroyed,
    sealed_bytes_are_emptied_where_all_keys_of_an_event_are_destroyed,
    what_another_process_has_emptied_is_erased_for_one_that_has_its_key,
    all_keys_open_after_a_rotation_in_every_process,
    keys_that_are_made_while_all_are_wrapped_anew_open_afterwards,
    a_rotation_that_was_cut_off_is_finished_at_the_next_start,
    several_processes_rotate_once_for_one_erasure,
    a_backup_of_the_vault_from_before_a_rotation_does_not_open,
    a_key_that_was_given_is_rotated_to_the_next_one_and_the_operator_destroys_it,
);

const MESSAGE: (&str, &str) = ("member-1", "message");

async fn say(log: &Log, subject: &str, words: &str) {
    let said = sealed(event("a-1", "Said"), subject, words);
    log.append(append([said])).await.unwrap();
}

/// What the first section of every event holds; none where it is erased.
async fn words(log: &Log) -> Vec<Option<String>> {
    let block = log
        .read_all(Position::ZERO, &Filter::default(), 1_000)
        .await;
    let events = block.unwrap().events;
    let opened = log.open_events(&events).await.unwrap();
    let first = opened.map(
        |opened| match &opened.unwrap().unwrap().sections[0].content {
            SectionContent::Plain(words) => Some(String::from_utf8(words.clone()).unwrap()),
            SectionContent::Erased => None,
        },
    );
    first.collect()
}

fn known(words: &[Option<&str>]) -> Vec<Option<String>> {
    words.iter().map(|words| words.map(str::to_owned)).collect()
}

async fn a_destroyed_key_is_gone_for_every_process_that_forgets_it(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    say(&log, "member-1", "one").await;
    say(&log, "member-2", "two").await;
    assert_eq!(words(&other).await, known(&[Some("one"), Some("two")]));
    for _ in 0..2 {
        let destroyed = log.vault().destroy_keys(MESSAGE.0, MESSAGE.1, 1).await;
        destroyed.unwrap();
        assert_eq!(words(&log).await, known(&[None, Some("two")]));
    }
    other.vault().forget_keys(MESSAGE.0, MESSAGE.1, 1);
    for log in [&other, &home.open().await] {
        assert_eq!(words(log).await, known(&[None, Some("two")]));
    }
}

async fn nothing_is_sealed_under_a_destroyed_key_and_a_new_one_opens_what_comes_after(
    backend: Backend,
) {
    let home = Home::new(backend);
    let log = home.open().await;
    say(&log, "member-1", "before").await;
    let vault = log.vault();
    vault.destroy_keys(MESSAGE.0, MESSAGE.1, 1).await.unwrap();
    let said = sealed(event("a-1", "Said"), "member-1", "never");
    let refused = log.append(append([said])).await;
    assert!(
        matches!(refused, Err(AppendError::Erased { .. })),
        "{refused:?}"
    );
    for _ in 0..2 {
        vault.renew_key(MESSAGE.0, MESSAGE.1).await.unwrap();
    }
    say(&log, "member-1", "after").await;
    for log in [&log, &home.open().await] {
        assert_eq!(words(log).await, known(&[None, Some("after")]));
        let numbers = log.vault().key_numbers("member-1").await.unwrap();
        assert_eq!(numbers, [("message".to_owned(), 2)]);
    }
}

async fn a_key_that_was_never_made_can_be_destroyed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let vault = log.vault();
    vault.destroy_keys(MESSAGE.0, MESSAGE.1, 1).await.unwrap();
    let said = sealed(event("a-1", "Said"), "member-1", "never");
    assert!(home.open().await.append(append([said])).await.is_err());
}

async fn sealed_bytes_are_emptied_where_all_keys_of_an_event_are_destroyed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    say(&log, "member-1", "one").await;
    let both = sealed(event("a-1", "Said"), "member-1", "mine");
    let mut both = sealed(both, "member-2", "yours");
    both.sealed[1].section = "about".into();
    log.append(append([both])).await.unwrap();
    say(&log, "member-10", "other").await;
    let root = log.frontier_at(Position::new(3)).await.unwrap().root();
    let vault = log.vault();
    assert_eq!(
        log.empty_erased("member-1").await.unwrap(),
        0,
        "no key is destroyed"
    );
    vault.destroy_keys("member-1", "message", 1).await.unwrap();
    assert_eq!(log.empty_erased("member-1").await.unwrap(), 1);
    assert_eq!(log.empty_erased("member-1").await.unwrap(), 0, "it is done");
    assert_eq!(words(&log).await, known(&[None, None, Some("other")]));
    vault.destroy_keys("member-2", "message", 1).await.unwrap();
    assert_eq!(
        log.empty_erased("member-2").await.unwrap(),
        1,
        "nobody's is left in it"
    );
    let block = log
        .read_all(Position::ZERO, &Filter::default(), 10)
        .await
        .unwrap();
    let lengths: Vec<_> = block
        .events
        .iter()
        .map(|it| it.sealed_bytes().len())
        .collect();
    assert_eq!((lengths[0], lengths[1]), (0, 0));
    assert!(lengths[2] > 0 && block.events.iter().all(|it| it.header_text().is_some()));
    assert_eq!(
        log.frontier_at(Position::new(3)).await.unwrap().root(),
        root
    );
}

async fn what_another_process_has_emptied_is_erased_for_one_that_has_its_key(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    say(&log, "member-1", "one").await;
    say(&log, "member-2", "two").await;
    assert_eq!(words(&other).await, known(&[Some("one"), Some("two")]));
    let vault = log.vault();
    vault.destroy_keys("member-1", "message", 1).await.unwrap();
    assert_eq!(log.empty_erased("member-1").await.unwrap(), 1);
    let range = StreamRange::forward_from(Version::ZERO);
    let events = other.read_stream(&"a-1".parse().unwrap(), range).await;
    let event = &events.unwrap()[0];
    let section = event.header().unwrap().unwrap().sealed[0]
        .section
        .to_owned();
    let shown = other.show_section(event, &section).await;
    assert!(shown.unwrap().is_none());
    assert_eq!(words(&other).await, known(&[None, Some("two")]));
}

async fn all_keys_open_after_a_rotation_in_every_process(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    let file = home.folder().join("vault.kek");
    let before = std::fs::read(&file).unwrap();
    let people: Vec<String> = (0..1_100)
        .map(|number| format!("member-{number}"))
        .collect();
    let events = people
        .iter()
        .map(|subject| sealed(event("a-1", "Said"), subject, subject));
    for chunk in events.collect::<Vec<_>>().chunks(100) {
        log.append(append(chunk.to_vec())).await.unwrap();
    }
    let claim = log.vault().pepper_hmac("mail", "a@example.jp");
    let rotated = log.vault().rotate(None).await.unwrap();
    assert_eq!((rotated.epoch, rotated.keys), (2, 1_100));
    assert!(rotated.old_key_destroyed);
    assert_ne!(std::fs::read(&file).unwrap(), before);
    // One knew the old key, the other starts with the new one.
    for log in [&other, &home.open().await] {
        let block = log
            .read_all(Position::ZERO, &Filter::default(), 2_000)
            .await
            .unwrap();
        let opened = log.open_events(&block.events).await.unwrap();
        for (opened, subject) in opened.zip(&people) {
            let sections = opened.unwrap().unwrap().sections;
            assert_eq!(
                sections[0].content,
                SectionContent::Plain(subject.as_bytes().into())
            );
        }
        assert_eq!(log.vault().pepper_hmac("mail", "a@example.jp"), claim);
        say(log, "member-new", "hello").await;
    }
}

async fn keys_that_are_made_while_all_are_wrapped_anew_open_afterwards(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    let rotations = async {
        for _ in 0..5 {
            log.vault().rotate(None).await.unwrap();
            other.vault().rotate(None).await.unwrap();
        }
    };
    let sayings = async {
        for number in 0..60 {
            let by = if number % 2 == 0 { &log } else { &other };
            let said = sealed(event("a-1", "Said"), &format!("member-{number}"), "{}");
            // While one is being rotated right away again, a try may fail, and tells so.
            while by.append(append([said.clone()])).await.is_err() {}
        }
    };
    tokio::join!(rotations, sayings);
    let words = words(&home.open().await).await;
    assert_eq!(words, vec![Some("{}".to_owned()); 60]);
}

async fn a_rotation_that_was_cut_off_is_finished_at_the_next_start(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    say(&log, "member-1", "one").await;
    let file = home.folder().join("vault.kek");
    let beside = home.folder().join("vault.kek.next");
    let old = std::fs::read(&file).unwrap();
    // Cut off before anything was wrapped: what waits beside is of no use.
    let other = Home::new(backend);
    other.open().await;
    std::fs::copy(other.folder().join("vault.kek"), &beside).unwrap();
    assert_eq!(words(&home.open().await).await, known(&[Some("one")]));
    assert_eq!(std::fs::read(&file).unwrap(), old);
    // Cut off after everything was wrapped: it takes the place of the old one.
    log.vault().rotate(None).await.unwrap();
    std::fs::rename(&file, &beside).unwrap();
    std::fs::write(&file, &old).unwrap();
    assert_eq!(words(&home.open().await).await, known(&[Some("one")]));
    assert!(!beside.exists() && std::fs::read(&file).unwrap() != old);
}

async fn several_processes_rotate_once_for_one_erasure(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    say(&log, "member-1", "one").await;
    let now = log.clock().now();
    assert_eq!(
        log.vault().rotate_if_due(now).await.unwrap(),
        None,
        "nothing is erased"
    );
    log.vault()
        .destroy_keys(MESSAGE.0, MESSAGE.1, 1)
        .await
        .unwrap();
    let unfinished = other
        .vault()
        .unfinished(Some("member-1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((unfinished.keys, unfinished.awaits_operator), (1, false));
    let early = Timestamp::from_micros(unfinished.since.micros() - 1);
    assert_eq!(
        log.vault().rotate_if_due(early).await.unwrap(),
        None,
        "not yet"
    );
    let due = unfinished.since;
    let (one, two) = tokio::join!(
        log.vault().rotate_if_due(due),
        other.vault().rotate_if_due(due)
    );
    let done = [one.unwrap(), two.unwrap()].into_iter().flatten();
    assert_eq!(done.map(|done| done.epoch).collect::<Vec<_>>(), [2]);
    for vault in [log.vault(), other.vault()] {
        assert_eq!(vault.unfinished(None).await.unwrap(), None);
    }
}

async fn a_backup_of_the_vault_from_before_a_rotation_does_not_open(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    say(&log, "member-1", "one").await;
    let database = Database::of_vault(&home).await;
    database
        .run("create table backup as select * from vault_meta")
        .await
        .unwrap();
    log.vault().rotate(None).await.unwrap();
    log.close().await;
    database.run("delete from vault_meta").await.unwrap();
    database
        .run("insert into vault_meta select * from backup")
        .await
        .unwrap();
    let refused = Log::open(&home.options(Arc::new(SystemClock)))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, OpenError::Vault(KekError::Foreign)),
        "{refused}"
    );
}

async fn a_key_that_was_given_is_rotated_to_the_next_one_and_the_operator_destroys_it(
    backend: Backend,
) {
    let home = Home::new(backend);
    let key = |text: &str| Kek::parse(text).unwrap();
    let first = key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let second = key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHhA=");
    let mut options = home.options(Arc::new(SystemClock));
    options.kek = first.clone();
    let log = Log::open(&options).await.unwrap();
    say(&log, "member-1", "one").await;
    say(&log, "member-2", "two").await;
    let vault = log.vault();
    vault.destroy_keys(MESSAGE.0, MESSAGE.1, 1).await.unwrap();
    assert_eq!(vault.rotate_if_due(log.clock().now()).await.unwrap(), None);
    assert!(matches!(
        vault.rotate(None).await,
        Err(KekError::NextMissing)
    ));
    assert!(matches!(
        vault.rotate(Some(&first)).await,
        Err(KekError::Same)
    ));
    assert!(!vault.rotate(Some(&second)).await.unwrap().old_key_destroyed);
    assert_eq!(words(&log).await, known(&[None, Some("two")]));
    assert!(matches!(
        Log::open(&options).await,
        Err(OpenError::Vault(KekError::Foreign))
    ));
    options.kek = second;
    let log = Log::open(&options).await.unwrap();
    assert_eq!(words(&log).await, known(&[None, Some("two")]));
    let unfinished = log.vault().unfinished(None).await.unwrap().unwrap();
    assert!(unfinished.awaits_operator);
    log.vault().confirm_old_key_destroyed().await.unwrap();
    assert_eq!(log.vault().unfinished(None).await.unwrap(), None);
    // Not asked of who has the key in a file.
    let home = Home::new(backend);
    let log = home.open().await;
    let refused = log.vault().rotate(Some(&first)).await;
    assert!(matches!(refused, Err(KekError::IsInAFile(_))));
}
