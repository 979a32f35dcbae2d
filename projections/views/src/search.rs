//! Search: the rows that the index is made of, which are posts, and the words it goes by.

use meguri_events::{Event, VocabularyEvent};
use meguri_log::Position;

use super::posts::{self, Posts};
use meguri_engine::{AnyRows, Decoded, FoldError, IndexSource, Rows, Searched, View};

use crate::{
    catalog::joined,
    column::{Json, table},
};

mod answer;
mod codes;
mod document;
mod key;
mod matches;
mod query;

pub use answer::{FoundPost, Part, PostFacets, SearchAnswer};
pub use key::SearchKey;
pub use matches::PostMatch;
pub use query::{SearchNear, SearchQueries, SearchQuery, SearchSort, Vocabulary};

table! {
    /// A word that search keeps whole.
    pub struct Word in "word"
    by {
        /// As it is written.
        word: String,
    }
    with {
        /// How it is read, in kana, if that is known.
        reading: Option<String>,
        /// Whether it is in the vocabulary still.
        present: bool,
        /// The position of the last event that changed what is here.
        changed: Position,
    }
}

table! {
    /// Words that stand for each other (つながり).
    pub struct SynonymGroup in "synonym_group"
    by {
        /// Its number.
        number: u32,
    }
    with {
        /// The words; none once it is dissolved.
        words: Json<Vec<String>>,
        /// The position of the last event that changed what is here.
        changed: Position,
    }
}

/// The view.
#[derive(Default)]
pub struct Search {
    posts: Posts,
    words: Rows<Word>,
    groups: Rows<SynonymGroup>,
}

const WANTS: [&str; posts::WANTS.len() + VocabularyEvent::TYPES.len()] =
    joined(&[&posts::WANTS, VocabularyEvent::TYPES]);

impl View for Search {
    type Fact = Event;
    const NAME: &'static str = "search";
    const VERSION: u32 = 3;
    const SCHEMA: &'static str = include_str!("search.sql");
    const WANTS: &'static [&'static str] = &WANTS;

    fn keys(&mut self, fact: &Event) {
        match fact {
            Event::Vocabulary(VocabularyEvent::VocabularyWordAdded(event)) => {
                self.words.ask(event.word.to_string());
            }
            Event::Vocabulary(VocabularyEvent::VocabularyWordRemoved(event)) => {
                self.words.ask(event.word.to_string());
            }
            Event::Vocabulary(VocabularyEvent::SynonymsGrouped(event)) => {
                self.groups.ask(event.group);
            }
            Event::Vocabulary(VocabularyEvent::SynonymsUngrouped(event)) => {
                self.groups.ask(event.group);
            }
            _ => posts::ask(&mut self.posts, fact),
        }
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        let changed = event.position;
        match fact {
            Event::Vocabulary(VocabularyEvent::VocabularyWordAdded(added)) => {
                self.words.put(Word {
                    word: added.word.to_string(),
                    reading: added.reading.as_ref().map(ToString::to_string),
                    present: true,
                    changed,
                });
            }
            Event::Vocabulary(VocabularyEvent::VocabularyWordRemoved(removed)) => {
                // That it was added may have been redacted: it is as little there then.
                if let Some(word) = found(self.words.row(&removed.word.to_string()))? {
                    (word.present, word.changed) = (false, changed);
                }
            }
            Event::Vocabulary(VocabularyEvent::SynonymsGrouped(grouped)) => {
                let words = grouped.words.iter().map(ToString::to_string).collect();
                self.groups.put(SynonymGroup {
                    number: grouped.group,
                    words: Json(words),
                    changed,
                });
            }
            Event::Vocabulary(VocabularyEvent::SynonymsUngrouped(ungrouped)) => {
                if let Some(group) = found(self.groups.row(&ungrouped.group))? {
                    group.words.0.clear();
                    group.changed = changed;
                }
            }
            _ => {
                posts::fold(&mut self.posts, fact, event)?;
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.posts, &mut self.words, &mut self.groups]
    }
}

impl Searched for Search {
    const SOURCE: &'static dyn IndexSource = &document::Posts;
}

/// The row, if there is one.
fn found<R>(row: Result<&mut R, FoldError>) -> Result<Option<&mut R>, FoldError> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(FoldError::NoRow { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
