//! The demo: believable, the same again for the same seed, and true to every rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indicatif::ProgressBar;
use meguri::command_line::DemoArgs;
use meguri::demo::{self, DemoError, StoryClock, Told};
use meguri_commands::{CommandSettings, Commands, Password};
use meguri_log::{
    Clock, Filter, Log, OpenedEvent, Position, Recorded, SectionContent, SystemClock,
};
use meguri_test_logs::{Backend, Home};
use serde_json::Value;

const SMALL: DemoArgs = DemoArgs {
    members: 30,
    exchanges: 120,
    weeks: 8,
    seed: 7,
    passwords: false,
};

/// What policies and operators do, and what no member of the demo has reason to.
const BY_OTHERS: [&str; 13] = [
    "CompletionReminded",
    "MemberErased",
    "KeysDestroyed",
    "SealedTextOpened",
    "ViewOpened",
    "EventRedacted",
    "VocabularyWordAdded",
    "VocabularyWordRemoved",
    "SynonymsGrouped",
    "SynonymsUngrouped",
    "MemberBlocked",
    "MemberUnblocked",
    "PostMatched",
];

/// So large that every thing that is rare happens too.
const LARGER: DemoArgs = DemoArgs {
    members: 150,
    exchanges: 600,
    weeks: 8,
    seed: 7,
    passwords: false,
};

async fn told_on(backend: Backend, args: &DemoArgs) -> (Home, Log, Told) {
    let home = Home::new(backend);
    let clock = StoryClock::default();
    let log = home.open_with(Arc::new(clock.clone())).await;
    let told = demo::fill(&log, &clock, args, &ProgressBar::hidden())
        .await
        .unwrap();
    (home, log, told)
}

async fn events(log: &Log) -> Vec<Recorded> {
    let (mut all, mut after) = (vec![], Position::ZERO);
    loop {
        let block = log
            .read_all(after, &Filter::default(), 5_000)
            .await
            .unwrap();
        all.extend(block.events);
        if block.up_to == after {
            return all;
        }
        after = block.up_to;
    }
}

/// Of every stream what happened in it, in order, with all words; but no times of day, which
/// depend on how fast the machine is, and no claims, whose names depend on the vault.
async fn sequences(log: &Log) -> BTreeMap<String, Vec<String>> {
    let events = events(log).await;
    let opened = log.open_events(&events).await.unwrap();
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (event, opened) in events.iter().zip(opened) {
        if event.stream().starts_with("claim-") {
            continue;
        }
        let OpenedEvent { header, sections } = opened.unwrap().unwrap();
        let mut data: Value = serde_json::from_str(header.data).unwrap();
        for time in ["reported_at", "open_until"] {
            data.as_object_mut().unwrap().remove(time);
        }
        let words = sections.into_iter().map(|section| match section.content {
            SectionContent::Plain(bytes) => String::from_utf8(bytes).unwrap(),
            SectionContent::Erased => panic!("nothing was erased"),
        });
        let words: Vec<String> = words.collect();
        let line = format!("{} {} {data} {words:?}", event.event_type(), header.actor);
        streams
            .entry(event.stream().to_owned())
            .or_default()
            .push(line);
    }
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_tells_the_same_community_again() {
    let (_first_home, first, told) = told_on(Backend::Sqlite, &SMALL).await;
    let (_again_home, again, told_again) = told_on(Backend::Sqlite, &SMALL).await;
    assert_eq!(told, told_again);
    let (first, again) = (sequences(&first).await, sequences(&again).await);
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        again.keys().collect::<Vec<_>>()
    );
    for (stream, events) in &first {
        assert_eq!(events, &again[stream], "{stream}");
    }
    let other_seed = DemoArgs { seed: 8, ..SMALL };
    let (_other_home, other, _) = told_on(Backend::Sqlite, &other_seed).await;
    let other = sequences(&other).await;
    assert!(first.keys().all(|stream| !other.contains_key(stream)));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_happen_happens_and_lies_in_past_weeks() {
    let (_home, log, told) = told_on(Backend::Sqlite, &LARGER).await;
    assert_eq!(told.members, LARGER.members);
    assert!((500..=600).contains(&told.exchanges), "{told:?}");
    let events = events(&log).await;
    let types: BTreeSet<&str> = events.iter().map(Recorded::event_type).collect();
    let by_members: BTreeSet<&str> = meguri_events::TYPES
        .iter()
        .copied()
        .filter(|known| !BY_OTHERS.contains(known))
        .collect();
    assert_eq!(types, by_members);
    let at = |event: &Recorded| event.header().unwrap().unwrap().at;
    let (first, last) = (at(&events[0]), at(&events[events.len() - 1]));
    assert!(last < SystemClock.now());
    assert!(
        first.plus_seconds(40 * 86_400) < last,
        "from {first} to {last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_community_is_told_once_and_another_one_may_join_it() {
    let args = DemoArgs {
        members: 6,
        exchanges: 5,
        weeks: 8,
        seed: 1,
        passwords: false,
    };
    let (home, log, _) = told_on(Backend::Sqlite, &args).await;
    log.close().await;
    let (clock, bar) = (StoryClock::default(), ProgressBar::hidden());
    let log = home.open_with(Arc::new(clock.clone())).await;
    let again = demo::fill(&log, &clock, &args, &bar).await;
    assert!(matches!(again, Err(DemoError::SeedTaken(1))), "{again:?}");
    let other = DemoArgs { seed: 2, ..args };
    let told = demo::fill(&log, &clock, &other, &bar).await.unwrap();
    assert_eq!(told.members, 6);
    let last = events(&log).await.pop().unwrap();
    let age = SystemClock.now().micros() - last.header().unwrap().unwrap().at.micros();
    assert!(
        age < 60_000_000,
        "in a log that is not empty, things happen now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_on_postgresql_too() {
    let (_home, log, told) = told_on(Backend::Postgres, &SMALL).await;
    assert_eq!(told.members, SMALL.members);
    let (_sqlite_home, on_sqlite, _) = told_on(Backend::Sqlite, &SMALL).await;
    assert_eq!(sequences(&log).await, sequences(&on_sqlite).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_passwords_anyone_can_sign_in_as_a_member() {
    let args = DemoArgs {
        members: 4,
        exchanges: 0,
        weeks: 8,
        seed: 1,
        passwords: true,
    };
    let (_home, log, _) = told_on(Backend::Sqlite, &args).await;
    let events = events(&log).await;
    let of_first = log.open_events(&events[..3]).await.unwrap();
    let profile = of_first
        .flat_map(|opened| opened.unwrap().unwrap().sections)
        .find_map(|section| match section.content {
            SectionContent::Plain(bytes) if section.name == "profile" => Some(bytes),
            SectionContent::Plain(_) | SectionContent::Erased => None,
        });
    let profile: Value = serde_json::from_slice(&profile.unwrap()).unwrap();
    let user_name = profile["user_name"].as_str().unwrap();
    let commands = Commands::new(log, CommandSettings::default());
    let password = Password::new(demo::PASSWORD);
    assert!(commands.log_in(user_name, &password).await.is_ok());
    let wrong = commands
        .log_in(user_name, &Password::new("meguri-omed"))
        .await;
    assert!(wrong.is_err());
}
