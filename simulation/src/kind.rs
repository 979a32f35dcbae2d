//! Which kind of world a seed is.

use std::{fmt, str::FromStr};

use meguri_log::simulation::Random;

/// So many of a thousand seeds are worlds of these kinds: they have files, and take more time than
/// a log alone.
const PUBLISHERS: u64 = 60;
const VIEWS: u64 = 10;
const POLICIES: u64 = 10;

/// What runs in a world beside the log itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorldKind {
    /// Clients and followers of several processes, and nothing else.
    Clients,
    /// Processes that publish one log, copies of it, and witnesses.
    Publishers,
    /// Views of a log, and the erasure of what was sealed.
    Views,
    /// Commands, and policies that follow on what has happened.
    Policies,
}

/// A text is not the name of a kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("worlds are of clients, publishers, views, or policies")]
pub struct UnknownKind;

impl WorldKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Clients, Self::Publishers, Self::Views, Self::Policies];

    /// The kind of a seed's world. It is drawn by itself, so that a world is not another one where
    /// only the shares of the kinds are.
    pub fn of(seed: u64) -> Self {
        let mut drawn = Random::new(!seed).below(1_000);
        let shares = [
            (PUBLISHERS, Self::Publishers),
            (VIEWS, Self::Views),
            (POLICIES, Self::Policies),
        ];
        for (share, kind) in shares {
            match drawn.checked_sub(share) {
                Some(rest) => drawn = rest,
                None => return kind,
            }
        }
        Self::Clients
    }

    /// Whether worlds of this kind are built in.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Clients | Self::Publishers => true,
            Self::Views => cfg!(feature = "views"),
            Self::Policies => cfg!(feature = "policies"),
        }
    }

    /// The seeds of this kind from one on.
    pub fn seeds(self, first: u64) -> impl Iterator<Item = u64> {
        (first..).filter(move |seed| Self::of(*seed) == self)
    }
}

impl fmt::Display for WorldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clients => "clients",
            Self::Publishers => "publishers",
            Self::Views => "views",
            Self::Policies => "policies",
        })
    }
}

impl FromStr for WorldKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.to_string() == name).ok_or(UnknownKind)
    }
}
