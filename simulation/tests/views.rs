//! Worlds of views that are run with every change.

#![cfg(test)]

mod traced;

use meguri_log::Vault;
use meguri_simulation::views::run;
use traced::{traced, vault};

/// Seeds that have found a fault once.
const FOUND: &[(u64, &str)] = &[(
    11,
    "a rebuild waited for events that were gone since the log had fallen back, and asked for \
     them without a pause, for ever",
)];

fn is_sound(seed: u64, vault: &Vault, found: &str) -> u64 {
    let (outcome, lines) = traced(run, seed, vault);
    let last = lines.len().saturating_sub(40);
    assert!(
        outcome.violations.is_empty(),
        "seed {seed} {found}: {:#?}\n{:#?}",
        outcome.violations,
        &lines[last..]
    );
    outcome.served
}

#[test]
fn what_a_view_serves_is_what_its_log_adds_up_to_whatever_dies_fails_or_falls_back() {
    let vault = vault();
    let served: u64 = (20..28).map(|seed| is_sound(seed, &vault, "")).sum();
    assert!(served > 200, "{served} times something was served");
}

#[test]
fn seeds_that_found_a_fault_of_the_views_find_none_any_more() {
    let vault = vault();
    for (seed, found) in FOUND {
        is_sound(*seed, &vault, found);
    }
}

#[test]
fn a_world_of_views_is_one_run_however_often_it_is_run() {
    let vault = vault();
    for seed in 0..3 {
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
