//! Opening a log on a database in memory.

use std::{path::Path, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use super::{link::Link, store::SimulatedStore};
use crate::{
    backend::Backend,
    clock::{Clock, SystemClock},
    clock_guard::{ClockGuard, ClockState},
    log::Log,
    options::{OpenError, TOKEN_LIFETIME},
    randomness::Randomness,
    stream::Position,
    vault::{Kek, Vault},
    writer::RESOLVE_FOR,
};

/// What a process takes of its machine, and of its vault.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What tells the time of events.
    pub clock: Arc<dyn Clock>,
    /// What blinds are made of.
    pub randomness: Arc<dyn Randomness>,
    /// How far the clock may be ahead ([`LogOptions`](crate::LogOptions)).
    pub clock_jump_max: Option<Duration>,
    /// The vault, and whether it may be asked. One that may not be stands in for one that nobody
    /// needs: it has threads of its own, which no seed determines.
    pub vault: (Vault, bool),
}

impl Machine {
    /// A vault in memory. It is made outside of the runtime whose time is paused.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn vault() -> Result<Vault, OpenError> {
        let kek = Kek::Given(Zeroizing::new([7; 32]));
        let clock = Arc::new(SystemClock);
        let answer = Duration::from_secs(30);
        let vault = Vault::open("sqlite::memory:", &kek, true, clock, TOKEN_LIFETIME, answer);
        Ok(vault.await?)
    }

    /// The vault in this file, for processes that seal: each opens it by itself. It may be opened
    /// and asked where answers are waited for on the spot.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn vault_at(file: &Path, clock: &Arc<dyn Clock>) -> Result<Vault, OpenError> {
        let kek = Kek::Given(Zeroizing::new([7; 32]));
        let (location, clock) = (format!("sqlite:{}", file.display()), Arc::clone(clock));
        let answer = Duration::from_secs(30);
        let vault = Vault::open(&location, &kek, true, clock, TOKEN_LIFETIME, answer);
        Ok(vault.await?)
    }
}

impl Log {
    /// Opens the log of a process on a database in memory, as [`Log::open`] opens others.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn simulated(link: &Link, machine: &Machine) -> Result<Self, OpenError> {
        let backend = Backend::new(SimulatedStore(link.clone()));
        let clock = Arc::clone(&machine.clock);
        let head = backend.store.head().await?;
        if head.position == Position::ZERO {
            backend.keep_first_place().await?;
        }
        let guard = ClockGuard::new(Arc::clone(&clock), head, machine.clock_jump_max);
        let guard = Arc::new(guard);
        if guard.state(head.at) == ClockState::Right {
            backend.store.forget_outcomes(clock.now()).await?;
        }
        let surroundings = (clock, Arc::clone(&machine.randomness));
        let vault = machine.vault.clone();
        Ok(Self::start(
            backend,
            vault,
            surroundings,
            head,
            RESOLVE_FOR,
            guard,
        ))
    }
}
