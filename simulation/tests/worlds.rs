//! Worlds of publishers, views and policies that are run with every change.

#![cfg(test)]

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use meguri_simulation::{Outcome, Simulator, WorldKind};

/// For so long new seeds are run of each kind.
const RUN_FOR: Duration = Duration::from_secs(8);

/// Runs seeds of one kind for a while, and answers what each came to.
fn outcomes(kind: WorldKind) -> Vec<Outcome> {
    let simulator = Simulator::new().unwrap();
    let (next, begun) = (AtomicU64::new(0), Instant::now());
    let (done, broken) = (Mutex::new(Vec::new()), Mutex::new(None));
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begun.elapsed() < RUN_FOR && broken.lock().unwrap().is_none() {
                    let first = next.load(Ordering::SeqCst);
                    let seed = kind.seeds(first).next().unwrap();
                    let taken =
                        next.compare_exchange(first, seed + 1, Ordering::SeqCst, Ordering::SeqCst);
                    if taken.is_err() {
                        continue;
                    }
                    let run = simulator.run(seed, true);
                    if run.is_violation() {
                        broken.lock().unwrap().get_or_insert(run);
                    } else {
                        done.lock().unwrap().push(run.outcome);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(run) = broken {
        panic!("{run}");
    }
    done.into_inner().unwrap()
}

/// How much there is of something in each world.
fn each(outcomes: &[Outcome], much: impl Fn(&Outcome) -> u64) -> u64 {
    outcomes.iter().map(much).sum::<u64>() / outcomes.len() as u64
}

#[test]
fn no_two_stories_are_told_whatever_dies_falls_back_or_is_copied() {
    let outcomes = outcomes(WorldKind::Publishers);
    let published = each(&outcomes, |it| it.published);
    assert!(published > 5, "{published} events are published in a world");
    let up_to_date = outcomes.iter().filter(|it| it.published == it.events);
    let (up_to_date, all) = (up_to_date.count(), outcomes.len());
    assert!(up_to_date * 6 > all, "{up_to_date} of {all} are up to date");
}

#[test]
#[cfg(feature = "views")]
fn what_a_view_serves_is_what_its_log_adds_up_to_whatever_dies_fails_or_falls_back() {
    let outcomes = outcomes(WorldKind::Views);
    let served = each(&outcomes, |it| it.served);
    assert!(served > 50, "{served} times in a world something is served");
    let erased: u64 = outcomes.iter().map(|it| it.erased).sum();
    assert!(erased > 0, "nothing was erased");
}

#[test]
#[cfg(feature = "policies")]
fn what_follows_is_done_once_whoever_dies() {
    let outcomes = outcomes(WorldKind::Policies);
    let acted = each(&outcomes, |it| it.followed_up);
    assert!(acted > 5, "{acted} times in a world a policy acts");
}
