//! Witnesses of a log: others who remember what they saw of it, and say under its checkpoints that
//! it has only grown.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream::FuturesUnordered};
use meguri_proofs::{AddCheckpoint, Checkpoint, Note, Plan, Signature, WitnessKey, cosigners};
use tokio::time::timeout;

use super::{
    Refusal, SignedCheckpoint,
    worker::{Stop, failed},
};
use crate::log::Log;

/// How long a witness may take, with a second question where it asks for another proof.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who cosigns checkpoints (C2SP tlog-witness).
#[async_trait]
pub trait Witness: Send + Sync + fmt::Debug + 'static {
    /// The key by which its cosignatures are verified.
    fn key(&self) -> &WitnessKey;

    /// Asks it to cosign a checkpoint.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    async fn ask(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, String>;
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// It has cosigned.
    Cosigned(Vec<Signature>),
    /// It has seen a tree of this size last, and wants a proof from there.
    Conflict {
        /// The size of that tree.
        seen: u64,
    },
    /// The checkpoint does not follow from the tree that it has seen last, although that has the
    /// size from which the proof goes on.
    Unproven,
}

/// The witnesses of a log, and how many of them have to have cosigned before anything is published.
///
/// The default is nobody.
#[derive(Debug, Clone, Default)]
pub struct Witnesses {
    /// Each with a key of its own.
    pub all: Vec<Arc<dyn Witness>>,
    /// How many it takes.
    pub quorum: usize,
}

/// The witnesses at work: what each has seen last, as far as that is known here.
pub(super) struct Cosigning {
    witnesses: Vec<(Arc<dyn Witness>, AtomicU64)>,
    quorum: usize,
}

/// Why a witness has not cosigned.
enum Uncosigned {
    /// It has seen more than it was asked to cosign.
    Ahead(u64),
    /// It has seen another tree of this size than the log has now.
    Another(u64),
    /// Anything else, in words.
    Because(String),
}

impl From<String> for Uncosigned {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

impl Uncosigned {
    fn in_words(self, size: u64) -> String {
        match self {
            Self::Because(reason) => reason,
            Self::Ahead(seen) => format!(
                "it has seen {seen} events of this log, which has {size}: the log was restored \
                 from an older backup, or somebody else signs with its key"
            ),
            Self::Another(seen) => format!(
                "the {seen} events that it has seen of this log are not those that the log has: \
                 the log was restored from an older backup and written to since, or somebody else \
                 signs with its key"
            ),
        }
    }
}

impl Cosigning {
    pub(super) fn new(witnesses: Witnesses) -> Self {
        let all = witnesses.all.into_iter();
        Self {
            witnesses: all.map(|one| (one, AtomicU64::new(0))).collect(),
            quorum: witnesses.quorum,
        }
    }

    /// Whether anybody cosigns.
    pub(super) fn is_asked_for(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// Asks every witness whether it has seen more of this log than the last checkpoint that is
    /// known here. Answers whether so many have not that one of them had to cosign whatever was
    /// published.
    ///
    /// # Errors
    /// [`Stop::Refused`] where one has, or has seen another tree.
    pub(super) async fn nothing_later(
        &self,
        log: &Log,
        checkpoint: &Checkpoint,
        last: &SignedCheckpoint,
    ) -> Result<bool, Stop> {
        let note = Note::parse(&last.note).map_err(failed)?;
        let asked = self.witnesses.iter().map(async |(witness, seen)| {
            seen.store(last.tree.size, Ordering::Relaxed);
            let cosigned = cosigned(log, checkpoint, &note, &**witness, seen);
            (witness.key().name(), timeout(PATIENCE, cosigned).await)
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut agree = 0;
        while let Some((name, answer)) = asked.next().await {
            match answer {
                Ok(Ok(_)) => agree += 1,
                Ok(Err(Uncosigned::Ahead(seen))) => {
                    return Err(Stop::Refused(Refusal::Witness {
                        witness: name.to_string(),
                        seen,
                        known: last.tree.size,
                    }));
                }
                Ok(Err(Uncosigned::Another(size))) => {
                    return Err(Stop::Refused(Refusal::WitnessedAnother {
                        witness: name.to_string(),
                        size,
                    }));
                }
                Ok(Err(Uncosigned::Because(reason))) => {
                    tracing::debug!(witness = %name, reason, "not told what it has seen last");
                }
                Err(_) => tracing::debug!(witness = %name, "no answer in time"),
            }
        }
        Ok(self.quorum > 0 && agree + self.quorum > self.witnesses.len())
    }

    /// The note itself if it has as many cosignatures as it takes, and otherwise with those.
    ///
    /// # Errors
    /// As [`Cosigning::cosign`].
    pub(super) async fn complete(
        &self,
        log: &Log,
        checkpoint: &Checkpoint,
        note: Note,
    ) -> Result<Note, Stop> {
        let keys: Vec<WitnessKey> = self
            .witnesses
            .iter()
            .map(|(witness, _)| witness.key().clone())
            .collect();
        let found = cosigners(checkpoint, note.signatures(), &keys);
        if found.is_ok_and(|found| found.len() >= self.quorum) {
            return Ok(note);
        }
        self.cosign(log, checkpoint, note).await
    }

    /// The note with as many cosignatures as it takes.
    ///
    /// # Errors
    /// [`Stop::Failed`] where too few cosign: this checkpoint is never published, and the next one
    /// is tried.
    pub(super) async fn cosign(
        &self,
        log: &Log,
        checkpoint: &Checkpoint,
        note: Note,
    ) -> Result<Note, Stop> {
        let asked = self.witnesses.iter().map(async |(witness, seen)| {
            let name = witness.key().name();
            let cosigned = cosigned(log, checkpoint, &note, &**witness, seen);
            match timeout(PATIENCE, cosigned).await {
                Ok(Ok(signature)) => Ok(signature),
                Ok(Err(why)) => {
                    let reason = why.in_words(checkpoint.tree().size);
                    Err(format!("{name}: {reason}"))
                }
                Err(_) => Err(format!("{name}: no answer in time")),
            }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        let (mut signed, mut without) = (Vec::new(), Vec::new());
        while signed.len() < self.quorum {
            match answers.next().await {
                Some(Ok(signature)) => signed.push(signature),
                Some(Err(reason)) => without.push(reason),
                None => {
                    let (quorum, count, without) = (self.quorum, signed.len(), without.join("; "));
                    let reason = format!("{count} of {quorum} witnesses have cosigned ({without})");
                    return Err(Stop::Failed(reason));
                }
            }
        }
        drop(answers);
        let cosigned = signed.into_iter().try_fold(note, Note::with);
        cosigned.map_err(failed)
    }
}

/// The cosignature of one witness.
async fn cosigned(
    log: &Log,
    checkpoint: &Checkpoint,
    note: &Note,
    witness: &dyn Witness,
    seen: &AtomicU64,
) -> Result<Signature, Uncosigned> {
    let size = checkpoint.tree().size;
    let mut corrected = false;
    loop {
        let old = seen.load(Ordering::Relaxed);
        if old > size {
            return Err(Uncosigned::Ahead(old));
        }
        let plan = Plan::consistency(old, size).map_err(|error| error.to_string())?;
        let proof = log.proof(&plan).await.map_err(|error| error.to_string())?;
        let note = note.clone();
        match witness.ask(&AddCheckpoint { old, proof, note }).await? {
            WitnessAnswer::Cosigned(signatures) => {
                let mut valid = signatures.into_iter();
                let valid = valid.find(|it| witness.key().verify(checkpoint, it).is_ok());
                let signature = valid
                    .ok_or_else(|| "its cosignature is not one of this checkpoint".to_owned())?;
                seen.store(size, Ordering::Relaxed);
                return Ok(signature);
            }
            WitnessAnswer::Unproven => return Err(Uncosigned::Another(old)),
            WitnessAnswer::Conflict { seen: its } if its == old && old == size => {
                return Err(Uncosigned::Another(old));
            }
            // It may be told of a size that is not its own, and this is not believed twice.
            WitnessAnswer::Conflict { seen: its } if !corrected && its != old => {
                seen.store(its, Ordering::Relaxed);
                corrected = true;
            }
            WitnessAnswer::Conflict { seen: its } => {
                return Err(
                    format!("it does not keep to what it has seen, now {its} events").into(),
                );
            }
        }
    }
}
