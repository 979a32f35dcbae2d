//! Words that mean the same to a community.

use std::collections::HashMap;

use crate::analyzer::{Analyzer, Word, normalise};

/// Groups of words or phrases that are found by each other.
#[derive(Debug, Clone, Default)]
pub struct Synonyms {
    /// Each member of each group, as its words.
    groups: Vec<Vec<Vec<Word>>>,
    /// In which groups, and as which member, a first form begins.
    beginnings: HashMap<String, Vec<(usize, usize)>>,
}

impl Synonyms {
    /// Groups such as `[["PC", "パソコン"]]`. They are cut into words by `analyzer`: make them
    /// anew when it changes. Members without any word are left out.
    pub fn new(analyzer: &Analyzer, groups: &[Vec<String>]) -> Self {
        let words = |text: &String| {
            let mut words = analyzer.words(&normalise(text));
            words.retain(|word| !word.part);
            words
        };
        let mut synonyms = Self::default();
        for group in groups {
            let members = group.iter().map(words).filter(|words| !words.is_empty());
            synonyms.groups.push(members.collect());
        }
        for (group, members) in synonyms.groups.iter().enumerate() {
            for (member, words) in members.iter().enumerate() {
                let keys = words.first().into_iter().flat_map(|first| {
                    let reading = first.reading.as_ref().filter(|it| **it != first.form);
                    [Some(&first.form), reading].into_iter().flatten()
                });
                for key in keys {
                    let list = synonyms.beginnings.entry(key.clone()).or_default();
                    list.push((group, member));
                }
            }
        }
        synonyms
    }

    /// How many of `words` (from the first) mean what others mean, and these others. The longest
    /// wins.
    pub(crate) fn of<'a>(&'a self, words: &[Word]) -> Option<(usize, Vec<&'a [Word]>)> {
        let first = words.first()?;
        let keys = [Some(&first.form), first.reading.as_ref()];
        let candidates = keys.into_iter().flatten();
        let candidates = candidates
            .filter_map(|key| self.beginnings.get(key))
            .flatten();
        let mut best = 0;
        let mut others: Vec<&[Word]> = Vec::new();
        for &(group, member) in candidates {
            let members = &self.groups[group];
            let length = members[member].len();
            let fits = words.len() >= length && {
                let mut pairs = members[member].iter().zip(words);
                pairs.all(|(mine, typed)| is_same(mine, typed))
            };
            if !fits || length < best {
                continue;
            }
            if length > best {
                best = length;
                others.clear();
            }
            let rest = members.iter().enumerate().filter(|(at, _)| *at != member);
            for (_, other) in rest {
                if !others.contains(&other.as_slice()) {
                    others.push(other);
                }
            }
        }
        (best > 0).then_some((best, others))
    }
}

/// Whether a member's word was typed: so, or in kana.
fn is_same(member: &Word, typed: &Word) -> bool {
    let kana = typed.reading.as_ref() == Some(&typed.form);
    member.form == typed.form || (kana && member.reading == typed.reading)
}
