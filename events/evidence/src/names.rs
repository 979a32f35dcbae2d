//! The names of a bundle's files: what each may be, and nothing else is read.

/// Files that every bundle has, beside [`SUMS`].
pub(crate) const ALWAYS: [&str; 5] = [
    "README.en.md",
    "README.ja.md",
    "checkpoint",
    "key",
    "verify.py",
];
/// Name of the list of all other files with their SHA-256 sums.
pub const SUMS: &str = "SHA256SUMS";

/// The folders of a bundle.
pub const FOLDERS: [&str; 2] = [Folder::Events.name(), Folder::Erasures.name()];

/// Where events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Folder {
    /// What the bundle is about, and what led to it.
    Events,
    /// What destroyed the keys of sections that cannot be opened any more.
    Erasures,
}

impl Folder {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Erasures => "erasures",
        }
    }
}

/// One file of an event: `<folder>/<position>.<part>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventFile<'n> {
    pub(crate) folder: Folder,
    pub(crate) position: u64,
    pub(crate) part: Part<'n>,
}

/// What a file says of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'n> {
    /// The header, byte for byte.
    Header,
    /// What the header was hashed with.
    Blind,
    /// In place of both where the header was redacted: the entry.
    Entry,
    /// The inclusion path.
    Proof,
    /// The plaintext of a section.
    Plaintext(&'n str),
    /// What the plaintext was committed to with.
    Salt(&'n str),
}

impl<'n> EventFile<'n> {
    /// Reads a name; none for every other.
    pub(crate) fn parse(name: &'n str) -> Option<Self> {
        let (folder, file) = name.split_once('/')?;
        let folder = [Folder::Events, Folder::Erasures]
            .into_iter()
            .find(|it| it.name() == folder)?;
        let (number, part) = file.split_once('.')?;
        let position: u64 = number.parse().ok()?;
        if position == 0 || position.to_string() != number {
            return None;
        }
        let part = match part {
            "header" => Part::Header,
            "blind" => Part::Blind,
            "entry" => Part::Entry,
            "proof" => Part::Proof,
            section => match section.split_once('.')? {
                (section, "json") => Part::Plaintext(plain(section)?),
                (section, "salt") => Part::Salt(plain(section)?),
                _ => return None,
            },
        };
        Some(Self {
            folder,
            position,
            part,
        })
    }
}

/// The name of a section, as headers have them.
fn plain(section: &str) -> Option<&str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!section.is_empty() && section.bytes().all(good)).then_some(section)
}

/// `<folder>/<position>`: how an event is named in findings, and how its files begin.
pub(crate) fn event(folder: Folder, position: u64) -> String {
    format!("{}/{position}", folder.name())
}
