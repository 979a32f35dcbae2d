//! The model agrees with the real thing: the same random programs against the database in memory,
//! real SQLite and real PostgreSQL have the same outcomes, and leave the same log behind.
//!
//! `MEGURI_AGREEMENT_PROGRAMS` says how many, `MEGURI_TEST_SEED` which is the first; `make
//! agreement` takes 10,000.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod machine;
mod program;
mod run;
mod tail;

use std::time::{Duration, Instant};

use meguri_test_logs::Backend;
use tokio::runtime::{Builder, Runtime};

use machine::{Machine, Model, Real};
use program::Program;
use run::{Outcome, run};

/// How many programs where nobody says otherwise.
const PROGRAMS: u64 = 150;

/// What programs are run on: the model, and both real databases.
struct Machines {
    real: [(Real, Runtime); 2],
    vault: meguri_log::Vault,
    /// How many runs there were, for no two may share their streams.
    runs: u64,
    /// The vault of the models works here.
    _runtime: Runtime,
}

impl Machines {
    fn new() -> Self {
        let runtime = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().unwrap()
        };
        let real = [Backend::Sqlite, Backend::Postgres].map(|backend| {
            let runtime = runtime();
            (runtime.block_on(Real::new(backend)), runtime)
        });
        let of_model = runtime();
        let vault = of_model.block_on(meguri_log::simulation::Machine::vault());
        Self {
            real,
            vault: vault.unwrap(),
            runs: 0,
            _runtime: of_model,
        }
    }

    /// What a program comes to, everywhere.
    fn run(&mut self, program: &Program, spent: &mut [Duration; 3]) -> [Vec<Outcome>; 3] {
        self.runs += 1;
        let (runs, began) = (self.runs, Instant::now());
        let alone = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let vault = self.vault.clone();
        let modelled = alone.block_on(async {
            let mut model = Machine::Model(Model::new(program.seed, vault).await);
            run(program, runs, &mut model).await
        });
        spent[0] += began.elapsed();
        let [sqlite, postgres] = &mut self.real;
        let on = |(real, runtime): &mut (Real, Runtime), spent: &mut Duration| {
            let began = Instant::now();
            let taken = std::mem::replace(real, Real::Elsewhere);
            let mut machine = Machine::Real(Box::new(taken));
            let outcomes = runtime.block_on(run(program, runs, &mut machine));
            let Machine::Real(taken) = machine else {
                unreachable!("it is the one that was made a moment ago")
            };
            *real = *taken;
            *spent += began.elapsed();
            outcomes
        };
        let (first, rest) = spent.split_at_mut(2);
        let on_sqlite = on(sqlite, &mut first[1]);
        [modelled, on_sqlite, on(postgres, &mut rest[0])]
    }

    fn agree(&mut self, program: &Program) -> bool {
        let [model, sqlite, postgres] = self.run(program, &mut [Duration::ZERO; 3]);
        model == sqlite && model == postgres
    }

    /// A program of which nothing can be left out without the difference going away.
    fn shortest(&mut self, program: Program) -> Program {
        let mut shortest = program;
        loop {
            let shorter = shortest.shorter();
            let Some(next) = shorter.into_iter().find(|it| !self.agree(it)) else {
                return shortest;
            };
            shortest = next;
        }
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn the_model_and_both_databases_agree_on_random_programs() {
    let (programs, first) = (
        number("MEGURI_AGREEMENT_PROGRAMS", PROGRAMS),
        number("MEGURI_TEST_SEED", 1),
    );
    let (mut machines, mut spent) = (Machines::new(), [Duration::ZERO; 3]);
    let mut counted = run::Counted::default();
    for seed in first..first + programs {
        let program = Program::new(seed);
        let outcomes = machines.run(&program, &mut spent);
        let [model, sqlite, postgres] = &outcomes;
        if model != sqlite || model != postgres {
            eprintln!("{}", differing(&outcomes));
            let shortest = machines.shortest(program);
            let outcomes = machines.run(&shortest, &mut spent);
            panic!("{}", told(&shortest, &outcomes));
        }
        counted.add(&program, model);
    }
    eprintln!("{programs} programs from seed {first} on agree: {counted:?}");
    eprintln!(
        "the model took {:?}, SQLite {:?}, PostgreSQL {:?}",
        spent[0], spent[1], spent[2]
    );
    counted.assert_enough(programs);
}

/// Where they differ first, and for which program.
fn told(program: &Program, outcomes: &[Vec<Outcome>; 3]) -> String {
    format!(
        "MEGURI_TEST_SEED={} differs; the shortest program that does:\n{program:#?}\n{}",
        program.seed,
        differing(outcomes)
    )
}

fn differing([model, sqlite, postgres]: &[Vec<Outcome>; 3]) -> String {
    let longest = model.len().max(sqlite.len()).max(postgres.len());
    let at = (0..longest)
        .find(|at| model.get(*at) != sqlite.get(*at) || model.get(*at) != postgres.get(*at));
    let Some(at) = at else {
        return "they do not differ again".into();
    };
    format!(
        "model      {:?}\nSQLite     {:?}\nPostgreSQL {:?}",
        model.get(at),
        sqlite.get(at),
        postgres.get(at)
    )
}
