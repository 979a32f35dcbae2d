//! Checkpoints: what a log says of itself when it signs (C2SP tlog-checkpoint).

use std::{fmt, str::FromStr};

use crate::{
    key::VerifierKey,
    note::{Note, VerifyError},
    tree::{Tree, hash_from_base64, hash_to_base64},
};

/// The text of a log's signed note: which log, how many entries, which root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// INVARIANT: one line that is not empty; the extensions likewise.
    origin: String,
    tree: Tree,
    extensions: Vec<String>,
}

/// The text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// It does not have its three lines, or a line is empty or does not end.
    #[error("a checkpoint is a line each for origin, size and root, none of them empty")]
    Lines,
    /// The second line is not a number in its one form.
    #[error("{0:?} is not the size of a tree: expected decimal digits without a leading zero")]
    Size(String),
    /// The third line is not a hash.
    #[error("{0:?} is not a root: expected 32 bytes in base64")]
    Root(String),
    /// A tree without entries has one root only.
    #[error("an empty tree does not have this root")]
    NotEmpty,
}

/// The note does not tell what the log is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The log did not sign it.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// It signed something else.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// It is the checkpoint of another log that is signed by the same key.
    #[error("this is a checkpoint of {found:?}, not of {expected:?}")]
    Origin {
        /// Whose it should be.
        expected: String,
        /// Whose it is.
        found: String,
    },
}

impl Checkpoint {
    /// What the log of this name says when it has become this tree.
    ///
    /// # Errors
    /// [`BadCheckpoint`] where the name is not one line, or no tree has this size and this root.
    pub fn new(origin: impl Into<String>, tree: Tree) -> Result<Self, BadCheckpoint> {
        let origin = origin.into();
        let extensions = Vec::new();
        Self {
            origin,
            tree,
            extensions,
        }
        .checked()
    }

    /// What this log says in this note. Its key has the name of the log, as every log's should.
    ///
    /// Of a log whose key is named otherwise, verify the note, parse its text and compare the
    /// origin.
    ///
    /// # Errors
    /// [`OpenError`] where it does not say it.
    pub fn open(note: &Note, key: &VerifierKey) -> Result<Self, OpenError> {
        note.verify(std::slice::from_ref(key))?;
        let checkpoint: Self = note.text().parse()?;
        let expected = key.name().as_str();
        if checkpoint.origin == expected {
            return Ok(checkpoint);
        }
        let (expected, found) = (expected.into(), checkpoint.origin);
        Err(OpenError::Origin { expected, found })
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries it has, and the root over them.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What else it said: lines that mean nothing here, and are kept because they are signed, too.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    fn checked(self) -> Result<Self, BadCheckpoint> {
        let mut lines = std::iter::once(&self.origin).chain(&self.extensions);
        if lines.any(|line| line.is_empty() || line.contains(|c| c < ' ')) {
            return Err(BadCheckpoint::Lines);
        }
        if (self.tree.size == 0) != (self.tree.root == Tree::EMPTY.root) {
            return Err(BadCheckpoint::NotEmpty);
        }
        Ok(self)
    }
}

/// The lines, each with its newline: the text of the note.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tree { size, root } = &self.tree;
        writeln!(f, "{}\n{size}\n{}", self.origin, hash_to_base64(root))?;
        let mut extensions = self.extensions.iter();
        extensions.try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = BadCheckpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_suffix('\n').ok_or(BadCheckpoint::Lines)?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(BadCheckpoint::Lines);
        };
        let number = size.parse().ok();
        let number = number.filter(|number: &u64| number.to_string() == size);
        Self {
            origin: origin.into(),
            tree: Tree {
                size: number.ok_or_else(|| BadCheckpoint::Size(size.into()))?,
                root: hash_from_base64(root).ok_or_else(|| BadCheckpoint::Root(root.into()))?,
            },
            extensions: lines.map(Into::into).collect(),
        }
        .checked()
    }
}
