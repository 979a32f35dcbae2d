//! What the tests of both kinds of worlds need: a vault, and what happened line by line.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use meguri_log::{
    Vault,
    simulation::{Machine, Trace},
};

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Trace for Lines {
    fn note(&self, process: Option<u32>, what: fmt::Arguments<'_>) {
        let line = format!("{process:?} {what}");
        self.0.lock().unwrap().push(line);
    }
}

pub(crate) fn vault() -> Vault {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(Machine::vault()).unwrap()
}

/// Runs a world, and answers what became of it and what happened in it.
pub(crate) fn traced<O>(
    run: impl FnOnce(u64, &Vault, Arc<dyn Trace>) -> O,
    seed: u64,
    vault: &Vault,
) -> (O, Vec<String>) {
    let lines = Arc::new(Lines::default());
    let outcome = run(seed, vault, Arc::<Lines>::clone(&lines));
    let lines = std::mem::take(&mut *lines.0.lock().unwrap());
    (outcome, lines)
}
