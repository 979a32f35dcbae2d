//! Text as it is looked for: normalised, cut into words, each with its reading.

mod bigrams;
mod boundaries;
mod kana;
mod latin;
mod morphemes;
mod normalise;
mod parts;
mod word;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::dictionary;
use boundaries::Boundaries;
use morphemes::Morphemes;

pub(crate) use bigrams::bigrams;
pub(crate) use kana::{fold, is_all_kana, is_kana, is_katakana, to_hiragana, to_katakana};
pub(crate) use normalise::{Normalised, normalise};
pub(crate) use word::{Word, may_be_the_same, one_kanji};

/// Raised with every change of what is written into an index: of the analyzer and of the fields.
const RULES: u32 = 1;

/// A word that the dictionary does not know, or cuts wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserWord {
    /// How it is written.
    pub surface: String,
    /// How it is read, in kana; `None`: it is found as it is written alone.
    pub reading: Option<String>,
}

impl UserWord {
    /// The word as it stands in normalised text, and its reading in folded hiragana.
    fn normalised(&self) -> Result<(String, Option<String>), AnalyzerError> {
        let refused = || AnalyzerError::Word(self.surface.clone());
        let surface = normalise(self.surface.trim()).text;
        if surface.is_empty() || surface.chars().any(char::is_control) {
            return Err(refused());
        }
        let reading = self.reading.as_deref().map(|it| normalise(it.trim()).text);
        match reading {
            Some(reading) if !is_all_kana(&reading) => Err(refused()),
            Some(reading) => Ok((surface, Some(fold(&reading)))),
            None => Ok((surface, None)),
        }
    }
}

/// Why there is no analyzer.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// There is no dictionary in the folder, or one of another version: build it, or go without.
    #[error("the dictionary in {folder} cannot be used: {reason}")]
    Dictionary {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A word of the community is empty, or its reading is not in kana: refuse it.
    #[error("`{0}` cannot be a word: it is empty, or its reading is not in kana")]
    Word(String),
    /// The words of the community do not form a dictionary.
    #[error("the words cannot be used: {0}")]
    Words(String),
}

/// Cuts text into what it is found by. Clones share the dictionary.
#[derive(Clone)]
pub struct Analyzer {
    variant: Arc<Variant>,
    fingerprint: [u8; 32],
}

enum Variant {
    Dictionary(Box<Morphemes>),
    Boundaries(Boundaries),
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match *self.variant {
            Variant::Dictionary(_) => "dictionary",
            Variant::Boundaries(_) => "boundaries",
        };
        write!(out, "Analyzer({variant})")
    }
}

impl Default for Analyzer {
    /// Without a dictionary, and without words of the community.
    fn default() -> Self {
        Self::of_boundaries(Boundaries::default())
    }
}

impl Analyzer {
    /// Cuts by the dictionary that [`dictionary::build`] made in `folder`, and by words of the
    /// community. The folder is mapped into memory and must stay.
    pub fn with_dictionary(folder: &Path, words: &[UserWord]) -> Result<Self, AnalyzerError> {
        let hash = dictionary::hash(folder).map_err(|error| AnalyzerError::Dictionary {
            folder: folder.to_owned(),
            reason: error.to_string(),
        })?;
        let morphemes = Morphemes::new(Morphemes::load(folder)?, words)?;
        Ok(Self {
            variant: Arc::new(Variant::Dictionary(Box::new(morphemes))),
            fingerprint: fingerprint("dictionary", lindera::get_version(), &hash),
        })
    }

    /// Cuts where Unicode's data sees the boundary of a word: readings are not known, and katakana
    /// are not cut. Words of the community are cut out first.
    pub fn without_dictionary(words: &[UserWord]) -> Result<Self, AnalyzerError> {
        Ok(Self::of_boundaries(Boundaries::new(words)?))
    }

    fn of_boundaries(boundaries: Boundaries) -> Self {
        Self {
            variant: Arc::new(Variant::Boundaries(boundaries)),
            fingerprint: fingerprint("boundaries", "", &[]),
        }
    }

    /// The same analyzer with other words of the community; the dictionary is not loaded again.
    pub fn with_words(&self, words: &[UserWord]) -> Result<Self, AnalyzerError> {
        let variant = match &*self.variant {
            Variant::Dictionary(morphemes) => {
                Variant::Dictionary(Box::new(morphemes.with_words(words)?))
            }
            Variant::Boundaries(_) => Variant::Boundaries(Boundaries::new(words)?),
        };
        Ok(Self {
            variant: Arc::new(variant),
            fingerprint: self.fingerprint,
        })
    }

    /// Whether it cuts by a dictionary.
    pub fn has_dictionary(&self) -> bool {
        matches!(*self.variant, Variant::Dictionary(_))
    }

    /// What an index depends on: its fields, these rules, the variant, lindera's version and the
    /// dictionary; not the words of the community, which hold for what is put from then on. An
    /// index with another fingerprint is to be built anew.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The words of a normalised text in order, the parts of a word after it.
    pub(crate) fn words(&self, text: &Normalised) -> Vec<Word> {
        let mut words = match &*self.variant {
            Variant::Dictionary(morphemes) => morphemes.words(&text.text),
            Variant::Boundaries(boundaries) => boundaries.words(&text.text),
        };
        let latin = latin::latin_words(&text.text);
        if !latin.is_empty() {
            words.extend(latin);
            words.sort_by_key(|word| word.range.start);
        }
        words
    }
}

/// Whether a text has these letters in a row, in whatever writing.
pub fn contains(text: &str, letters: &str) -> bool {
    let letters = normalise(letters.trim()).text;
    normalise(text).text.contains(&letters)
}

fn fingerprint(variant: &str, version: &str, dictionary: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(RULES.to_be_bytes());
    for part in [variant.as_bytes(), version.as_bytes(), dictionary] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
