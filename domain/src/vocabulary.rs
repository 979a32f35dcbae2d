//! The vocabulary of search: words that are kept whole, and groups of words that stand for each
//! other (つながり). Operators look after it.

use std::collections::BTreeMap;

use meguri_events::{
    Event, Reading, SynonymsGrouped, SynonymsUngrouped, VocabularyEvent, VocabularyWord,
    VocabularyWordAdded, VocabularyWordRemoved,
};

use crate::{Aggregate, Counts};

/// Most words of the vocabulary.
pub const VOCABULARY_WORDS_MAX: usize = 10_000;
/// The highest number that a group of synonyms can have.
pub const SYNONYM_GROUPS_MAX: u32 = 2_000;
/// Most words of a group.
pub const SYNONYMS_MAX: usize = 20;

/// Why the vocabulary does not change so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// Remove some first.
    #[error("the vocabulary has as many words as it takes")]
    TooManyWords,
    /// Groups are numbered from 1 to 2,000.
    #[error("groups of synonyms have the numbers 1 to 2000")]
    NoSuchNumber,
    /// One word has no synonym, and the same word twice is one word.
    #[error("a group has 2 to 20 words, each once")]
    NotAGroup,
    /// Two groups would be one.
    #[error("a word of this group stands in another group")]
    InAnotherGroup,
    /// There is nothing to change.
    #[error("the vocabulary has no such word or group")]
    NotThere,
}

impl VocabularyError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyWords => "too-many-words",
            Self::NoSuchNumber => "no-such-group-number",
            Self::NotAGroup => "not-a-group",
            Self::InAnotherGroup => "in-another-group",
            Self::NotThere => "not-in-the-vocabulary",
        }
    }

    /// The refusal in Japanese.
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::TooManyWords => "登録できる語の数の上限に達しています。",
            Self::NoSuchNumber => "つながりの番号は1から2000までです。",
            Self::NotAGroup => "つながりには、異なる語を2つから20まで入れてください。",
            Self::InAnotherGroup => "ほかのつながりに入っている語があります。",
            Self::NotThere => "その語やつながりは登録されていません。",
        }
    }
}

/// The vocabulary, as its stream tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    words: BTreeMap<VocabularyWord, Option<Reading>>,
    groups: BTreeMap<u32, Vec<VocabularyWord>>,
}

impl Vocabulary {
    /// Adds a word, or gives it another reading. One that is there already yields no event.
    ///
    /// # Errors
    /// [`VocabularyError::TooManyWords`].
    pub fn add_word(
        &self,
        word: VocabularyWord,
        reading: Option<Reading>,
    ) -> Result<Vec<VocabularyEvent>, VocabularyError> {
        let there = self.words.get(&word);
        if there == Some(&reading) {
            return Ok(vec![]);
        }
        if there.is_none() && self.words.len() >= VOCABULARY_WORDS_MAX {
            return Err(VocabularyError::TooManyWords);
        }
        Ok(vec![VocabularyWordAdded { word, reading }.into()])
    }

    /// Removes a word.
    ///
    /// # Errors
    /// [`VocabularyError::NotThere`].
    pub fn remove_word(
        &self,
        word: VocabularyWord,
    ) -> Result<Vec<VocabularyEvent>, VocabularyError> {
        if self.words.contains_key(&word) {
            Ok(vec![VocabularyWordRemoved { word }.into()])
        } else {
            Err(VocabularyError::NotThere)
        }
    }

    /// Lets words stand for each other from now on, in place of those that the group had. The same
    /// again yields no event.
    ///
    /// # Errors
    /// [`VocabularyError::NoSuchNumber`], [`VocabularyError::NotAGroup`], or
    /// [`VocabularyError::InAnotherGroup`].
    pub fn group(
        &self,
        group: u32,
        words: Vec<VocabularyWord>,
    ) -> Result<Vec<VocabularyEvent>, VocabularyError> {
        if !(1..=SYNONYM_GROUPS_MAX).contains(&group) {
            return Err(VocabularyError::NoSuchNumber);
        }
        if self.groups.get(&group) == Some(&words) {
            return Ok(vec![]);
        }
        self.check_group(group, &words)?;
        Ok(vec![SynonymsGrouped { group, words }.into()])
    }

    /// Dissolves a group.
    ///
    /// # Errors
    /// [`VocabularyError::NotThere`].
    pub fn ungroup(&self, group: u32) -> Result<Vec<VocabularyEvent>, VocabularyError> {
        if self.groups.contains_key(&group) {
            Ok(vec![SynonymsUngrouped { group }.into()])
        } else {
            Err(VocabularyError::NotThere)
        }
    }

    fn check_group(&self, group: u32, words: &[VocabularyWord]) -> Result<(), VocabularyError> {
        let mut distinct = words.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        if !(2..=SYNONYMS_MAX).contains(&words.len()) || distinct.len() < words.len() {
            return Err(VocabularyError::NotAGroup);
        }
        let others = self.groups.iter().filter(|(number, _)| **number != group);
        let mut taken = others.flat_map(|(_, words)| words);
        if taken.any(|word| distinct.contains(word)) {
            return Err(VocabularyError::InAnotherGroup);
        }
        Ok(())
    }
}

impl Aggregate for Vocabulary {
    type Event = VocabularyEvent;

    const FOLD: u32 = 1;

    fn counts(event: &VocabularyEvent) -> Counts {
        Counts::UntilNext(match event {
            VocabularyEvent::VocabularyWordAdded(e) => format!("word {:?}", e.word),
            VocabularyEvent::VocabularyWordRemoved(e) => format!("word {:?}", e.word),
            VocabularyEvent::SynonymsGrouped(e) => format!("group {}", e.group),
            VocabularyEvent::SynonymsUngrouped(e) => format!("group {}", e.group),
        })
    }

    fn event(event: &Event) -> Option<&VocabularyEvent> {
        if let Event::Vocabulary(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &VocabularyEvent) -> Option<Self> {
        let mut vocabulary = state.unwrap_or_default();
        match event.clone() {
            VocabularyEvent::VocabularyWordAdded(event) => {
                vocabulary.words.insert(event.word, event.reading);
            }
            VocabularyEvent::VocabularyWordRemoved(event) => {
                vocabulary.words.remove(&event.word);
            }
            VocabularyEvent::SynonymsGrouped(event) => {
                vocabulary.groups.insert(event.group, event.words);
            }
            VocabularyEvent::SynonymsUngrouped(event) => {
                vocabulary.groups.remove(&event.group);
            }
        }
        Some(vocabulary)
    }
}
