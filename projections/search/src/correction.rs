//! What was probably meant by words that stand nowhere.

use std::ops::Range;

use crate::analyzer::{Normalised, Word, fold, is_all_kana, is_katakana, to_katakana};
use crate::error::IndexError;
use crate::plan::{Planner, Unit};

/// A word in place of one or more that were typed.
struct Correction {
    /// What of the text it takes the place of.
    range: Range<usize>,
    word: Word,
    /// How it is shown.
    shown: String,
}

/// The words with those that stand nowhere replaced by what they nearly are, and the text with
/// them, if there are any.
pub(crate) fn correct(
    planner: &Planner<'_>,
    text: &Normalised,
    words: &[Word],
) -> Result<(Vec<Word>, Option<String>), IndexError> {
    let mut corrected: Vec<Word> = Vec::with_capacity(words.len());
    let (mut meant, mut told) = (String::new(), 0);
    for word in words {
        if word.range.start < told {
            continue;
        }
        let alone = planner.units(std::slice::from_ref(word))?;
        let correction = if alone.iter().all(Unit::has_no_word) {
            correction(planner, &text.text, word, told)?
        } else {
            None
        };
        let Some(Correction { range, word, shown }) = correction else {
            corrected.push(word.clone());
            continue;
        };
        corrected.retain(|before| before.range.end <= range.start);
        meant += &text.text[told..range.start];
        meant += &shown;
        told = range.end;
        corrected.push(word);
    }
    let rest = &text.text[told..];
    Ok((corrected, (told > 0).then(|| meant + rest)))
}

/// What a word nearly is, by itself or as a part of the katakana around it: who does not know a
/// word in katakana cuts it anywhere.
fn correction(
    planner: &Planner<'_>,
    text: &str,
    word: &Word,
    from: usize,
) -> Result<Option<Correction>, IndexError> {
    let around = katakana_around(text, &word.range, from);
    for range in [word.range.clone(), around] {
        let typed = &text[range.clone()];
        let form = if range == word.range {
            word.form.clone()
        } else {
            fold(typed)
        };
        let nearly = planner.lexicon.nearly(&form)?;
        let Some((form, _)) = nearly.into_iter().next() else {
            continue;
        };
        let shown = match planner.lexicon.shown(&form)? {
            Some(shown) => shown,
            // Neighbours that read so together are not shown as one word anywhere.
            None => written_as(form.trim_start_matches('+'), typed),
        };
        let word = Word {
            range: range.clone(),
            reading: is_all_kana(&form).then(|| form.clone()),
            form,
            shown: None,
            known: true,
            head: None,
            part: false,
        };
        return Ok(Some(Correction { range, word, shown }));
    }
    Ok(None)
}

/// A reading in the kana that was typed.
fn written_as(reading: &str, typed: &str) -> String {
    if typed.chars().any(is_katakana) {
        return reading.chars().map(to_katakana).collect();
    }
    reading.to_owned()
}

/// The katakana that a range of a text is within, but nothing before `from`.
fn katakana_around(text: &str, range: &Range<usize>, from: usize) -> Range<usize> {
    if !text[range.clone()].chars().all(is_katakana) {
        return range.clone();
    }
    let before = text[from..range.start]
        .chars()
        .rev()
        .take_while(|it| is_katakana(*it));
    let after = text[range.end..].chars().take_while(|it| is_katakana(*it));
    let start = range.start - before.map(char::len_utf8).sum::<usize>();
    start..range.end + after.map(char::len_utf8).sum::<usize>()
}
