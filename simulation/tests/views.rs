//! Worlds of views that are run with every change.

#![cfg(test)]

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use meguri_log::{
    Vault,
    simulation::{Machine, Trace},
};
use meguri_simulation::views::{Outcome, run};

/// Seeds that have found a fault once.
const FOUND: &[(u64, &str)] = &[(
    11,
    "a rebuild waited for events that were gone since the log had fallen back, and asked for \
     them without a pause, for ever",
)];

/// What happened, line by line.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Trace for Lines {
    fn note(&self, process: Option<u32>, what: fmt::Arguments<'_>) {
        let line = format!("{process:?} {what}");
        self.0.lock().unwrap().push(line);
    }
}

fn vault() -> Vault {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(Machine::vault()).unwrap()
}

fn traced(seed: u64, vault: &Vault) -> (Outcome, Vec<String>) {
    let lines = Arc::new(Lines::default());
    let outcome = run(seed, vault, Arc::<Lines>::clone(&lines));
    let lines = std::mem::take(&mut *lines.0.lock().unwrap());
    (outcome, lines)
}

fn is_sound(seed: u64, vault: &Vault, found: &str) -> u64 {
    let (outcome, lines) = traced(seed, vault);
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
        let (first, again) = (traced(seed, &vault).1, traced(seed, &vault).1);
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
