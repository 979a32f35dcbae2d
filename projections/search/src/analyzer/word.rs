//! A word as it stands in a text: how it is looked up, how it is read, how it is shown.

use std::collections::BTreeSet;
use std::ops::Range;

use super::kana::{is_all_kana, is_kana, is_kanji};

/// The longest reading that two neighbours are joined to, in characters.
const JOINED_CHARS_MAX: usize = 12;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands in the normalised text, in bytes.
    pub(crate) range: Range<usize>,
    /// What it is found by: one form for what is the same word, as 手伝い for 手伝って.
    pub(crate) form: String,
    /// How it is read, in folded hiragana; without a dictionary its kanji stand for the reading of
    /// a word that has okurigana.
    pub(crate) reading: Option<String>,
    /// How it is suggested: nouns alone are.
    pub(crate) shown: Option<String>,
    /// Whether the dictionary knows it.
    pub(crate) known: bool,
    /// The kanji that a compound of common nouns ends with: 本 of 絵本.
    pub(crate) head: Option<char>,
    /// Whether it is a part of a word that stands in the list, too: `fi` of `wi-fi`.
    pub(crate) part: bool,
}

impl Word {
    /// A word of which only the reading is known.
    pub(crate) fn of_reading(range: Range<usize>, reading: String) -> Self {
        Self {
            range,
            form: reading.clone(),
            reading: Some(reading),
            shown: None,
            known: true,
            head: None,
            part: false,
        }
    }

    /// Whether it is one kanji, of which every reading means something else.
    pub(crate) fn is_one_kanji(&self) -> bool {
        one_kanji(&self.form)
    }

    /// How two words read that stand next to each other, if they may be one word that is written
    /// in another way elsewhere: 水もれ (水, もれ) is 水漏れ.
    pub(crate) fn joined(&self, next: &Self) -> Option<String> {
        if self.range.end != next.range.start || self.part || next.part {
            return None;
        }
        let joined = [self.reading.as_deref()?, next.reading.as_deref()?].concat();
        let kana = joined.chars().all(is_kana) && joined.chars().count() <= JOINED_CHARS_MAX;
        let loose = |word: &Self| word.is_one_kanji() || word.form.chars().any(is_kana);
        (kana && (loose(self) || loose(next))).then_some(joined)
    }
}

/// Whether `form` is a single kanji.
pub(crate) fn one_kanji(form: &str) -> bool {
    let mut characters = form.chars();
    characters.next().is_some_and(is_kanji) && characters.next().is_none()
}

/// Whether two words of the same reading may be the same word: one of them is written in kana, or
/// the kanji of one are among those of the other (引越, 引っ越し). 公園 and 講演 are not, nor are
/// 公園 and 公演.
pub(crate) fn may_be_the_same(one: &str, other: &str) -> bool {
    if one == other || is_all_kana(one) || is_all_kana(other) {
        return true;
    }
    let kanji = |word: &str| {
        word.chars()
            .filter(|it| is_kanji(*it))
            .collect::<BTreeSet<_>>()
    };
    let (one, other) = (kanji(one), kanji(other));
    let neither_is_empty = !one.is_empty() && !other.is_empty();
    neither_is_empty && (one.is_subset(&other) || other.is_subset(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homophones_are_told_apart_by_their_kanji() {
        assert!(may_be_the_same("引越", "引っ越し"));
        assert!(may_be_the_same("子供", "子ども"));
        assert!(may_be_the_same("着付け", "きつけ"));
        assert!(!may_be_the_same("公園", "公演"));
        assert!(!may_be_the_same("講師", "子牛"));
    }
}
