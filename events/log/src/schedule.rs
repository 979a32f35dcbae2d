//! Points between two steps of a hand-over, where another thread may come in.
//!
//! In the program they are nothing. Tests explore the orders in which threads may pass them: what
//! lies between two of them is one operation on one lock or channel, which is atomic by itself.

#[cfg(test)]
pub(crate) use explored::{explore, point};

/// Another thread may come in here.
#[cfg(not(test))]
#[inline]
pub(crate) fn point() {}

#[cfg(test)]
mod explored {
    use std::{cell::Cell, env};

    use shuttle::{
        Runner,
        scheduler::{PctScheduler, RandomScheduler},
        sync::atomic::{AtomicBool, Ordering},
    };

    /// How many orders of each kind are tried, unless `MEGURI_TEST_SCHEDULES` says so.
    const ORDERS: usize = 600;
    /// Where the choice of orders begins.
    const SEED: u64 = 13;
    /// Of orders with few switches: how many.
    const SWITCHES: usize = 3;

    thread_local! {
        static EXPLORING: Cell<bool> = const { Cell::new(false) };
    }

    /// Another thread may come in here, where a test explores that.
    pub(crate) fn point() {
        if EXPLORING.get() {
            // Every operation on a lock or an atomic of the explorer is such a point.
            AtomicBool::new(false).load(Ordering::SeqCst);
        }
    }

    /// Runs this again and again, its tasks in another order each time. A failure shows the order,
    /// which `shuttle::replay` repeats; tasks that all wait are a failure.
    ///
    /// No timer ever fires, so that nothing is found only by looking again after a while.
    pub(crate) fn explore(body: impl Fn() + Send + Sync + Copy + 'static) {
        let orders = env::var("MEGURI_TEST_SCHEDULES").ok();
        let orders = orders.map_or(ORDERS, |orders| orders.parse().expect("a number"));
        // Timers belong to a runtime that nobody drives.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        let _entered = runtime.enter();
        EXPLORING.set(true);
        let at_random = RandomScheduler::new_from_seed(SEED, orders);
        Runner::new(at_random, shuttle::Config::default()).run(body);
        let few_switches = PctScheduler::new_from_seed(SEED, SWITCHES, orders);
        Runner::new(few_switches, shuttle::Config::default()).run(body);
        EXPLORING.set(false);
    }
}
