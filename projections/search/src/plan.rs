//! From what somebody typed to what is looked up: the words, the ways to write each, and synonyms.

use std::collections::{BTreeSet, HashMap};

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, PhraseQuery, Query,
    TermQuery,
};
use tantivy::schema::IndexRecordOption;

use crate::analyzer::{Word, bigrams, is_all_kana, may_be_the_same, one_kanji};
use crate::document::{Fields, head_term, joined_term};
use crate::error::IndexError;
use crate::lexicon::Lexicon;
use crate::synonyms::Synonyms;

/// What a synonym is worth.
const SYNONYM: f32 = 0.8;
/// What a word of the same reading, in another writing, is worth.
const READING: f32 = 0.5;
/// What it is worth where kana was typed, which leaves open how the word is written.
const TYPED_READING: f32 = 0.9;
/// What a compound is worth that ends with the kanji that was typed.
const HEAD: f32 = 0.3;
/// What a word is worth that is found by its pairs of characters.
const PAIRS: f32 = 0.3;
/// The fewest characters of a reading that is looked for in neighbours.
const JOINED_CHARS_MIN: usize = 3;

/// What was looked for, as the index holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Terms of the field of words: forms, heads (`=`) and joined readings (`+`).
    pub(crate) words: BTreeSet<String>,
    /// Words that no dictionary knows, in folded kana.
    pub(crate) pieces: BTreeSet<String>,
}

/// What a document has to hold one way or the other: a word, or one of some synonyms.
pub(crate) struct Unit {
    alternatives: Vec<Alternative>,
    /// In how many documents it stands, about.
    pub(crate) count: u64,
}

struct Alternative {
    /// All of them are needed.
    choices: Vec<Choice>,
    weight: f32,
}

/// One word in all its writings.
struct Choice {
    /// Terms of the field of words that stand in some document.
    any: Vec<(String, f32)>,
    /// All of these pairs of characters, where nobody knows the word.
    pairs: Vec<String>,
    count: u64,
}

/// Finds out what is to be looked up.
pub(crate) struct Planner<'a> {
    pub(crate) lexicon: Lexicon<'a>,
    pub(crate) fields: &'a Fields,
    pub(crate) synonyms: &'a Synonyms,
}

impl Planner<'_> {
    /// What a document has to hold, for these words.
    pub(crate) fn units(&self, words: &[Word]) -> Result<Vec<Unit>, IndexError> {
        let mut units = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let (length, others) = match self.synonyms.of(&words[at..]) {
                Some((length, others)) => (length, others),
                None => (1, Vec::new()),
            };
            let own = (at..at + length).map(|at| self.choice(words, at));
            let mut alternatives = vec![Alternative {
                choices: own.collect::<Result<_, _>>()?,
                weight: 1.0,
            }];
            for other in others {
                let choices = (0..other.len()).map(|at| self.choice(other, at));
                alternatives.push(Alternative {
                    choices: choices.collect::<Result<_, _>>()?,
                    weight: SYNONYM,
                });
            }
            let count = alternatives.iter().map(Alternative::count).sum();
            units.push(Unit {
                alternatives,
                count,
            });
            at += length;
        }
        Ok(units)
    }

    /// The ways in which a word may be written where it stands among others.
    fn choice(&self, words: &[Word], at: usize) -> Result<Choice, IndexError> {
        let mut found = Ways::new(&self.lexicon);
        let Some(word) = words.get(at) else {
            return Ok(found.choice);
        };
        found.add(&word.form, 1.0)?;
        if let Some(reading) = &word.reading {
            found.add_readings(&word.form, reading)?;
        }
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let pairs = [(before, Some(word)), (Some(word), words.get(at + 1))];
        for (one, other) in pairs {
            if let (Some(one), Some(other)) = (one, other)
                && let Some(reading) = one.joined(other)
            {
                let whole = [one.form.as_str(), other.form.as_str()].concat();
                found.add(&joined_term(&reading), READING)?;
                found.add_readings(&whole, &reading)?;
            }
        }
        if let Some(head) = word.form.chars().next().filter(|_| one_kanji(&word.form)) {
            found.add(&head_term(head), HEAD)?;
        }
        let mut choice = found.choice;
        if !word.known && word.form.chars().nth(1).is_some() {
            choice.pairs = bigrams(&word.form).collect();
            let mut rarest = u64::MAX;
            for pair in &choice.pairs {
                rarest = rarest.min(self.lexicon.count_pair(pair)?);
            }
            choice.count = choice.count.max(rarest);
        }
        Ok(choice)
    }

    /// The query for a unit; the counts of its terms are noted in `counts`.
    pub(crate) fn query(&self, unit: &Unit, counts: &mut HashMap<Term, u64>) -> Box<dyn Query> {
        let alternatives = unit.alternatives.iter().map(|alternative| {
            let choices = alternative.choices.iter();
            let all = choices.map(|choice| self.choice_query(choice, unit.count, counts));
            boosted(all_of(all.collect()), alternative.weight)
        });
        best_of(alternatives.collect())
    }

    fn choice_query(
        &self,
        choice: &Choice,
        count: u64,
        counts: &mut HashMap<Term, u64>,
    ) -> Box<dyn Query> {
        let mut ways: Vec<Box<dyn Query>> = Vec::with_capacity(choice.any.len() + 1);
        for (term, weight) in &choice.any {
            let term = Term::from_field_text(self.fields.words, term);
            let known = counts.entry(term.clone()).or_default();
            *known = count.max(*known);
            let way = TermQuery::new(term, IndexRecordOption::WithFreqs);
            ways.push(boosted(Box::new(way), *weight));
        }
        if !choice.pairs.is_empty() {
            let all = in_a_row(self.fields, &choice.pairs);
            ways.push(Box::new(ConstScoreQuery::new(all, PAIRS)));
        }
        best_of(ways)
    }
}

impl Unit {
    /// Whether no document holds it in any way.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.count == 0
    }

    /// Whether no word of it stands anywhere, in any writing: its pairs of characters may.
    pub(crate) fn has_no_word(&self) -> bool {
        let mut choices = self.alternatives.iter().flat_map(|it| &it.choices);
        choices.all(|choice| choice.any.is_empty())
    }

    /// Adds what is looked up to `terms`.
    pub(crate) fn tell(&self, terms: &mut Terms) {
        let choices = self.alternatives.iter().flat_map(|it| &it.choices);
        for choice in choices {
            terms
                .words
                .extend(choice.any.iter().map(|(term, _)| term.clone()));
            if !choice.pairs.is_empty() {
                terms.pieces.insert(unpaired(&choice.pairs));
            }
        }
    }
}

impl Alternative {
    /// All words are needed: it stands in no more documents than the rarest.
    fn count(&self) -> u64 {
        let counts = self.choices.iter().map(|choice| choice.count);
        counts.min().unwrap_or_default()
    }
}

/// Collects the ways in which a word is written that stand in some document.
struct Ways<'a, 'b> {
    lexicon: &'a Lexicon<'b>,
    choice: Choice,
}

impl<'a, 'b> Ways<'a, 'b> {
    fn new(lexicon: &'a Lexicon<'b>) -> Self {
        Self {
            lexicon,
            choice: Choice {
                any: Vec::new(),
                pairs: Vec::new(),
                count: 0,
            },
        }
    }

    fn add(&mut self, term: &str, weight: f32) -> Result<(), IndexError> {
        if self.choice.any.iter().any(|(known, _)| known == term) {
            return Ok(());
        }
        let count = self.lexicon.count(term)?;
        if count > 0 {
            self.choice.any.push((term.to_owned(), weight));
            self.choice.count += count;
        }
        Ok(())
    }

    /// What else reads so and may be the same word, as one or as neighbours.
    fn add_readings(&mut self, form: &str, reading: &str) -> Result<(), IndexError> {
        let long = reading.chars().nth(1).is_some();
        let typed = is_all_kana(form);
        let weight = if typed { TYPED_READING } else { READING };
        for other in self.lexicon.read_as(reading)? {
            // One kanji has many meanings: only kana of its own length of reading are taken for it.
            let ambiguous = one_kanji(form) && !(long && is_all_kana(&other));
            if !ambiguous && may_be_the_same(form, &other) {
                self.add(&other, weight)?;
            }
        }
        if reading.chars().count() >= JOINED_CHARS_MIN {
            self.add(&joined_term(reading), weight)?;
        }
        Ok(())
    }
}

/// A word of its pairs.
fn unpaired(pairs: &[String]) -> String {
    let mut word: String = pairs
        .iter()
        .filter_map(|pair| pair.chars().next())
        .collect();
    word.extend(pairs.last().and_then(|pair| pair.chars().nth(1)));
    word
}

fn boosted(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    #[expect(clippy::float_cmp, reason = "a constant, not a result")]
    if weight == 1.0 {
        return query;
    }
    Box::new(BoostQuery::new(query, weight))
}

/// Pairs of characters that follow each other.
pub(crate) fn in_a_row(fields: &Fields, pairs: &[String]) -> Box<dyn Query> {
    let term = |pair: &String| Term::from_field_text(fields.bigrams, pair);
    match pairs {
        [] => Box::new(EmptyQuery),
        [pair] => Box::new(TermQuery::new(term(pair), IndexRecordOption::Basic)),
        pairs => Box::new(PhraseQuery::new(pairs.iter().map(term).collect())),
    }
}

pub(crate) fn all_of(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.pop().unwrap_or_else(|| Box::new(EmptyQuery)),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}

fn best_of(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.pop().unwrap_or_else(|| Box::new(EmptyQuery)),
        _ => Box::new(DisjunctionMaxQuery::new(queries)),
    }
}
