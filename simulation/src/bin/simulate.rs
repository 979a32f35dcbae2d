//! `simulate FIRST COUNT` runs seeds; `simulate SEED` runs one and shows all that happens.

use std::{
    env,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use meguri_simulation::{Run, Simulator};

/// What all seeds came to together.
#[derive(Default)]
struct Sum {
    seeds: AtomicU64,
    steps: AtomicU64,
    events: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicBool,
    shown: Mutex<()>,
}

#[expect(clippy::print_stdout, reason = "a command for people")]
fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = env::args().skip(1).map(|it| it.parse().ok()).collect();
    let simulator = match Simulator::new() {
        Ok(simulator) => simulator,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match numbers.as_deref() {
        Some([seed]) => one(&simulator, *seed),
        Some([first, count]) => many(&simulator, *first, *count),
        _ => {
            println!("simulate SEED, or simulate FIRST COUNT");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command for people")]
fn one(simulator: &Simulator, seed: u64) -> ExitCode {
    let run = simulator.run(seed, true);
    for line in &run.trace {
        println!("{line}");
    }
    for complaint in run.complaints() {
        println!("VIOLATION: {complaint}");
    }
    let steps = run.steps;
    let digest = run.digest.map(|byte| format!("{byte:02x}")).concat();
    println!("{steps} steps, {:?}, digest {digest}", run.verdict.counted);
    exit(run.is_violation())
}

#[expect(clippy::print_stdout, reason = "a command for people")]
fn many(simulator: &Simulator, first: u64, count: u64) -> ExitCode {
    let (sum, begun) = (Sum::default(), Instant::now());
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(simulator, first, count, &sum));
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let get = |number: &AtomicU64| number.load(Ordering::SeqCst);
    let (seeds, steps) = (get(&sum.seeds).min(count), get(&sum.steps));
    println!(
        "{seeds} seeds from {first}, {steps} steps, {} events, {} acknowledgements, \
         {seconds:.1} s on {threads} threads",
        get(&sum.events),
        get(&sum.acknowledged),
    );
    exit(sum.failed.load(Ordering::SeqCst))
}

/// Takes the next seed until there are no more, or one is violated.
fn work(simulator: &Simulator, first: u64, count: u64, sum: &Sum) {
    while !sum.failed.load(Ordering::SeqCst) {
        let number = sum.seeds.fetch_add(1, Ordering::SeqCst);
        if number >= count {
            return;
        }
        let run = simulator.run(first + number, false);
        let counted = run.verdict.counted;
        sum.steps.fetch_add(run.steps, Ordering::SeqCst);
        sum.events
            .fetch_add(counted.events as u64, Ordering::SeqCst);
        let acknowledged = counted.acknowledged as u64;
        sum.acknowledged.fetch_add(acknowledged, Ordering::SeqCst);
        if run.is_violation() && !sum.failed.swap(true, Ordering::SeqCst) {
            show(&simulator.run(run.seed, true), number, sum);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command for people")]
fn show(run: &Run, number: u64, sum: &Sum) {
    let _one_at_a_time = sum.shown.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{run}");
    println!("found after {} seeds", number + 1);
}

fn exit(is_violation: bool) -> ExitCode {
    if is_violation {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
