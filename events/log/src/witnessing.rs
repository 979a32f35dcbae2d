//! Witnessing other logs: remember what was seen of each, and cosign what has only grown since
//! (C2SP tlog-witness).

mod memory;

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use meguri_proofs::{AddCheckpoint, Cosigner, Signature, VerifierKey, WitnessKey, WitnessRefusal};

use crate::clock::Clock;
use memory::Memory;
pub use memory::WitnessMemoryError;

/// A witness of these logs.
pub struct Witnessing {
    logs: Vec<VerifierKey>,
    cosigner: Cosigner,
    /// Held from looking to remembering, so that no two requests follow the same tree.
    memory: Mutex<Memory>,
    clock: Arc<dyn Clock>,
}

/// Why nothing was cosigned.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// What was asked for does not follow from what was seen.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The disk does not do what it should: nothing was said, so nothing is to be remembered.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for NotCosigned {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl fmt::Debug for Witnessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnessing")
            .field("logs", &self.logs)
            .finish_non_exhaustive()
    }
}

impl Witnessing {
    /// A witness that remembers in this folder what it has seen. One process at a time has it.
    ///
    /// # Errors
    /// [`WitnessMemoryError`].
    pub fn open(
        folder: &std::path::Path,
        logs: Vec<VerifierKey>,
        cosigner: Cosigner,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WitnessMemoryError> {
        let memory = Mutex::new(Memory::open(folder)?);
        Ok(Self {
            logs,
            cosigner,
            memory,
            clock,
        })
    }

    /// The key by which its cosignatures are verified.
    pub fn key(&self) -> WitnessKey {
        self.cosigner.verifier()
    }

    /// Cosigns a checkpoint that follows from what was seen last, once that is remembered. It
    /// waits for the disk.
    ///
    /// # Errors
    /// [`NotCosigned`].
    pub fn cosign(&self, request: &AddCheckpoint) -> Result<Signature, NotCosigned> {
        let origin = request.origin()?;
        let named = |log: &&VerifierKey| log.name().as_str() == origin;
        let log = self.logs.iter().find(named);
        let log = log.ok_or(WitnessRefusal::UnknownLog)?;
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = memory.seen(log)?;
        let checkpoint = request.decide(std::slice::from_ref(log), &seen)?;
        if *checkpoint.tree() != seen {
            memory.see(log, &checkpoint)?;
        }
        drop(memory);
        let seconds = self.clock.now().micros() / 1_000_000;
        let seconds = u64::try_from(seconds);
        let seconds = seconds.map_err(|error| NotCosigned::Failed(error.to_string()))?;
        let signature = self.cosigner.sign(&checkpoint, seconds);
        signature.map_err(|error| NotCosigned::Failed(error.to_string()))
    }
}
