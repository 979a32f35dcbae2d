//! Words by the dictionary: lindera with IPADIC, and the words of the community.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lindera::dictionary::{
    Dictionary, DictionaryBuilder, Lattice, Metadata, UserDictionary, load_fs_dictionary,
};
use lindera::mode::{Mode, Penalty};
use lindera::segmenter::Segmenter;
use lindera::token::Token;

use super::kana::{fold, is_kanji, is_latin, is_long, to_katakana};
use super::parts::Details;
use super::word::Word;
use super::{AnalyzerError, UserWord};

/// The costs of a word of the community: it wins over a guess, and does not cut two words of the
/// dictionary apart (会津 in 社会津波).
const USER_WORD_COST: i32 = -2_000;
/// IPADIC's left and right context of 名詞,固有名詞,一般.
const NAME_CONTEXT: u16 = 1_288;
/// Where the reading stands in what IPADIC says of a word.
const READING: usize = 7;
/// Lattices that are kept for the next text.
const SPARE_LATTICES_MAX: usize = 4;
/// Modifiers whose reading is kept; all are forgotten when there are more.
const MODIFIERS_MAX: usize = 20_000;

/// Cuts text into the words of a dictionary.
pub(super) struct Morphemes {
    segmenter: Segmenter,
    /// Memory of earlier texts; a lattice is some hundred kilobytes.
    spare: Mutex<Vec<Lattice>>,
    /// How the first part of a compound reads by itself, if it is one word.
    modifiers: Mutex<HashMap<String, Option<String>>>,
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
            modifiers: Mutex::default(),
        })
    }

    /// The same dictionary with other words of the community.
    pub(super) fn with_words(&self, words: &[UserWord]) -> Result<Self, AnalyzerError> {
        Self::new(self.segmenter.dictionary.clone(), words)
    }

    /// The words of a normalised text, except those in Latin letters.
    pub(super) fn words(&self, text: &str) -> Vec<Word> {
        let mut words: Vec<_> =
            self.tokens(text, |tokens| tokens.iter_mut().filter_map(word).collect());
        for word in &mut words {
            let compound = word.head.is_some().then_some(&word.form);
            if compound.is_some_and(|form| !self.is_open(form, word.reading.as_deref())) {
                word.head = None;
            }
        }
        words
    }

    /// Whether the first part of a compound is read as it is by itself, so that the last part is
    /// what it is about: 絵本 (エ), but not 基本 (モト) or 家庭 (イエ).
    fn is_open(&self, compound: &str, reading: Option<&str>) -> bool {
        let mut modifier = compound.to_owned();
        modifier.pop();
        let mut known = self
            .modifiers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MODIFIERS_MAX {
            known.clear();
        }
        let alone = known
            .entry(modifier)
            .or_insert_with_key(|it| self.reading_alone(it));
        match (reading, alone) {
            (Some(reading), Some(alone)) => reading.starts_with(alone.as_str()),
            _ => false,
        }
    }

    fn reading_alone(&self, text: &str) -> Option<String> {
        self.tokens(text, |tokens| match tokens {
            [token] => token.get_detail(READING).map(fold),
            _ => None,
        })
    }

    /// What the tokens of a text are made into.
    fn tokens<T>(&self, text: &str, made: impl FnOnce(&mut [Token<'_>]) -> T) -> T {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lattice = spare.pop().unwrap_or_default();
        drop(spare);
        let text = Cow::Borrowed(text);
        let segmented = self.segmenter.segment_with_lattice(text, &mut lattice);
        // It fails on a broken dictionary alone; text is then found by pairs of characters.
        let made = made(&mut segmented.unwrap_or_default());
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_LATTICES_MAX {
            spare.push(lattice);
        }
        made
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
        detail: detail(2),
        conjugation: detail(4),
        base: detail(6),
        reading: detail(READING),
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

/// The words of the community as lindera's user dictionary: as they are written, and in both kana,
/// which the dictionary knows as little.
fn user_dictionary(words: &[UserWord]) -> Result<Option<UserDictionary>, AnalyzerError> {
    let mut rows = String::new();
    for word in words {
        let (surface, reading) = word.normalised()?;
        push_row(&mut rows, &surface, reading.as_deref().unwrap_or("*"));
        let Some(reading) = reading else {
            continue;
        };
        let katakana: String = reading.chars().map(to_katakana).collect();
        for kana in [&reading, &katakana] {
            if *kana != surface && is_long(kana) {
                push_row(&mut rows, kana, &reading);
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let builder = DictionaryBuilder::new(Metadata::default());
    let built = builder.build_user_dict_from_reader(rows.as_bytes());
    built
        .map(Some)
        .map_err(|error| AnalyzerError::Words(error.to_string()))
}

fn push_row(rows: &mut String, surface: &str, reading: &str) {
    let quoted = surface.replace('"', "\"\"");
    let (cost, context) = (user_word_cost(surface), NAME_CONTEXT);
    let _infallible = writeln!(
        rows,
        "\"{quoted}\",{context},{context},{cost},名詞,固有名詞,一般,*,*,*,\"{quoted}\",\
         {reading},{reading}"
    );
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
