//! Worlds of publishers that are run with every change.

#![cfg(test)]

mod traced;

use meguri_simulation::publisher::run;
use traced::{traced, vault};

/// Seeds that have found a bug that was put in to see whether it is found
/// (`simulation/mutations`).
const FOUND: &[u64] = &[1, 14, 15, 19, 53];

#[test]
fn no_two_stories_are_told_whatever_dies_falls_back_or_is_copied() {
    let vault = vault();
    let (mut published, mut up_to_date) = (0, 0);
    for seed in (1_000..1_060).chain(FOUND.iter().copied()) {
        let (outcome, lines) = traced(run, seed, &vault);
        let last = lines.len().saturating_sub(40);
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:#?}\n{:#?}",
            outcome.violations,
            &lines[last..]
        );
        published += outcome.published;
        up_to_date += u64::from(outcome.published == outcome.events);
    }
    assert!(published > 300, "{published} events are published");
    assert!(
        up_to_date > 10,
        "{up_to_date} worlds are up to date in the end"
    );
}

#[test]
fn a_world_of_publishers_is_one_run_however_often_it_is_run() {
    let vault = vault();
    for seed in 0..15 {
        let (first, again) = (traced(run, seed, &vault).1, traced(run, seed, &vault).1);
        let differ = first.iter().zip(&again).position(|(a, b)| a != b);
        if let Some(line) = differ {
            panic!(
                "seed {seed}, line {line}:\n{}\n{}",
                first[line], again[line]
            );
        }
        assert_eq!(first.len(), again.len(), "seed {seed}");
    }
}
