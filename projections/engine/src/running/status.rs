//! What a view is doing, and how far it is, as everybody may know.

use meguri_log::Position;
use serde::{Deserialize, Serialize};

use crate::{
    files::{changes::Diff, parked::ParkedStream},
    folding::view::AnyView,
};

/// What a view is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ViewState {
    /// Its first file is being built; nothing can be read yet.
    Building,
    /// It can be read and follows the log.
    Live,
    /// It met an event that it cannot fold. What it has can be read; nothing is skipped.
    Stopped {
        /// The event it stands before.
        #[serde(rename = "stopped_before")]
        position: Position,
        /// Why it cannot be folded.
        reason: String,
    },
    /// Its file was not what the log makes of it: it is not read any more, and is built anew.
    Withdrawn {
        /// What was found.
        reason: String,
    },
}

/// What is being done to a file that is not live yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildPhase {
    /// Events are folded into it.
    #[default]
    Folding,
    /// What it holds is compared with the log, and its rows with what was written.
    Verifying,
    /// Its indexes are made.
    Indexing,
}

impl BuildPhase {
    pub const ALL: [Self; 3] = [Self::Folding, Self::Verifying, Self::Indexing];

    /// Its name, as in answers and measurements.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folding => "folding",
            Self::Verifying => "verifying",
            Self::Indexing => "indexing",
        }
    }
}

/// How far a file is that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStatus {
    /// What is being done.
    pub phase: BuildPhase,
    /// Every event up to here is in it.
    pub position: Position,
    /// Events folded a second since it began.
    pub events_per_second: u64,
    /// How long folding the rest takes at this rate; none where that cannot be told.
    pub seconds_left: Option<u64>,
}

/// What the text of a view is cut into words by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// A dictionary, which knows how words are read.
    Dictionary,
    /// The boundaries that Unicode's data sees: no dictionary is installed.
    Unicode,
}

impl Tokenizer {
    /// Its name, as in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionary",
            Self::Unicode => "unicode",
        }
    }

    pub fn of(view: &dyn AnyView) -> Option<Self> {
        Some(if view.searching()?.analyzer.has_dictionary() {
            Self::Dictionary
        } else {
            Self::Unicode
        })
    }
}

/// A view at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewStatus {
    /// Its name.
    pub name: String,
    /// Its declared version.
    pub version: u32,
    /// What its rows depend on beside the events, in short.
    pub fingerprint: String,
    /// Every event up to here is in what can be read (while building: in what is being built).
    pub position: Position,
    /// How many events the log is ahead.
    pub lag: u64,
    /// What it is doing.
    #[serde(flatten)]
    pub state: ViewState,
    /// The new file that is being built, beside the live one if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub build: Option<BuildStatus>,
    /// What its version has changed against the one before it, in numbers of rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes: Option<Diff>,
    /// What its text is cut by, where it is searched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokenizer: Option<Tokenizer>,
    /// Up to the erasure at this position nothing of what is erased is left in any of its files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erased_up_to: Option<Position>,
    /// The erasure at this position is not done yet: what it names may be left in its files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erasure_due: Option<Position>,
    /// Streams that it goes on without, as far as they are told: of more than a hundred, the first
    /// by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parked: Vec<ParkedStream>,
    /// How many streams it goes on without.
    #[serde(default)]
    pub parked_streams: u64,
}

impl ViewStatus {
    /// Whether it stands before an event that it cannot fold.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, ViewState::Stopped { .. })
    }
}
