//! The vocabulary of search, for operators.

use axum::extract::State;
use meguri_commands::{Caller, Commands, Done};
use meguri_domain::SearchWord;
use meguri_events::{Reading, VocabularyWord, composed};
use meguri_http::{
    IdempotencyHeader, IdempotencyKey, Json, Operator, Path, Problem, Problems, Query,
    WriteProblems, kinds,
};
use meguri_read_api::ReadApi;
use meguri_read_api::search::VocabularyAnswer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Shown;
use crate::query::When;

/// How a word is read.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordReading {
    /// In kana, if search shall find the word by its reading.
    #[schema(min_length = 1, max_length = 30, example = "おしかつ")]
    reading: Option<String>,
}

/// Words that stand for each other.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SynonymGroup {
    /// Each once, none of them in another group.
    #[schema(min_items = 2, max_items = 20, example = json!(["PC", "パソコン", "コンピューター"]))]
    words: Vec<String>,
}

/// The vocabulary after a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct VocabularyChanged {
    /// Version of the vocabulary.
    #[schema(minimum = 1)]
    version: u64,
    /// Position in the log: a search that is given it as `min_position` goes by the change.
    #[schema(minimum = 1)]
    position: u64,
}

impl From<Done> for VocabularyChanged {
    fn from(done: Done) -> Self {
        Self {
            version: done.version.get(),
            position: done.position.get(),
        }
    }
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
    State(read): State<ReadApi>,
    who: Operator,
    Query(when): Query<When>,
) -> Result<Shown<VocabularyAnswer>, Problem> {
    Ok(Shown(read.vocabulary(&who.into(), when.into()).await?))
}

/// Has search keep a word whole, such as a new word or the name of a place.
#[utoipa::path(
    put, path = "/operator/search/words/{word}", tag = "operators", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("検索の語を登録する"))),
    params(("word" = String, Path, description = "The word, 1 to 30 characters"),
        IdempotencyHeader),
    request_body = WordReading,
    responses((status = 200, description = "In force", body = VocabularyChanged), WriteProblems),
)]
pub(crate) async fn put_word(
    State(app): State<Commands>,
    who: Operator,
    key: Option<IdempotencyKey>,
    Path(word): Path<String>,
    Json(body): Json<WordReading>,
) -> Result<Json<VocabularyChanged>, Problem> {
    let caller = operator(&app, &who, key.as_ref(), &(&word, &body));
    let reading = body.reading.as_deref().map(reading).transpose()?;
    let done = app.add_word(&caller, self::word(&word)?, reading).await?;
    Ok(Json(done.into()))
}

/// Removes a word from the vocabulary of search.
#[utoipa::path(
    delete, path = "/operator/search/words/{word}", tag = "operators", security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("検索の語を削除する"))),
    params(("word" = String, Path, description = "The word, 1 to 30 characters"),
        IdempotencyHeader),
    responses((status = 200, description = "Removed", body = VocabularyChanged), WriteProblems),
)]
pub(crate) async fn delete_word(
    State(app): State<Commands>,
    who: Operator,
    key: Option<IdempotencyKey>,
    Path(word): Path<String>,
) -> Result<Json<VocabularyChanged>, Problem> {
    let caller = operator(&app, &who, key.as_ref(), &word);
    let done = app.remove_word(&caller, known_word(&word)?).await?;
    Ok(Json(done.into()))
}

/// Lets words stand for each other in search (つながり).
#[utoipa::path(
    put, path = "/operator/search/synonyms/{group}", tag = "operators",
    security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("つながりを登録する"))),
    params(("group" = u32, Path, minimum = 1, maximum = 2000, description = "Number of the group"),
        IdempotencyHeader),
    request_body = SynonymGroup,
    responses((status = 200, description = "In force", body = VocabularyChanged), WriteProblems),
)]
pub(crate) async fn put_synonyms(
    State(app): State<Commands>,
    who: Operator,
    key: Option<IdempotencyKey>,
    Path(group): Path<u32>,
    Json(body): Json<SynonymGroup>,
) -> Result<Json<VocabularyChanged>, Problem> {
    let caller = operator(&app, &who, key.as_ref(), &(group, &body));
    let words = body.words.iter().map(|text| word(text));
    let words = words.collect::<Result<_, _>>()?;
    let done = app.group_synonyms(&caller, group, words).await?;
    Ok(Json(done.into()))
}

/// Dissolves a group of synonyms.
#[utoipa::path(
    delete, path = "/operator/search/synonyms/{group}", tag = "operators",
    security(("bearer" = [])),
    extensions(("x-summary-ja" = json!("つながりを削除する"))),
    params(("group" = u32, Path, minimum = 1, maximum = 2000, description = "Number of the group"),
        IdempotencyHeader),
    responses((status = 200, description = "Dissolved", body = VocabularyChanged), WriteProblems),
)]
pub(crate) async fn delete_synonyms(
    State(app): State<Commands>,
    who: Operator,
    key: Option<IdempotencyKey>,
    Path(group): Path<u32>,
) -> Result<Json<VocabularyChanged>, Problem> {
    let caller = operator(&app, &who, key.as_ref(), &group);
    let done = app.ungroup_synonyms(&caller, group).await?;
    Ok(Json(done.into()))
}

fn operator(
    app: &Commands,
    Operator(operator): &Operator,
    key: Option<&IdempotencyKey>,
    body: &impl Serialize,
) -> Caller {
    let key = key.map(|key| app.request_key(key.digest(operator, body)));
    Caller::of_the_house(operator).with_key(key)
}

/// A word that is to be added, by the rule of all typed text.
fn word(text: &str) -> Result<VocabularyWord, Problem> {
    let typed = SearchWord::parse(text).ok();
    let word = typed.and_then(|typed| typed.as_str().parse().ok());
    word.ok_or_else(not_a_word)
}

/// A word that is to be removed: also one from before that rule.
fn known_word(text: &str) -> Result<VocabularyWord, Problem> {
    word(text).or_else(|_| text.trim().parse().map_err(|_| not_a_word()))
}

fn not_a_word() -> Problem {
    Problem::new(kinds::BAD_REQUEST).detail(
        "語は1から30文字の文字と数字です",
        "A word has 1 to 30 letters and digits; within it ー・-+#.&' and spaces",
    )
}

fn reading(text: &str) -> Result<Reading, Problem> {
    composed(text.trim()).parse().map_err(|_| {
        Problem::new(kinds::BAD_REQUEST)
            .detail("よみは1から30文字のかなです", "A reading has 1 to 30 kana")
    })
}
