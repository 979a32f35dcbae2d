//! What a log asks of a witness, and what a witness answers (C2SP tlog-witness, `add-checkpoint`).

use std::{fmt, str::FromStr};

use crate::{
    checkpoint::{BadCheckpoint, Checkpoint},
    key::VerifierKey,
    note::{Note, NoteError, VerifyError},
    proof::{BadProof, Proof, ProofError},
    tree::Tree,
};

/// The most hashes that a request may carry.
const HASHES_MAX: usize = 63;

/// A log asks for a cosignature: this checkpoint follows the tree that the witness saw last.
///
/// Written as `old <size>`, the proof with a hash a line, an empty line, and the signed note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the tree that the witness is said to have seen last.
    pub old: u64,
    /// That the checkpoint's tree begins with it; empty where that is empty.
    pub proof: Proof,
    /// The signed checkpoint.
    pub note: Note,
}

/// The text is no request for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddCheckpoint {
    /// It does not begin with a size.
    #[error("expected `old <size>` in the first line")]
    Old,
    /// There is no empty line behind the proof.
    #[error("expected an empty line behind the proof")]
    Unended,
    /// A line is no hash.
    #[error(transparent)]
    Proof(#[from] BadProof),
    /// Longer than any proof.
    #[error("a proof has at most {HASHES_MAX} hashes")]
    TooLong,
    /// There is no signed note behind it.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// The note is no checkpoint.
    #[error(transparent)]
    Malformed(#[from] BadCheckpoint),
    /// It is said to follow a tree that is larger.
    #[error("a tree of {new} entries cannot follow one of {old}")]
    Backwards {
        /// The size that the witness is said to have seen.
        old: u64,
        /// The size of the checkpoint.
        new: u64,
    },
    /// No log of this name is witnessed here.
    #[error("no log is known here by this name")]
    UnknownLog,
    /// No key of this log has signed it.
    #[error(transparent)]
    Unsigned(#[from] VerifyError),
    /// The witness has seen another tree last: of this size, or another one of the same size.
    #[error("the last tree that was seen of this log has {seen} entries")]
    Conflict {
        /// The size of the tree that was seen last.
        seen: u64,
    },
    /// The checkpoint does not follow from the tree that was seen last.
    #[error(transparent)]
    Unproven(#[from] ProofError),
}

impl WitnessRefusal {
    /// The HTTP status that says it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Backwards { .. } => 400,
            Self::Unsigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Unproven(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Whose checkpoint it is said to be; verified is nothing.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`] where it is none.
    pub fn origin(&self) -> Result<String, WitnessRefusal> {
        let checkpoint: Checkpoint = self.note.text().parse()?;
        Ok(checkpoint.origin().to_owned())
    }

    /// The checkpoint to cosign, where it is signed by one of these logs and follows from the tree
    /// that the witness has seen last of it, none so far being the empty one.
    ///
    /// Whoever cosigns writes down first, durably, that this is the last tree now, and lets no
    /// other request of this log in between.
    ///
    /// # Errors
    /// [`WitnessRefusal`]: then nothing is cosigned.
    pub fn decide(&self, logs: &[VerifierKey], seen: &Tree) -> Result<Checkpoint, WitnessRefusal> {
        let origin = self.origin()?;
        let mut log = logs.iter().filter(|log| log.name().as_str() == origin);
        let log = log.next().ok_or(WitnessRefusal::UnknownLog)?;
        self.note.verify(std::slice::from_ref(log))?;
        let checkpoint: Checkpoint = self.note.text().parse()?;
        let new = *checkpoint.tree();
        if self.old > new.size {
            let (old, new) = (self.old, new.size);
            return Err(WitnessRefusal::Backwards { old, new });
        }
        let another = self.old == new.size && *seen != new;
        if self.old != seen.size || another {
            return Err(WitnessRefusal::Conflict { seen: seen.size });
        }
        self.proof.verify_consistency(seen, &new)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "old {}\n{}\n{}", self.old, self.proof, self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = BadAddCheckpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (old, rest) = text.split_once('\n').ok_or(BadAddCheckpoint::Old)?;
        let old = old.strip_prefix("old ").and_then(decimal);
        let old = old.ok_or(BadAddCheckpoint::Old)?;
        let (proof, note) = if let Some(note) = rest.strip_prefix('\n') {
            ("", note)
        } else {
            let end = rest.find("\n\n").ok_or(BadAddCheckpoint::Unended)?;
            (&rest[..=end], &rest[end + 2..])
        };
        if proof.lines().count() > HASHES_MAX {
            return Err(BadAddCheckpoint::TooLong);
        }
        Ok(Self {
            old,
            proof: proof.parse()?,
            note: Note::parse(note)?,
        })
    }
}

/// A number as the protocol writes it: digits, and no zero before others.
fn decimal(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    let number: u64 = number;
    (number.to_string() == text).then_some(number)
}
