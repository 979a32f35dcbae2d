//! Types of events as small numbers, and sets of them: which view wants what is asked for every
//! event.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use meguri_events::TYPES;
use meguri_log::Filter;

/// The type of an event, as its place in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u8);

/// A set of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u128);

/// All of these types, one group behind the other.
pub(crate) const fn joined<const N: usize>(groups: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut next, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[next] = groups[group][index];
            (index, next) = (index + 1, next + 1);
        }
        group += 1;
    }
    assert!(next == N, "as many as there is room for");
    all
}

const _: () = assert!(TYPES.len() <= 128, "a set has a bit for every type");

static PLACES: LazyLock<HashMap<&'static str, Kind>> = LazyLock::new(|| {
    (0..)
        .map(Kind)
        .zip(TYPES)
        .map(|(kind, name)| (*name, kind))
        .collect()
});

/// The names as views store them, in the order of the catalog.
static TEXTS: LazyLock<Vec<Arc<str>>> =
    LazyLock::new(|| TYPES.iter().map(|name| Arc::from(*name)).collect());

impl Kind {
    /// The type of this name; none where the catalog does not know it.
    pub(crate) fn of(name: &str) -> Option<Self> {
        PLACES.get(name).copied()
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        // INVARIANT: a kind is only made of a place in this table.
        TYPES[usize::from(self.0)]
    }

    /// Its name, shared by all rows that store it.
    pub(crate) fn text(self) -> Arc<str> {
        Arc::clone(&TEXTS[usize::from(self.0)])
    }
}

impl Kinds {
    /// The types of these names.
    pub(crate) fn of(names: &[&str]) -> Self {
        names
            .iter()
            .filter_map(|name| Kind::of(name))
            .fold(Self::default(), Self::with)
    }

    const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind.0)
    }

    pub(crate) const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind.0) != 0
    }

    /// Reads every event, and those of other types bare. One of a type that the catalog does not
    /// know comes whole: it matters to every view.
    pub(crate) fn filter(self) -> Filter {
        let unwanted = (0..).map(Kind).zip(TYPES);
        let unwanted = unwanted.filter(|(kind, _)| !self.contains(*kind));
        unwanted.fold(Filter::default(), |filter, (_, name)| {
            // Every type of the catalog can be named; one that could not would come whole.
            filter.clone().bare(name).unwrap_or(filter)
        })
    }

    /// Those of both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set = Kinds::of(&["ThanksSent", "MemberLeft"]);
        for name in TYPES {
            let wanted = ["ThanksSent", "MemberLeft"].contains(name);
            let kind = Kind::of(name).filter(|kind| set.contains(*kind));
            assert_eq!(kind.map(Kind::name), wanted.then_some(*name));
        }
        assert_eq!(Kind::of("ThanksTaken"), None);
        assert_eq!(
            Kinds::of(&["ThanksSent"]).and(Kinds::of(&["MemberLeft"])),
            set
        );
    }
}
