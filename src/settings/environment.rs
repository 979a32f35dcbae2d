//! The variables of a process, of which every one that is ours has to be known and readable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::SettingsError;

/// What the names of our variables begin with.
const OURS: &str = "MEGURI_";
/// Names differ by a slip of the fingers where so many letters differ at most, and less than half.
const SLIPS_MAX: usize = 3;

/// The variables of a process. It remembers which were asked for: those are the ones that exist.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self {
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            asked: RefCell::default(),
        }
    }
}

impl Environment {
    /// The variables of this process.
    pub fn of_this_process() -> Self {
        std::env::vars_os().collect()
    }

    /// What a variable says; an empty one says nothing.
    ///
    /// # Errors
    /// [`SettingsError::NotUnicode`]: to take it as not set would open another log than it names.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        self.asked.borrow_mut().insert(name);
        let Some(value) = self.variables.get(std::ffi::OsStr::new(name)) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or(SettingsError::NotUnicode(name))?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// The names that were asked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.borrow().clone()
    }

    /// Refuses a variable with our beginning that nothing has asked for: it is a slip, and what it
    /// was to set would stay as it is.
    pub(super) fn refuse_unknown(&self) -> Result<(), SettingsError> {
        let asked = self.asked.borrow();
        for name in self.variables.keys() {
            let name = name.to_string_lossy();
            if name.starts_with(OURS) && !asked.contains(&*name) {
                return Err(SettingsError::UnknownVariable {
                    nearest: nearest(&name, asked.iter().copied()),
                    name: name.into_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The known name that was meant, as far as one can tell.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let ours = known.filter(|known| known.starts_with(OURS));
    let (meant, slips) = ours
        .map(|known| {
            (
                known,
                strsim::osa_distance(&name.to_ascii_uppercase(), known),
            )
        })
        .min_by_key(|(_, slips)| *slips)?;
    let letters = meant.len() - OURS.len();
    (slips <= SLIPS_MAX && slips * 2 < letters).then_some(meant)
}
