//! Types of events as small numbers, and sets of them: which view wants what is asked for every
//! event.

use std::collections::HashMap;

use meguri_log::Filter;

/// How many types of events there may be.
pub const TYPES_MAX: usize = 1_024;

/// What an event does to rows beside those that a fold names by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Keys,
    /// It changes rows that are found by what is in a column, such as all posts of a member.
    Far,
    /// As far, and it takes away what somebody typed.
    Erases,
}

/// The type of an event, as its place in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    place: u16,
    name: &'static str,
    reach: Reach,
}

/// A set of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds([u64; TYPES_MAX / 64]);

/// All types of a catalog.
#[derive(Debug)]
pub struct Types {
    all: Vec<Kind>,
    by_name: HashMap<&'static str, Kind>,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether folds may change rows by its events that no key names. No view may miss one.
    pub fn reaches_far(self) -> bool {
        self.reach != Reach::Keys
    }

    /// Whether its events take away what somebody typed.
    pub fn erases(self) -> bool {
        self.reach == Reach::Erases
    }

    const fn bit(self) -> (usize, u64) {
        (self.place as usize / 64, 1 << (self.place % 64))
    }
}

impl Types {
    /// The types of these names, of which there may be [`TYPES_MAX`], each with how far its events
    /// reach.
    pub fn new(names: &[&'static str], reach: impl Fn(&str) -> Reach) -> Self {
        let kind = |(place, name): (u16, &&'static str)| Kind {
            place,
            name,
            reach: reach(name),
        };
        let all: Vec<Kind> = (0..).zip(names).map(kind).collect();
        let by_name = all.iter().map(|kind| (kind.name, *kind)).collect();
        Self { all, by_name }
    }

    /// The type of this name; none where the catalog does not know it.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.by_name.get(name).copied()
    }

    /// The types of these names.
    pub fn kinds(&self, names: &[&str]) -> Kinds {
        let kinds = names.iter().filter_map(|name| self.kind(name));
        kinds.fold(Kinds::default(), Kinds::with)
    }

    /// Whether events of one of these types take away what somebody typed.
    pub fn erase(&self, kinds: &Kinds) -> bool {
        let mut erasing = self.all.iter().filter(|kind| kind.erases());
        erasing.any(|kind| kinds.contains(*kind))
    }

    /// Reads every event, and those of other types than these bare. One of a type that the catalog
    /// does not know comes whole: it matters to every view.
    pub fn filter(&self, wanted: &Kinds) -> Filter {
        let unwanted = self.all.iter().filter(|kind| !wanted.contains(**kind));
        unwanted.fold(Filter::default(), |filter, kind| {
            // Every type of the catalog can be named; one that could not would come whole.
            filter.clone().bare(kind.name).unwrap_or(filter)
        })
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self([0; TYPES_MAX / 64])
    }
}

impl Kinds {
    fn with(mut self, kind: Kind) -> Self {
        let (word, bit) = kind.bit();
        self.0[word] |= bit;
        self
    }

    /// Whether this type is in the set.
    pub const fn contains(&self, kind: Kind) -> bool {
        let (word, bit) = kind.bit();
        self.0[word] & bit != 0
    }

    /// The types of both.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (word, others) in self.0.iter_mut().zip(other.0) {
            *word |= others;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_of_a_thousand_types() {
        let names: Vec<&'static str> = (0..TYPES_MAX)
            .map(|number| &*Box::leak(format!("Type{number}").into_boxed_str()))
            .collect();
        let types = Types::new(&names, |name| match name {
            "Type64" => Reach::Far,
            "Type1023" => Reach::Erases,
            _ => Reach::Keys,
        });
        let chosen = ["Type0", "Type63", "Type64", "Type1023"];
        let set = types.kinds(&chosen);
        for name in &names {
            let kind = types.kind(name).filter(|kind| set.contains(*kind));
            assert_eq!(kind.map(Kind::name), chosen.contains(name).then_some(*name));
        }
        assert_eq!(types.kind("Type1024"), None);
        assert_eq!(
            types.kinds(&chosen[..1]).union(&types.kinds(&chosen[1..])),
            set
        );
        assert!(types.erase(&set) && !types.erase(&types.kinds(&chosen[..3])));
        let far = |name| types.kind(name).is_some_and(Kind::reaches_far);
        assert!(far("Type64") && far("Type1023") && !far("Type63"));
    }
}
