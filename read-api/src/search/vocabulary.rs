//! The words that search goes by, for those who maintain them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer};

/// The vocabulary of search.
#[derive(Debug, Serialize, ToSchema)]
pub struct VocabularyAnswer {
    /// Words that are kept whole.
    words: Vec<WordAnswer>,
    /// Groups of words that stand for each other (つながり).
    synonyms: Vec<GroupAnswer>,
    /// Whether a dictionary is installed: without it words are not found by their readings.
    dictionary: bool,
}

/// A word that is kept whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WordAnswer {
    /// As it is written.
    word: String,
    /// In kana, if it is known.
    reading: Option<String>,
}

/// Words that stand for each other.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupAnswer {
    /// The number of the group.
    #[schema(minimum = 1, maximum = 2000)]
    group: u32,
    /// Its words.
    words: Vec<String>,
}

impl ReadApi {
    /// The words that search goes by, for operators.
    pub async fn vocabulary(
        &self,
        viewer: &Viewer,
        fresh: Freshness,
    ) -> Result<Seen<VocabularyAnswer>, AnswerError> {
        viewer.principal().require_operator()?;
        let seen = self.views(&[View::Search], &[], fresh).await?;
        let vocabulary = seen.search().vocabulary().await?;
        let words = vocabulary.words.into_iter().map(|word| WordAnswer {
            word: word.word,
            reading: word.reading,
        });
        let synonyms = vocabulary.groups.into_iter().map(|group| GroupAnswer {
            group: group.number,
            words: group.words.0,
        });
        let answer = VocabularyAnswer {
            words: words.collect(),
            synonyms: synonyms.collect(),
            dictionary: vocabulary.dictionary,
        };
        Ok(Seen::at(seen.position(), answer))
    }
}
