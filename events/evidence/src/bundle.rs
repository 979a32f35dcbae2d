//! Making a bundle: events, what proves them, and what of them is disclosed.

use std::borrow::Cow;
use std::fmt::Write as _;

use meguri_proofs::{Proof, VerifierKey};

use crate::VERIFY_PY;
use crate::files::{ERASURES_MAX, Files, NotABundle};
use crate::form::{line, sum};
use crate::names::{Folder, SUMS, event};
use crate::readme;
use crate::zip::Zip;

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
    /// The closed sections whose keys these destroyed: position and name. People are told of them.
    pub erased: Vec<(u64, String)>,
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

/// What a file of a bundle holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text of its own.
    Text(String),
    /// A part of the event of this number in its folder.
    Event(Folder, usize, Part),
}

/// A part of an event that is a file of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Proof,
    Entry,
    Header,
    Blind,
    Plaintext(usize),
    Salt(usize),
}

impl Evidence {
    /// The files of the bundle, all in memory.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] where nobody would read so much.
    pub fn files(&self) -> Result<Files, NotABundle> {
        let mut files = Files::default();
        for (name, content) in self.contents()? {
            files.add(name, self.bytes(&content).into_owned())?;
        }
        Ok(files)
    }

    /// The zip of the bundle, made while it is written.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] where nobody would read so much.
    pub fn into_zip(self) -> Result<Zip, NotABundle> {
        let contents = self.contents()?;
        Zip::new(self, contents)
    }

    /// What is in the bundle, by name.
    fn contents(&self) -> Result<Vec<(String, Content)>, NotABundle> {
        if self.erasures.len() > ERASURES_MAX {
            return Err(NotABundle::TooLarge);
        }
        let mut contents: Vec<(String, Content)> = [
            ("README.ja.md", readme::japanese(self)),
            ("README.en.md", readme::english(self)),
            ("checkpoint", self.checkpoint.clone()),
            ("key", format!("{}\n", self.key)),
            ("verify.py", VERIFY_PY.to_owned()),
        ]
        .map(|(name, text)| (name.to_owned(), Content::Text(text)))
        .into();
        for folder in [Folder::Events, Folder::Erasures] {
            for (number, proven) in self.of(folder).iter().enumerate() {
                let event = event(folder, proven.position);
                proven.parts(|part, name| {
                    let content = Content::Event(folder, number, part);
                    contents.push((format!("{event}.{name}"), content));
                });
            }
        }
        contents.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut sums = String::new();
        for (name, content) in &contents {
            // Writing to a String cannot fail.
            let _ = writeln!(sums, "{}  {name}", sum(&self.bytes(content)));
        }
        let at = contents.partition_point(|(name, _)| name.as_str() < SUMS);
        contents.insert(at, (SUMS.to_owned(), Content::Text(sums)));
        Ok(contents)
    }

    fn of(&self, folder: Folder) -> &[Proven] {
        match folder {
            Folder::Events => &self.events,
            Folder::Erasures => &self.erasures,
        }
    }

    /// The bytes of a file.
    pub(crate) fn bytes<'c>(&'c self, content: &'c Content) -> Cow<'c, [u8]> {
        match content {
            Content::Text(text) => text.as_bytes().into(),
            Content::Event(folder, number, part) => self.of(*folder)[*number].bytes(*part),
        }
    }
}

impl Proven {
    /// Tells the parts of the event, each with the end of its file's name.
    fn parts(&self, mut tell: impl FnMut(Part, Cow<'static, str>)) {
        tell(Part::Proof, "proof".into());
        let Kept::Whole { disclosed, .. } = &self.kept else {
            tell(Part::Entry, "entry".into());
            return;
        };
        tell(Part::Header, "header".into());
        tell(Part::Blind, "blind".into());
        for (number, Disclosed { section, .. }) in disclosed.iter().enumerate() {
            tell(Part::Plaintext(number), format!("{section}.json").into());
            tell(Part::Salt(number), format!("{section}.salt").into());
        }
    }

    fn bytes(&self, part: Part) -> Cow<'_, [u8]> {
        match (&self.kept, part) {
            (_, Part::Proof) => self.proof.to_string().into_bytes().into(),
            (Kept::Redacted { entry }, _) => line(entry).into_bytes().into(),
            (Kept::Whole { header, .. }, Part::Header | Part::Entry) => header.as_bytes().into(),
            (Kept::Whole { blind, .. }, Part::Blind) => line(blind).into_bytes().into(),
            (Kept::Whole { disclosed, .. }, Part::Plaintext(number)) => {
                disclosed[number].plaintext.as_slice().into()
            }
            (Kept::Whole { disclosed, .. }, Part::Salt(number)) => {
                line(&disclosed[number].salt).into_bytes().into()
            }
        }
    }
}
