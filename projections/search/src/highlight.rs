//! Where what was looked for stands in a text as it was typed.

use std::ops::Range;

use crate::analyzer::{Analyzer, Word, normalise, to_hiragana};
use crate::document::{head_term, joined_term};
use crate::plan::Terms;
use crate::query::Mark;

/// Where the words of `terms` stand in `text`, in bytes of it as it was typed: in order, not
/// overlapping, neighbours as one. Characters that stand for several are marked whole.
pub fn highlight(analyzer: &Analyzer, text: &str, terms: &Terms) -> Vec<Mark> {
    if terms.words.is_empty() && terms.pieces.is_empty() {
        return Vec::new();
    }
    let normalised = normalise(text);
    let words = analyzer.words(&normalised);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if is_sought(word, terms) {
            found.push(word.range.clone());
        }
        let next = words.get(at + 1);
        if let Some(next) = next
            && let Some(reading) = word.joined(next)
            && terms.words.contains(&joined_term(&reading))
        {
            found.push(word.range.start..next.range.end);
        }
    }
    // One hiragana takes as many bytes as its katakana.
    let folded: String = normalised.text.chars().map(to_hiragana).collect();
    for piece in &terms.pieces {
        found.extend(
            folded
                .match_indices(piece.as_str())
                .map(|(at, it)| at..at + it.len()),
        );
    }
    let mut marks: Vec<Mark> = found
        .iter()
        .map(|range| normalised.original(range))
        .collect();
    marks.sort_by_key(|mark| (mark.start, mark.end));
    joined(marks)
}

fn is_sought(word: &Word, terms: &Terms) -> bool {
    let head = word.head.map(head_term);
    terms.words.contains(&word.form) || head.is_some_and(|head| terms.words.contains(&head))
}

/// Overlapping and touching marks as one.
fn joined(marks: Vec<Mark>) -> Vec<Mark> {
    let mut joined: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks {
        match joined.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            Some(_) | None => joined.push(mark),
        }
    }
    joined
}
