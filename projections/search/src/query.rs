//! What is searched for, and what is found.

use std::ops::Range;

use uuid::Uuid;

use crate::plan::Terms;

/// What is searched for. Without a text everything is found, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// What somebody typed.
    pub text: String,
    /// The share of its words, by how much they say, that has to stand in a document; `None`: all
    /// of them, and most of them only where no document has all.
    pub share: Option<f32>,
    /// Only of this kind.
    pub kind: Option<u8>,
    /// Only of this category.
    pub category: Option<u8>,
    /// Only in this prefecture.
    pub prefecture: Option<u8>,
    /// Only in this city, in any of its writings ([`crate::name_form`]).
    pub city: Option<String>,
    /// Only what can be done so.
    pub mode: Option<Mode>,
    /// Only with this tag, in any of its writings.
    pub tag: Option<String>,
    /// Only what asks for nothing in return, or only what does.
    pub no_return_needed: Option<bool>,
    /// Only of this author.
    pub author: Option<Uuid>,
    /// Never of these authors, and they are not counted.
    pub not_authors: Vec<Uuid>,
    /// Only within a circle.
    pub near: Option<Near>,
    /// Only posted then or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// What comes first.
    pub sort: Sort,
    /// How many hits are returned.
    pub limit: usize,
    /// The key of the last hit of the page before.
    pub after: Option<Key>,
}

/// Where help happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// From afar.
    Online,
    /// On the spot.
    Offline,
}

/// A circle on the earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Degrees north of its middle.
    pub lat: f64,
    /// Degrees east of its middle.
    pub lon: f64,
    /// Its radius in kilometres.
    pub km: f64,
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// What fits the text best; without a text, the newest.
    #[default]
    Relevance,
    /// The newest.
    Newest,
    /// The nearest to the middle of `near`; without it, the newest.
    Nearest,
}

/// The place of a hit in the order of all hits: the larger comes first. It is total, for no two
/// documents share `posted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// By what is sorted: the bits of the score, or the metres taken from `u64::MAX`, or 0.
    pub rank: u64,
    /// The document's place in the order of all.
    pub posted: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How many documents, exactly.
    pub total: u64,
    /// The first of them.
    pub hits: Vec<Hit>,
    /// How they are spread.
    pub facets: Facets,
    /// Nothing fits the text as it is: these fit a corrected one, or most of its words.
    pub relaxed: bool,
    /// The text with what is found in place of what was mistyped.
    pub did_you_mean: Option<String>,
    /// What was looked for, to mark it in what is shown: see [`crate::highlight`].
    pub terms: Terms,
}

/// A document that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub id: Uuid,
    /// Its place in the order of all hits.
    pub key: Key,
    /// How far it is from the middle of `near`.
    pub metres: Option<u32>,
}

/// How many documents there are of each value. Each list is counted with every other filter
/// applied, but not the filter on itself: what would be found if that one were changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// By kind: code and count, by code; values without a document are left out.
    pub kinds: Vec<(u8, u64)>,
    /// By category.
    pub categories: Vec<(u8, u64)>,
    /// By prefecture; documents without one are not counted.
    pub prefectures: Vec<(u8, u64)>,
    /// What can be done from afar.
    pub online: u64,
    /// What can be done on the spot.
    pub offline: u64,
    /// What asks for nothing in return.
    pub no_return_needed: u64,
}

/// A word that somebody may be typing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The word, as it stands in a document.
    pub text: String,
    /// In how many documents it stands, about: those that were removed since the last merge count.
    pub count: u64,
}

/// Where something stands in a text, in bytes.
pub type Mark = Range<usize>;
