//! `simulate FIRST COUNT [WORLDS]` runs seeds, only those of some kind of world where that is
//! named; `simulate SEED` runs one and shows all that happens.

use std::{
    env,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use meguri_simulation::{Run, Simulator, WorldKind};

/// What the seeds of one kind of world came to together.
#[derive(Default)]
struct Sum {
    seeds: u64,
    steps: u64,
    events: u64,
    acknowledged: u64,
    published: u64,
    served: u64,
    erased: u64,
    followed_up: u64,
    took: Duration,
}

impl Sum {
    fn add(&mut self, run: &Run, took: Duration) {
        self.seeds += 1;
        self.steps += run.steps;
        self.events += run.outcome.events;
        self.acknowledged += run.verdict.counted.acknowledged as u64;
        self.published += run.outcome.published;
        self.served += run.outcome.served;
        self.erased += run.outcome.erased;
        self.followed_up += run.outcome.followed_up;
        self.took += took;
    }
}

/// Which seeds are run.
struct Range {
    first: u64,
    count: u64,
    /// Only worlds of this kind.
    kind: Option<WorldKind>,
}

impl Range {
    fn has(&self, kind: WorldKind) -> bool {
        kind.is_built_in() && self.kind.is_none_or(|only| only == kind)
    }
}

/// What all threads share.
struct Search {
    range: Range,
    next: AtomicU64,
    /// The first seed that breaks a promise, as far as is known, and its run.
    broken: Mutex<Option<Run>>,
    sums: Mutex<[Sum; WorldKind::ALL.len()]>,
    /// Of all runs together: the same in every order in which they end.
    digest: Mutex<[u8; 32]>,
}

#[expect(clippy::print_stdout, reason = "a command for people")]
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let simulator = match Simulator::new() {
        Ok(simulator) => simulator,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if let [seed] = arguments[..]
        && let Ok(seed) = seed.parse()
    {
        return one(&simulator, seed);
    }
    let Some(range) = range(&arguments) else {
        println!("simulate SEED, or simulate FIRST COUNT [clients|publishers|views|policies]");
        return ExitCode::FAILURE;
    };
    many(&simulator, range)
}

fn range(arguments: &[&str]) -> Option<Range> {
    let (first, count, kind) = match arguments {
        [first, count] => (first, count, None),
        [first, count, kind] => (first, count, Some(kind.parse().ok()?)),
        _ => return None,
    };
    Some(Range {
        first: first.parse().ok()?,
        count: count.parse().ok()?,
        kind,
    })
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
    let (kind, steps, counted) = (run.kind, run.steps, run.verdict.counted);
    let digest = run.digest.map(|byte| format!("{byte:02x}")).concat();
    println!("a world of {kind}, {steps} steps, {counted:?}, digest {digest}");
    exit(run.is_violation())
}

fn many(simulator: &Simulator, range: Range) -> ExitCode {
    let begun = Instant::now();
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let search = Search {
        range,
        next: AtomicU64::new(0),
        broken: Mutex::default(),
        sums: Mutex::default(),
        digest: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.work(simulator));
        }
    });
    search.tell(begun.elapsed(), threads);
    let broken = search.broken.into_inner();
    let broken = broken.unwrap_or_else(PoisonError::into_inner);
    if let Some(broken) = &broken {
        show(&search.range, simulator, broken);
    }
    exit(broken.is_some())
}

impl Search {
    /// Takes the next seed until there are no more, or an earlier one breaks a promise.
    fn work(&self, simulator: &Simulator) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let seed = self.range.first + number;
            if number >= self.range.count || self.is_broken_before(seed) {
                return;
            }
            if !self.range.has(WorldKind::of(seed)) {
                continue;
            }
            let begun = Instant::now();
            let run = simulator.run(seed, false);
            let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
            sums[run.kind as usize].add(&run, begun.elapsed());
            drop(sums);
            let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
            let both = digest.iter_mut().zip(run.digest);
            both.for_each(|(all, one)| *all ^= one);
            drop(digest);
            if run.is_violation() {
                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                if broken.as_ref().is_none_or(|first| seed < first.seed) {
                    *broken = Some(run);
                }
            }
        }
    }

    fn is_broken_before(&self, seed: u64) -> bool {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.as_ref().is_some_and(|run| run.seed < seed)
    }

    #[expect(clippy::print_stdout, reason = "a command for people")]
    fn tell(&self, took: Duration, threads: usize) {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in WorldKind::ALL {
            let sum = &sums[kind as usize];
            if !kind.is_built_in() {
                println!("{kind}: not built in");
            } else if sum.seeds > 0 {
                println!(
                    "{kind}: {} seeds, {} steps, {} events, {} acknowledgements, {} published, \
                     {} times a view was compared, {} erasures, {} times a policy acted, \
                     {:.1} s of a thread",
                    sum.seeds,
                    sum.steps,
                    sum.events,
                    sum.acknowledged,
                    sum.published,
                    sum.served,
                    sum.erased,
                    sum.followed_up,
                    sum.took.as_secs_f64(),
                );
            }
        }
        let seeds: u64 = sums.iter().map(|sum| sum.seeds).sum();
        let (first, seconds) = (self.range.first, took.as_secs_f64());
        let digest = *self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = digest.map(|byte| format!("{byte:02x}")).concat();
        println!(
            "{seeds} seeds from {first}, {seconds:.1} s on {threads} threads, digest {digest}"
        );
    }
}

/// Shows the first seed that breaks a promise, with the end of its trace.
#[expect(clippy::print_stdout, reason = "a command for people")]
fn show(range: &Range, simulator: &Simulator, broken: &Run) {
    let again = simulator.run(broken.seed, true);
    println!("{again}");
    if again.digest != broken.digest {
        println!("it was another run when it was found:");
        for complaint in broken.complaints() {
            println!("VIOLATION: {complaint}");
        }
    }
    let (seed, kind) = (broken.seed, broken.kind);
    let tried = kind.seeds(range.first).take_while(|it| *it <= seed).count();
    println!("found by seed {seed}, the {tried}th of its kind");
}

fn exit(is_violation: bool) -> ExitCode {
    if is_violation {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
