//! Words by the dictionary: lindera with IPADIC, and the words of the community.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lindera::dictionary::{
    Dictionary, DictionaryBuilder, Lattice, Metadata, UserDictionary, load_fs_dictionary,
};
use lindera::mode::{Mode, Penalty};
use lindera::segmenter::Segmenter;
use lindera::token::Token;

use super::kana::{fold, is_all_kana, is_kanji, is_latin};
use super::normalise::normalise;
use super::parts::Details;
use super::word::Word;
use super::{AnalyzerError, UserWord};

/// The costs of a word of the community: it wins over a guess, and does not cut two words of the
/// dictionary apart (会津 in 社会津波).
const USER_WORD_COST: i32 = -2_000;
/// IPADIC's left and right context of 名詞,固有名詞,一般.
const NAME_CONTEXT: u16 = 1_288;
/// Lattices that are kept for the next text.
const SPARE_LATTICES_MAX: usize = 4;

/// Cuts text into the words of a dictionary.
pub(super) struct Morphemes {
    segmenter: Segmenter,
    /// Memory of earlier texts; a lattice is some hundred kilobytes.
    spare: Mutex<Vec<Lattice>>,
}

impl Morphemes {
    pub(super) fn load(folder: &Path) -> Result<Dictionary, AnalyzerError> {
        load_fs_dictionary(folder).map_err(|error| AnalyzerError::Dictionary {
            folder: folder.to_owned(),
            reason: error.to_string(),
        })
    }

    pub(super) fn new(dictionary: Dictionary, words: &[UserWord]) -> Result<Self, AnalyzerError> {
        let user = user_dictionary(words)?;
        Ok(Self {
            segmenter: Segmenter::new(Mode::Decompose(Penalty::default()), dictionary, user),
            spare: Mutex::default(),
        })
    }

    /// The same dictionary with other words of the community.
    pub(super) fn with_words(&self, words: &[UserWord]) -> Result<Self, AnalyzerError> {
        Self::new(self.segmenter.dictionary.clone(), words)
    }

    /// The words of a normalised text, except those in Latin letters.
    pub(super) fn words(&self, text: &str) -> Vec<Word> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lattice = spare.pop().unwrap_or_default();
        drop(spare);
        let segmented = self
            .segmenter
            .segment_with_lattice(Cow::Borrowed(text), &mut lattice);
        // It fails on a broken dictionary alone; its text is then found by bigrams.
        let mut tokens = segmented.unwrap_or_default();
        let words = tokens.iter_mut().filter_map(word).collect();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_LATTICES_MAX {
            spare.push(lattice);
        }
        words
    }
}

/// What is looked for of a token, if anything.
fn word(token: &mut Token<'_>) -> Option<Word> {
    let surface = token.surface.clone();
    let letters = surface.chars().any(char::is_alphanumeric);
    if !letters || surface.chars().any(is_latin) {
        return None;
    }
    let known = !token.word_id.is_unknown();
    let range = token.byte_start..token.byte_end;
    let details = token.details();
    let detail = |at: usize| details.get(at).copied().unwrap_or("*");
    let content = Details {
        surface: &surface,
        part: detail(0),
        kind: detail(1),
        conjugation: detail(4),
        base: detail(6),
        reading: detail(7),
    }
    .content()?;
    Some(Word {
        range,
        form: content.form,
        reading: content.reading,
        shown: content.shown,
        known,
        head: content.head,
        part: false,
    })
}

/// The words of the community as lindera's user dictionary.
fn user_dictionary(words: &[UserWord]) -> Result<Option<UserDictionary>, AnalyzerError> {
    let mut rows = String::new();
    for word in words {
        let surface = normalise(word.surface.trim()).text;
        if surface.is_empty() || surface.chars().any(char::is_control) {
            return Err(AnalyzerError::Word(word.surface.clone()));
        }
        let reading = match &word.reading {
            Some(reading) => {
                let reading = normalise(reading.trim()).text;
                if !is_all_kana(&reading) {
                    return Err(AnalyzerError::Word(word.surface.clone()));
                }
                fold(&reading)
            }
            None => "*".to_owned(),
        };
        let quoted = surface.replace('"', "\"\"");
        let cost = user_word_cost(&surface);
        let context = NAME_CONTEXT;
        let _infallible = writeln!(
            rows,
            "\"{quoted}\",{context},{context},{cost},名詞,固有名詞,一般,*,*,*,\"{quoted}\",\
             {reading},{reading}"
        );
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let built =
        DictionaryBuilder::new(Metadata::default()).build_user_dict_from_reader(rows.as_bytes());
    built
        .map(Some)
        .map_err(|error| AnalyzerError::Words(error.to_string()))
}

/// The cost that is left when lindera has added what it adds to long words to cut them apart.
fn user_word_cost(surface: &str) -> i32 {
    let penalty = Penalty::default();
    let chars = surface.chars().count();
    let (threshold, each) = if surface.chars().all(is_kanji) {
        (
            penalty.kanji_penalty_length_threshold,
            penalty.kanji_penalty_length_penalty,
        )
    } else {
        (
            penalty.other_penalty_length_threshold,
            penalty.other_penalty_length_penalty,
        )
    };
    let excess = i32::try_from(chars.saturating_sub(threshold)).unwrap_or(i32::MAX);
    let cost = USER_WORD_COST.saturating_sub(excess.saturating_mul(each));
    cost.max(i32::from(i16::MIN))
}
