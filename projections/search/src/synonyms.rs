//! Words that mean the same to a community.

use std::collections::HashMap;

use crate::analyzer::{Analyzer, Word, may_be_the_same, normalise};

/// Groups of words or phrases that are found by each other.
#[derive(Debug, Clone, Default)]
pub struct Synonyms {
    groups: Vec<Vec<Member>>,
    /// In which groups, and as which member, some forms or a reading stand. Their words are
    /// separated, for a form is what is written, and a reading is not cut.
    places: HashMap<String, Vec<(usize, usize)>>,
    /// The most words of a member.
    longest: usize,
}

/// One of those that mean the same.
#[derive(Debug, Clone)]
struct Member {
    words: Vec<Word>,
    /// How it is written as a whole.
    written: String,
}

impl Synonyms {
    /// Groups such as `[["PC", "パソコン"]]`. They are cut into words by `analyzer`: make them
    /// anew when it changes. Members without any word are left out.
    pub fn new(analyzer: &Analyzer, groups: &[Vec<String>]) -> Self {
        let mut synonyms = Self::default();
        for group in groups {
            let members = group.iter().map(|text| Member::new(analyzer, text));
            let members: Vec<_> = members.filter(|it| !it.words.is_empty()).collect();
            for (at, member) in members.iter().enumerate() {
                let place = (synonyms.groups.len(), at);
                synonyms.longest = synonyms.longest.max(member.words.len());
                for key in keys(&member.words) {
                    synonyms.places.entry(key).or_default().push(place);
                }
            }
            synonyms.groups.push(members);
        }
        synonyms
    }

    /// How many of `words` (from the first) mean what others mean, and these others. The most
    /// words win.
    pub(crate) fn of<'a>(&'a self, words: &[Word]) -> Option<(usize, Vec<&'a [Word]>)> {
        // A member of one word may have been typed so that it is cut into two.
        let longest = (self.longest + 1).min(words.len());
        (1..=longest).rev().find_map(|length| {
            let others = self.others(&words[..length]);
            (!others.is_empty()).then_some((length, others))
        })
    }

    /// What means the same as all these words.
    fn others(&self, words: &[Word]) -> Vec<&[Word]> {
        let written = written(words);
        let mut others: Vec<&[Word]> = Vec::new();
        let places = keys(words)
            .into_iter()
            .filter_map(|key| self.places.get(&key));
        for &(group, member) in places.flatten() {
            let members = &self.groups[group];
            if !may_be_the_same(&members[member].written, &written) {
                continue;
            }
            let rest = members.iter().enumerate().filter(|(at, _)| *at != member);
            for (_, other) in rest {
                if other.written != written && !others.contains(&other.words.as_slice()) {
                    others.push(&other.words);
                }
            }
        }
        others
    }
}

impl Member {
    fn new(analyzer: &Analyzer, text: &str) -> Self {
        let mut words = analyzer.words(&normalise(text));
        words.retain(|word| !word.part);
        Self {
            written: written(&words),
            words,
        }
    }
}

fn written(words: &[Word]) -> String {
    words.iter().map(|word| word.form.as_str()).collect()
}

/// What some words are found by: their forms, and how they read together.
fn keys(words: &[Word]) -> Vec<String> {
    let forms: Vec<_> = words.iter().map(|word| word.form.as_str()).collect();
    let mut keys = vec![forms.join(" ")];
    let readings = words.iter().map(|word| word.reading.as_deref());
    if let Some(reading) = readings.collect::<Option<String>>()
        && reading != keys[0]
    {
        keys.push(reading);
    }
    keys
}
