//! The words that search goes by, for those who look after them.

use axum::extract::State;
use meguri_http::{Operator, Problem, Problems, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ReadApi;
use crate::freshness::{Seen, When};
use crate::views::{View, refusal};

/// The vocabulary of search.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VocabularyAnswer {
    /// Words that are kept whole.
    words: Vec<WordAnswer>,
    /// Groups of words that stand for each other (つながり).
    synonyms: Vec<GroupAnswer>,
    /// Whether a dictionary is installed: without it words are not found by their readings.
    dictionary: bool,
}

/// A word that is kept whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WordAnswer {
    /// As it is written.
    word: String,
    /// In kana, if it is known.
    reading: Option<String>,
}

/// Words that stand for each other.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupAnswer {
    /// The number of the group.
    #[schema(minimum = 1, maximum = 2000)]
    group: u32,
    /// Its words.
    words: Vec<String>,
}

/// Reads the vocabulary of search (事務局).
///
/// Words that are kept whole, and groups of words that stand for each other (つながり).
#[utoipa::path(
    get, path = "/operator/search", tag = "operators", operation_id = "read_vocabulary",
    extensions(("x-summary-ja" = json!("検索の語とつながりを見る"))),
    security(("bearer" = [])),
    params(When),
    responses(
        (status = 200, description = "The vocabulary", body = VocabularyAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        Problems,
    )
)]
pub(crate) async fn read_vocabulary(
    State(api): State<ReadApi>,
    _: Operator,
    Query(when): Query<When>,
) -> Result<Seen<VocabularyAnswer>, Problem> {
    let seen = api
        .views(&[View::Search], &[], when.min_position, when.as_of)
        .await?;
    let vocabulary = seen.search().vocabulary().await.map_err(refusal)?;
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
