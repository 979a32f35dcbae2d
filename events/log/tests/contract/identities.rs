//! Who somebody is: a damaged database never says that a name is free, or that a member is not
//! there. It says the truth, or that it is damaged.

use std::{path::Path, sync::Arc};

use meguri_log::{
    AppendError, Expected, FindingKind, Location, Log, ManualClock, OpenError, ReadError,
    StreamRange, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{
    append, audit::audit, event, immutability::Database, on_condition, publish_refusals::unguarded,
    stream,
};

on_both_backends!(
    a_name_is_taken_only_where_the_index_and_what_is_kept_apart_say_that_it_is_free,
    a_look_up_that_misses_an_event_is_found_by_the_audit_and_at_start,
    a_header_that_was_changed_is_not_believed_in_a_stream_of_who_somebody_is,
    what_is_kept_apart_follows_every_event,
);

const NAMES: [&str; 3] = ["claim-aaaaaaaa", "claim-bbbbbbbb", "claim-cccccccc"];

/// Three names are taken, the second is given back, and taken again.
async fn names_are_taken(log: &Log) {
    for name in NAMES {
        log.append(append([event(name, "ClaimTaken")]))
            .await
            .unwrap();
        log.append(append([event("a-1", "Made")])).await.unwrap();
    }
    let again = [
        event(NAMES[1], "ClaimReleased"),
        event(NAMES[1], "ClaimTaken"),
    ];
    log.append(append(again)).await.unwrap();
}

/// What a log says of a name: its version, or that it cannot tell.
async fn version_of(log: &Log, name: &str) -> Result<u64, ReadError> {
    let name = stream(name);
    let head = log.stream_head(&name).await?;
    let range = StreamRange::forward_from(Version::new(1));
    let events = log.read_stream(&name, range).await?;
    assert_eq!(events.len() as u64, head.get());
    let newest = log.read_stream(&name, StreamRange::newest(1)).await?;
    assert_eq!(
        newest
            .first()
            .map(meguri_log::Recorded::version)
            .unwrap_or_default(),
        head
    );
    Ok(head.get())
}

/// Tries to take a name that is not free.
async fn take(log: &Log, name: &str) -> AppendError {
    let taking = append([event(name, "ClaimTaken")]);
    let taking = on_condition(taking, name, Expected::NoStream);
    log.append(taking).await.unwrap_err()
}

async fn a_name_is_taken_only_where_the_index_and_what_is_kept_apart_say_that_it_is_free(
    backend: Backend,
) {
    for damage in [
        "delete from events where stream = 'claim-cccccccc'",
        "delete from identities where stream = 'claim-cccccccc'",
        "update identities set version = 2 where stream = 'claim-cccccccc'",
    ] {
        let home = Home::new(backend);
        let log = home.open().await;
        names_are_taken(&log).await;
        log.close().await;
        let database = unguarded(&home, backend).await;
        assert_eq!(database.run(damage).await, Ok(1));
        let log = home.open().await;
        let said = version_of(&log, NAMES[2]).await;
        assert!(
            matches!(said, Err(ReadError::Damaged(_))),
            "{damage}: {said:?}"
        );
        let taken = take(&log, NAMES[2]).await;
        assert!(
            matches!(taken, AppendError::Unavailable(_)),
            "{damage}: {taken:?}"
        );
        assert_eq!(version_of(&log, NAMES[1]).await, Ok(3));
        let (_, findings) = audit(&home, &log).await;
        let identity = findings.iter().any(|it| it.kind == FindingKind::Identity);
        assert!(identity, "{damage}: {findings:?}");
        // Others go on.
        log.append(append([event("claim-dddddddd", "ClaimTaken")]))
            .await
            .unwrap();
        log.close().await;
    }
}

/// Makes the index of streams and versions forget the events that are appended meanwhile.
async fn beside_the_index(home: &Home, backend: Backend, log: Log) -> Log {
    let Backend::Postgres = backend else {
        log.append(append([event(NAMES[0], "ClaimTaken")]))
            .await
            .unwrap();
        log.close().await;
        let Location::Sqlite { log, .. } = home.options(Arc::new(ManualClock::default())).location
        else {
            unreachable!()
        };
        assert_eq!(flip(&log, NAMES[0], is_in_index), 1);
        return home.open().await;
    };
    log.close().await;
    let database = Database::of(home).await;
    let ready = |ready: bool| {
        format!(
            "update pg_index set indisready = {ready} \
             where indexrelid = 'events_stream_version_key'::regclass"
        )
    };
    database.run(&ready(false)).await.unwrap();
    let log = home.open().await;
    log.append(append([event(NAMES[0], "ClaimTaken")]))
        .await
        .unwrap();
    log.close().await;
    database.run(&ready(true)).await.unwrap();
    home.open().await
}

async fn a_look_up_that_misses_an_event_is_found_by_the_audit_and_at_start(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.check_integrity().await.unwrap();
    let log = beside_the_index(&home, backend, log).await;
    let said = version_of(&log, NAMES[0]).await;
    assert!(matches!(said, Err(ReadError::Damaged(_))), "{said:?}");
    let taken = take(&log, NAMES[0]).await;
    assert!(matches!(taken, AppendError::Unavailable(_)), "{taken:?}");
    let (_, findings) = audit(&home, &log).await;
    let kinds: Vec<FindingKind> = findings.iter().map(|it| it.kind).collect();
    assert!(kinds.contains(&FindingKind::Lookup), "{findings:?}");
    match backend {
        // An index grows back from its table.
        Backend::Sqlite => {
            assert!(kinds.contains(&FindingKind::Integrity), "{findings:?}");
            log.check_integrity().await.unwrap();
            assert_eq!(version_of(&log, NAMES[0]).await, Ok(1));
            assert_eq!(audit(&home, &log).await.1, []);
        }
        Backend::Postgres => {
            let refused = log.check_integrity().await.unwrap_err();
            assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
            let reindexed = Database::of(&home).await.run("reindex table events").await;
            reindexed.unwrap();
            log.check_integrity().await.unwrap();
        }
    }
    log.close().await;
}

async fn a_header_that_was_changed_is_not_believed_in_a_stream_of_who_somebody_is(
    backend: Backend,
) {
    let home = Home::new(backend);
    let log = home.open().await;
    names_are_taken(&log).await;
    let database = unguarded(&home, backend).await;
    let changed = match backend {
        Backend::Sqlite => {
            "update events set header = replace(header, '\"amount\":1', '\"amount\":2') \
             where stream = 'claim-cccccccc'"
        }
        Backend::Postgres => {
            "update events set header = convert_to(replace(convert_from(header, 'UTF8'), \
             '\"amount\":1', '\"amount\":2'), 'UTF8') where stream = 'claim-cccccccc'"
        }
    };
    assert_eq!(database.run(changed).await, Ok(1));
    let said = version_of(&log, NAMES[2]).await;
    assert!(matches!(said, Err(ReadError::Damaged(_))), "{said:?}");
    assert_eq!(version_of(&log, NAMES[0]).await, Ok(1));
    log.close().await;
}

async fn what_is_kept_apart_follows_every_event(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    for number in 0..20_u64 {
        let writer = if number % 3 == 0 { &other } else { &log };
        let names = ["member-1", "claim-1", "claims-1", "a-1"];
        let events = names.map(|name| event(name, "Made"));
        writer.append(append(events)).await.unwrap();
        for name in names {
            assert_eq!(version_of(&log, name).await, Ok(number + 1));
        }
    }
    assert_eq!(audit(&home, &log).await.1, []);
    other.close().await;
    log.close().await;
}

/// Flips a bit of a name wherever it stands in a file, and says how often; only where the bytes
/// behind the name are such.
fn flip(path: &Path, name: &str, is_such: impl Fn(&[u8], &[u8]) -> bool) -> usize {
    let mut file = std::fs::read(path).unwrap();
    let found = places(&file, name);
    let found: Vec<usize> = found
        .into_iter()
        .filter(|at| is_such(&file[..*at], &file[*at + name.len()..]))
        .collect();
    for at in &found {
        file[*at + name.len() - 1] ^= 4;
    }
    std::fs::write(path, file).unwrap();
    found.len()
}

fn places(file: &[u8], name: &str) -> Vec<usize> {
    let windows = file.windows(name.len()).enumerate();
    let found = windows.filter(|(_, window)| *window == name.as_bytes());
    found.map(|(at, _)| at).collect()
}

/// In the index of streams and versions a name is followed by neither a type nor a quote, and its
/// cell begins with a header of three columns of which the first is text.
fn is_in_index(before: &[u8], behind: &[u8]) -> bool {
    let is_row = behind.starts_with(b"ClaimTaken") || behind.starts_with(b"\"");
    let columns = &before[before.len() - 4..];
    !is_row && columns[0] == 4
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_bit_of_a_name_flips_in_the_file_nobody_takes_what_is_taken() {
    let home = Home::new(Backend::Sqlite);
    let log = home.open().await;
    names_are_taken(&log).await;
    log.close().await;
    let Location::Sqlite { log: path, .. } =
        home.options(Arc::new(ManualClock::default())).location
    else {
        unreachable!()
    };
    let whole = std::fs::read(&path).unwrap();
    let places = places(&whole, NAMES[0]);
    assert!(
        places.len() >= 4,
        "the row, its header, the index, what is kept apart"
    );
    for (number, at) in places.into_iter().enumerate() {
        for (byte, bits) in [(7, 0x81), (10, 4), (13, 0x20)] {
            let mut damaged = whole.clone();
            damaged[at + byte] ^= bits;
            std::fs::write(&path, &damaged).unwrap();
            let log = home.open().await;
            let said = version_of(&log, NAMES[0]).await;
            let refused = take(&log, NAMES[0]).await;
            let is_told = match &said {
                Ok(version) => *version == 1 && matches!(refused, AppendError::Conflict { .. }),
                Err(_) => !matches!(refused, AppendError::Unknown),
            };
            assert!(
                is_told,
                "place {number}, byte {byte}: {said:?}, {refused:?}"
            );
            let (_, findings) = audit(&home, &log).await;
            assert_ne!(findings, [], "place {number}, byte {byte}");
            log.close().await;
        }
    }
}
