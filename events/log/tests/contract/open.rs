//! Opening what is sealed: event by event, so that what is damaged of one hides no other.

use futures::future::join_all;
use meguri_log::{
    Filter, Log, NewEvent, OpenSealError, Position, Recorded, SectionContent, VaultError,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, immutability::Database, read::cut_off_after, sealed};

on_both_backends!(
    events_are_opened_in_their_order_each_with_its_own_key,
    a_damaged_key_fails_only_the_events_that_need_it,
    an_unreadable_header_fails_only_its_own_event,
    what_a_destroyed_key_sealed_is_erased_and_nothing_else,
    a_key_that_the_vault_does_not_know_opens_nothing,
    a_vault_that_cannot_be_asked_fails_all,
    opening_that_is_cut_off_anywhere_harms_no_other,
);

/// Two sections under keys of one person: what they said, and about what.
fn said(subject: &str, words: &str) -> NewEvent {
    let mut said = sealed(event("a-1", "Said"), subject, words);
    said = sealed(said, subject, "{}");
    said.sealed[1].section = "about".into();
    said.sealed[1].class = "contact".into();
    said
}

async fn all(log: &Log) -> Vec<Recorded> {
    let everything = Filter::default();
    let block = log.read_all(Position::ZERO, &everything, 10_000).await;
    block.unwrap().events
}

fn plain(text: &str) -> SectionContent {
    SectionContent::Plain(text.into())
}

/// What the first section of each event holds; none where it was redacted.
async fn first_sections(
    log: &Log,
    events: &[Recorded],
) -> Vec<Result<Option<SectionContent>, OpenSealError>> {
    let opened = log.open_events(events).await.unwrap();
    assert_eq!(opened.len(), events.len());
    let first = opened.map(|opened| Ok(opened?.map(|it| it.sections[0].content.clone())));
    first.collect()
}

async fn events_are_opened_in_their_order_each_with_its_own_key(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    // More keys than one statement reads.
    let appends = (0..1_200).map(|number| {
        let words = format!(r#"{{"n":{number}}}"#);
        log.append(append([said(&format!("member-{}", number % 600), &words)]))
    });
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let reader = home.open().await;
    let events = all(&log).await;
    for log in [&log, &reader, &reader] {
        let mut seen = Vec::new();
        for (opened, event) in log.open_events(&events).await.unwrap().zip(&events) {
            let opened = opened.unwrap().unwrap();
            assert_eq!(opened.header.id, event.header().unwrap().unwrap().id);
            let [words, about] = &opened.sections[..] else {
                panic!("two sections")
            };
            assert_eq!(
                (words.name.as_str(), about.name.as_str()),
                ("words", "about")
            );
            assert_eq!(about.content, plain("{}"));
            let SectionContent::Plain(words) = &words.content else {
                panic!("nothing was erased")
            };
            let words: serde_json::Value = serde_json::from_slice(words).unwrap();
            let number = words["n"].as_u64().unwrap();
            let subject = opened.header.sealed[0].key.split('/').next().unwrap();
            assert_eq!(subject, format!("member-{}", number % 600));
            seen.push(number);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1_200).collect::<Vec<_>>());
    }
}

async fn three_members(home: &Home) -> Vec<Recorded> {
    let log = home.open().await;
    let events = (1..=3).map(|number| said(&format!("member-{number}"), "{}"));
    log.append(append(events.chain([said("member-2", "{}")])))
        .await
        .unwrap();
    all(&log).await
}

async fn a_damaged_key_fails_only_the_events_that_need_it(backend: Backend) {
    let home = Home::new(backend);
    let events = three_members(&home).await;
    let damage = "update vault_keys set wrapped = (select wrapped from vault_keys \
                  where subject = 'member-1' and class = 'message') \
                  where subject = 'member-2' and class = 'message'";
    assert_eq!(Database::of_vault(&home).await.run(damage).await, Ok(1));
    let log = home.open().await;
    let what = "the key member-2/message/1 does not unwrap";
    let damaged = || Err(OpenSealError::Vault(VaultError::Damaged(what.into())));
    let whole = || Ok(Some(plain("{}")));
    // Put right, it opens: a damaged key is not remembered.
    let expected = [whole(), damaged(), whole(), damaged()];
    assert_eq!(first_sections(&log, &events).await, expected);
    assert_eq!(first_sections(&log, &events).await, expected);
    let refused = log.append(append([said("member-2", "{}")])).await;
    assert!(refused.is_err(), "nothing is sealed with a damaged key");
    assert!(log.append(append([said("member-3", "{}")])).await.is_ok());
}

async fn an_unreadable_header_fails_only_its_own_event(backend: Backend) {
    let home = Home::new(backend);
    let before = three_members(&home).await;
    let database = Database::of(&home).await;
    let unguarded = match backend {
        Backend::Sqlite => "drop trigger events_are_never_changed",
        Backend::Postgres => "alter table events disable trigger user",
    };
    database.run(unguarded).await.unwrap();
    // Its front is as it should be, so that it is read, and its end is cut off.
    let header = &before[1].header_text().unwrap()[..200];
    let bytes = match backend {
        Backend::Sqlite => format!("cast('{header}' as blob)"),
        Backend::Postgres => format!("convert_to('{header}', 'UTF8')"),
    };
    let cut = format!("update events set header = {bytes} where position = 2");
    assert_eq!(database.run(&cut).await, Ok(1));
    let redact = "update events set header = null, blind = null, sealed = null where position = 3";
    assert_eq!(database.run(redact).await, Ok(1));
    let log = home.open().await;
    let opened = first_sections(&log, &all(&log).await).await;
    let [first, second, third, fourth] = &opened[..] else {
        panic!("four events")
    };
    assert!(
        matches!(second, Err(OpenSealError::Header(_))),
        "{second:?}"
    );
    assert_eq!(*third, Ok(None));
    for whole in [first, fourth] {
        assert_eq!(*whole, Ok(Some(plain("{}"))));
    }
}

async fn what_a_destroyed_key_sealed_is_erased_and_nothing_else(backend: Backend) {
    let home = Home::new(backend);
    let events = three_members(&home).await;
    let destroy = "update vault_keys set wrapped = null \
                   where subject = 'member-2' and class = 'message'";
    assert_eq!(Database::of_vault(&home).await.run(destroy).await, Ok(1));
    let log = home.open().await;
    for _ in 0..2 {
        let opened = log.open_events(&events).await.unwrap();
        let opened: Vec<_> = opened
            .map(|opened| opened.unwrap().unwrap().sections)
            .collect();
        for (sections, erased) in opened.iter().zip([false, true, false, true]) {
            assert_eq!(sections[0].content == SectionContent::Erased, erased);
            assert_eq!(sections[1].content, plain("{}"));
        }
    }
}

async fn a_key_that_the_vault_does_not_know_opens_nothing(backend: Backend) {
    let home = Home::new(backend);
    let events = three_members(&home).await;
    let database = Database::of_vault(&home).await;
    let gone = "delete from vault_keys where subject = 'member-2' and class = 'message'";
    assert_eq!(database.run(gone).await, Ok(1));
    let log = home.open().await;
    let opened = first_sections(&log, &events).await;
    assert_eq!(opened[1], Ok(Some(SectionContent::Erased)));
    assert_eq!(opened[2], Ok(Some(plain("{}"))));
}

async fn a_vault_that_cannot_be_asked_fails_all(backend: Backend) {
    let home = Home::new(backend);
    let events = three_members(&home).await;
    let log = home.open().await;
    log.close().await;
    let refused = log.open_events(&events).await.err();
    assert!(
        matches!(refused, Some(VaultError::Unavailable(_))),
        "{refused:?}"
    );
}

async fn opening_that_is_cut_off_anywhere_harms_no_other(backend: Backend) {
    let home = Home::new(backend);
    let events = three_members(&home).await;
    for polls in 0..10 {
        // A new process each time, which knows no key yet.
        let log = home.open().await;
        cut_off_after(polls, log.open_events(&events)).await;
        for _ in 0..5 {
            let opened = first_sections(&log, &events).await;
            assert!(
                opened.iter().all(|it| *it == Ok(Some(plain("{}")))),
                "after {polls} polls"
            );
        }
        log.close().await;
    }
}
