//! The words of an index: which there are, how often, and which read so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use tantivy::schema::Field;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, SegmentReader, TERMINATED, Term};

use crate::analyzer::{Word, fold, is_kana};
use crate::document::{Fields, PART};
use crate::error::IndexError;
use crate::query::Suggestion;

/// The most forms that one reading is taken for.
const FORMS_MAX: usize = 64;
/// The most terms that are looked through for one beginning.
const SCANNED_MAX: usize = 20_000;
/// The fewest characters of a word that may be mistyped.
const TYPO_CHARS_MIN: usize = 4;
/// How many characters of kana may be one word.
const RUN_CHARS: RangeInclusive<usize> = 3..=12;

/// Looks words up in a snapshot.
pub(crate) struct Lexicon<'a> {
    segments: &'a [SegmentReader],
    fields: &'a Fields,
}

impl<'a> Lexicon<'a> {
    pub(crate) fn new(segments: &'a [SegmentReader], fields: &'a Fields) -> Self {
        Self { segments, fields }
    }

    /// In how many documents a form of a word stands, those counted that are deleted.
    pub(crate) fn count(&self, form: &str) -> Result<u64, IndexError> {
        self.count_in(self.fields.words, form)
    }

    /// In how many documents a pair of characters stands.
    pub(crate) fn count_pair(&self, pair: &str) -> Result<u64, IndexError> {
        self.count_in(self.fields.bigrams, pair)
    }

    fn count_in(&self, field: Field, text: &str) -> Result<u64, IndexError> {
        let term = Term::from_field_text(field, text);
        let mut count = 0;
        for segment in self.segments {
            let index = segment.inverted_index(field).map_err(IndexError::search)?;
            count += u64::from(index.doc_freq(&term).map_err(IndexError::search)?);
        }
        Ok(count)
    }

    /// The forms of the words that read so, and how each is shown where it may be suggested.
    pub(crate) fn read_as(&self, reading: &str) -> Result<BTreeSet<String>, IndexError> {
        let prefix = format!("{reading}{PART}");
        let mut forms = BTreeSet::new();
        self.scan(&prefix, FORMS_MAX, |term, _| {
            let form = term[prefix.len()..].split(PART).next();
            forms.extend(form.map(ToOwned::to_owned));
        })?;
        Ok(forms)
    }

    /// Replaces what kana was cut into by the whole of it, where a word of the index reads so: the
    /// dictionary has few words in kana, and cuts くさとり (草取り) where it should not.
    pub(crate) fn whole_readings(
        &self,
        text: &str,
        words: Vec<Word>,
    ) -> Result<Vec<Word>, IndexError> {
        let mut words = words;
        for range in kana_runs(text) {
            let reading = fold(&text[range.clone()]);
            let whole = words.iter().any(|word| word.range == range);
            let chars = reading.chars().count();
            if whole || !RUN_CHARS.contains(&chars) || self.read_as(&reading)?.is_empty() {
                continue;
            }
            words.retain(|word| word.range.end <= range.start || word.range.start >= range.end);
            let at = words.partition_point(|word| word.range.start < range.start);
            words.insert(at, Word::of_reading(range, reading));
        }
        Ok(words)
    }

    /// How a form is shown, by what stands in most documents.
    pub(crate) fn shown(&self, form: &str) -> Result<Option<String>, IndexError> {
        let prefix = format!("{form}{PART}{form}{PART}");
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        self.scan(&prefix, FORMS_MAX, |term, count| {
            *counts.entry(term[prefix.len()..].to_owned()).or_default() += count;
        })?;
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        Ok(most.map(|(shown, _)| shown))
    }

    /// The words that differ from `form` by one character put in, left out, exchanged, or by two
    /// neighbours that changed places; those in most documents first.
    pub(crate) fn nearly(&self, form: &str) -> Result<Vec<(String, u64)>, IndexError> {
        let wanted: Vec<char> = form.chars().collect();
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        if wanted.len() < TYPO_CHARS_MIN {
            return Ok(Vec::new());
        }
        let mut candidate = Vec::new();
        for segment in self.segments {
            let index = segment.inverted_index(self.fields.words);
            let index = index.map_err(IndexError::search)?;
            let mut terms = index.terms().stream().map_err(IndexError::search)?;
            while let Some((term, info)) = terms.next() {
                // No character is longer than four bytes or shorter than one.
                if term.len() > (wanted.len() + 2) * 4 || term.len() + 1 < wanted.len() {
                    continue;
                }
                let Ok(term) = std::str::from_utf8(term) else {
                    continue;
                };
                candidate.clear();
                candidate.extend(term.chars());
                // Neighbours may have been meant, the heads of compounds never.
                let joined = usize::from(term.starts_with('+'));
                if !term.starts_with('=') && is_one_edit(&wanted, &candidate[joined..]) {
                    *found.entry(term.to_owned()).or_default() += u64::from(info.doc_freq);
                }
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(found)
    }

    /// Words that begin so, or read so, which stand in documents that are there; those in most
    /// documents first.
    pub(crate) fn suggest(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Suggestion>, IndexError> {
        let prefix = fold_prefix(prefix);
        if prefix.is_empty() {
            return Ok(Vec::new());
        }
        // One word may stand under its form and its reading: what it is shown as is its identity.
        let mut words: BTreeMap<String, (u64, String)> = BTreeMap::new();
        self.scan(&prefix, SCANNED_MAX, |term, count| {
            if let Some(shown) = term.split(PART).nth(2) {
                let counted = words.entry(shown.to_owned()).or_default();
                if count > counted.0 {
                    *counted = (count, term.to_owned());
                }
            }
        })?;
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_by(|one, other| other.1.0.cmp(&one.1.0).then_with(|| one.0.cmp(&other.0)));
        let mut suggestions = Vec::new();
        for (text, (count, term)) in words {
            if suggestions.len() == limit {
                break;
            }
            if self.stands(&term)? {
                suggestions.push(Suggestion { text, count });
            }
        }
        Ok(suggestions)
    }

    /// Whether a form stands in a document that is not deleted.
    fn stands(&self, term: &str) -> Result<bool, IndexError> {
        let term = Term::from_field_text(self.fields.forms, term);
        for segment in self.segments {
            let index = segment.inverted_index(self.fields.forms);
            let index = index.map_err(IndexError::search)?;
            let postings = index.read_postings(&term, IndexRecordOption::Basic);
            let Some(mut postings) = postings.map_err(IndexError::search)? else {
                continue;
            };
            let mut doc = postings.doc();
            while doc != TERMINATED {
                if !segment.is_deleted(doc) {
                    return Ok(true);
                }
                doc = postings.advance();
            }
        }
        Ok(false)
    }

    /// Hands over every term of the forms that begins so, at most `max` of each segment.
    fn scan(
        &self,
        prefix: &str,
        max: usize,
        mut each: impl FnMut(&str, u64),
    ) -> Result<(), IndexError> {
        for segment in self.segments {
            let index = segment.inverted_index(self.fields.forms);
            let index = index.map_err(IndexError::search)?;
            let terms = index.terms().range().ge(prefix).into_stream();
            let mut terms = terms.map_err(IndexError::search)?;
            let mut scanned = 0;
            while scanned < max
                && let Some((term, info)) = terms.next()
            {
                if !term.starts_with(prefix.as_bytes()) {
                    break;
                }
                scanned += 1;
                if let Ok(term) = std::str::from_utf8(term) {
                    each(term, u64::from(info.doc_freq));
                }
            }
        }
        Ok(())
    }
}

/// Where nothing but kana stands.
fn kana_runs(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, character) in text.char_indices().filter(|(_, it)| is_kana(*it)) {
        let end = at + character.len_utf8();
        match runs.last_mut() {
            Some(last) if last.end == at => last.end = end,
            Some(_) | None => runs.push(at..end),
        }
    }
    runs
}

/// The beginning of a word in the writing of the lexicon. Its last mark of a long vowel stays off:
/// コンピュー is on the way to コンピュータ, which stands there as it is.
fn fold_prefix(prefix: &str) -> String {
    use crate::analyzer::normalise;
    let normalised = normalise(prefix.trim()).text;
    let letters: String = normalised
        .chars()
        .filter(|it| it.is_alphanumeric() || *it == 'ー')
        .collect();
    // A letter after it keeps the mark from being taken for the last.
    let mut folded = fold(&(letters + "x"));
    folded.pop();
    folded
}

/// Whether one edit makes `other` of `one`.
fn is_one_edit(one: &[char], other: &[char]) -> bool {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    match (short, long) {
        ([], []) => false,
        ([a, b, rest @ ..], [c, d, others @ ..]) if a == d && b == c && rest == others => true,
        _ if short.len() == long.len() => short[1..] == long[1..],
        _ => short == &long[1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_edit(one: &str, other: &str) -> bool {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let there = is_one_edit(&chars(one), &chars(other));
        assert_eq!(
            there,
            is_one_edit(&chars(other), &chars(one)),
            "{one} {other}"
        );
        there
    }

    #[test]
    fn one_edit_puts_in_leaves_out_exchanges_or_turns_around() {
        assert!(one_edit("ぱそこそ", "ぱそこん"));
        assert!(one_edit("くりにんぐ", "くりーにんぐ"));
        assert!(one_edit("ぱこそん", "ぱそこん"));
        assert!(!one_edit("ぱそこん", "ぱそこん"));
        assert!(!one_edit("こんぴゅ", "ぱそこん"));
        assert!(!one_edit("ぱそ", "ぱそこん"));
    }

    #[test]
    fn a_beginning_is_written_as_the_lexicon_is() {
        assert_eq!(fold_prefix("ｺﾝﾋﾟｭｰ"), "こんぴゅー");
        assert_eq!(fold_prefix(" 引っ越\u{0}し"), "引っ越し");
    }
}
