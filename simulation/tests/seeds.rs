//! Seeds of the simulation that are run with every change.

#![cfg(test)]

use std::{
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use meguri_simulation::{Simulator, WorldKind};

/// Seeds that have found a fault once, or the bug that was put in to see whether it is found
/// (`simulation/mutations`), in the world as it was then.
const FOUND: &[(u64, &str)] = &[
    (1, "batch-forgets-what-it-holds"),
    (2, "batch-forgets-its-keys"),
    (2, "time-goes-back"),
    (2, "writer-compares-nothing"),
    (2, "writer-forgets-to-catch-up"),
    (3, "follower-hears-before-the-commit"),
    (5, "writer-knows-the-head-too-early"),
    (5, "writer-refuses-by-an-old-head"),
    (8, "writer-does-not-look-for-its-batch"),
    (13, "keys-expire-early"),
    (19, "follower-is-given-a-block-again"),
    (24, "writer-finds-no-keys-in-its-turn"),
    (49, "writer-keeps-versions-of-another-log"),
    (115, "writer-calls-lost-failed"),
    (151, "writer-answers-with-another-attempt"),
];
/// For so long new seeds are run.
const RUN_FOR: Duration = Duration::from_secs(12);

#[test]
fn no_seed_breaks_a_promise() {
    let simulator = Simulator::new().unwrap();
    let (next, steps, broken) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(None));
    let begun = Instant::now();
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < RUN_FOR && broken.lock().unwrap().is_none() {
                    let run = simulator.run(next.fetch_add(1, Ordering::SeqCst), false);
                    steps.fetch_add(run.steps, Ordering::SeqCst);
                    if run.is_violation() {
                        let shown = simulator.run(run.seed, true).to_string();
                        broken.lock().unwrap().get_or_insert(shown);
                    }
                }
            });
        }
    });
    if let Some(shown) = broken.into_inner().unwrap() {
        panic!("{shown}");
    }
    let (seeds, steps) = (next.into_inner(), steps.into_inner());
    assert!(steps > 100 * seeds, "{steps} steps of {seeds} seeds");
}

#[test]
fn seeds_that_found_a_fault_find_none_any_more() {
    let simulator = Simulator::new().unwrap();
    for (seed, found) in FOUND {
        let run = simulator.run(*seed, true);
        assert!(!run.is_violation(), "{found}: {run}");
    }
}

/// Runs the first seeds of a kind twice, and says in how many of them the database fell back.
fn run_twice(kind: WorldKind, count: usize) -> usize {
    let simulator = Simulator::new().unwrap();
    let mut found = 0;
    for seed in kind.seeds(0).take(count) {
        let (first, again) = (simulator.run(seed, true), simulator.run(seed, true));
        let mut lines = first.trace.iter().zip(&again.trace).zip(1..);
        if let Some(((one, other), line)) = lines.find(|((one, other), _)| one != other) {
            panic!("{kind}, seed {seed}, line {line}:\n{one}\n{other}");
        }
        assert_eq!(first.trace.len(), again.trace.len(), "seed {seed}");
        assert_eq!(first.digest, again.digest, "seed {seed}");
        assert_eq!(first.verdict, again.verdict, "seed {seed}");
        let falls_back = |line: &String| line.contains("fails over to position");
        found += usize::from(first.trace.iter().any(falls_back));
    }
    found
}

#[test]
fn a_seed_is_one_run_however_often_it_is_run() {
    let fall_back = run_twice(WorldKind::Clients, 60);
    assert!(fall_back > 10, "{fall_back} databases fell back");
    run_twice(WorldKind::Publishers, 8);
    #[cfg(feature = "views")]
    run_twice(WorldKind::Views, 2);
    #[cfg(feature = "policies")]
    run_twice(WorldKind::Policies, 2);
}

#[test]
fn every_bug_that_is_put_in_on_purpose_still_has_its_place() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let folder = std::fs::read_dir(format!("{root}/simulation/mutations")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let patches = paths.filter(|path| path.extension().is_some_and(|it| it == "patch"));
    let mut count = 0;
    for path in patches {
        count += 1;
        let mut patch = Command::new("patch");
        patch.args(["-p1", "--dry-run", "--force", "--silent", "--input"]);
        let output = patch.arg(&path).current_dir(root).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", path.display());
    }
    assert!(count >= 32, "{count} bugs");
}
