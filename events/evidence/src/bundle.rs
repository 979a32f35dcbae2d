//! Making a bundle: events, what proves them, and what of them is disclosed.

use meguri_proofs::{Proof, VerifierKey};

use crate::VERIFY_PY;
use crate::files::{Files, NotABundle};
use crate::form::{line, sum};
use crate::names::{Folder, SUMS, event};
use crate::readme;

/// What goes into a bundle.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The stream that it is about.
    pub about: String,
    /// The events of that stream from its first on, and before its last whatever led to them.
    pub events: Vec<Proven>,
    /// The events by which keys of closed sections were destroyed, and those that tell of redacted
    /// events and are not among the events above.
    pub erasures: Vec<Proven>,
    /// The signed note that all proofs lead to.
    pub checkpoint: String,
    /// The key that signed it.
    pub key: VerifierKey,
}

/// An event and the proof that it is in the log.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Where it stands in the log, from 1.
    pub position: u64,
    /// What is left of it.
    pub kept: Kept,
    /// The inclusion path to the checkpoint's root.
    pub proof: Proof,
}

/// What is left of an event.
#[derive(Debug, Clone)]
pub enum Kept {
    /// All of it.
    Whole {
        /// The header, byte for byte.
        header: String,
        /// What the header was hashed with.
        blind: [u8; 32],
        /// The sections that are disclosed.
        disclosed: Vec<Disclosed>,
    },
    /// The entry alone: the header was redacted.
    Redacted {
        /// The bytes that the tree is made of.
        entry: [u8; 33],
    },
}

/// A section with what it takes to show that it was recorded so.
#[derive(Debug, Clone)]
pub struct Disclosed {
    /// Its name.
    pub section: String,
    /// What was typed, byte for byte.
    pub plaintext: Vec<u8>,
    /// What the commitment was made with.
    pub salt: [u8; 32],
}

impl Evidence {
    /// The files of the bundle.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] where nobody would read so much.
    pub fn files(&self) -> Result<Files, NotABundle> {
        let mut files = Files::default();
        for (folder, events) in [
            (Folder::Events, &self.events),
            (Folder::Erasures, &self.erasures),
        ] {
            for proven in events {
                proven.write(folder, &mut files)?;
            }
        }
        let texts = [
            ("README.ja.md", readme::japanese(self)),
            ("README.en.md", readme::english(self)),
            ("checkpoint", self.checkpoint.clone()),
            ("key", format!("{}\n", self.key)),
            ("verify.py", VERIFY_PY.to_owned()),
        ];
        for (name, text) in texts {
            files.add(name.to_owned(), text.into_bytes())?;
        }
        let sums = files
            .iter()
            .map(|(name, bytes)| format!("{}  {name}\n", sum(bytes)));
        let sums: String = sums.collect();
        files.add(SUMS.to_owned(), sums.into_bytes())?;
        Ok(files)
    }
}

impl Proven {
    fn write(&self, folder: Folder, files: &mut Files) -> Result<(), NotABundle> {
        let event = event(folder, self.position);
        let mut add = |part: &str, bytes| files.add(format!("{event}.{part}"), bytes);
        add("proof", self.proof.to_string().into_bytes())?;
        match &self.kept {
            Kept::Redacted { entry } => add("entry", line(entry).into_bytes()),
            Kept::Whole {
                header,
                blind,
                disclosed,
            } => {
                add("header", header.clone().into_bytes())?;
                add("blind", line(blind).into_bytes())?;
                for Disclosed {
                    section,
                    plaintext,
                    salt,
                } in disclosed
                {
                    add(&format!("{section}.json"), plaintext.clone())?;
                    add(&format!("{section}.salt"), line(salt).into_bytes())?;
                }
                Ok(())
            }
        }
    }
}
