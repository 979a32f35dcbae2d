//! Search: open Needs and Offers by what is written in them, where they are, and what they offer.

mod answer;
mod filters;
mod matches;
mod vocabulary;

use axum::extract::State;
use meguri_http::{Problem, Problems, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::block::Reader;
use crate::freshness::{self, Seen};
use crate::names::Names;
use crate::views::{View, refusal};
use crate::{ReadApi, list};

pub(crate) use matches::{__path_match_need, __path_match_offer, match_need, match_offer};
pub(crate) use vocabulary::{__path_read_vocabulary, read_vocabulary};

use answer::SearchResult;
use filters::SearchFilters;

/// Most words that are suggested.
const SUGGESTIONS_MAX: u32 = 20;

/// Searches open posts (検索).
///
/// Words are found in all their writings (引越し, 引っ越し, ひっこし) and with the community's
/// synonyms; all of them must stand in a post. Only where no post has them all, posts that have
/// most of them, or a corrected text, are found, and the answer says so. Without `q` everything is
/// found, the newest first. Facets count what would be found with every filter but their own. A
/// member does not find posts of those whom they block, or who block them (C12).
#[utoipa::path(
    get, path = "/search", tag = "search", operation_id = "search",
    extensions(("x-summary-ja" = json!("検索する"))),
    security((), ("bearer" = [])),
    params(SearchFilters),
    responses(
        (status = 200, description = "What was found", body = SearchResult,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn search(
    State(api): State<ReadApi>,
    reader: Reader,
    Query(filters): Query<SearchFilters>,
) -> Result<Seen<SearchResult>, Problem> {
    let mut query = filters.query()?;
    let hidden = api.hidden_from(reader, filters.min_position).await?;
    query.not_authors = hidden.members().to_vec();
    let seen = api
        .views(
            &[View::Search],
            &[View::Profiles],
            filters.min_position,
            filters.as_of,
        )
        .await?;
    let answer = seen.search().search(&query).await.map_err(refusal)?;
    let names = Names::of(&api, answer.posts.iter().map(|found| found.post.author)).await?;
    Ok(Seen::at(seen.position(), SearchResult::of(answer, &names)))
}

/// What somebody has typed so far.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Typed {
    /// The beginning of a word, as it is written or read.
    #[param(min_length = 1, max_length = 100)]
    q: String,
    /// Most words of the answer.
    #[serde(default = "suggestions_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 20, default = 10)]
    limit: u32,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

fn suggestions_default() -> u32 {
    10
}

/// Words that may be meant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Suggestions {
    /// The words, those that stand in most posts first.
    items: Vec<String>,
}

/// Suggests words while somebody types (入力候補).
///
/// Words of open posts that begin so, or whose reading does: `ひっこ` suggests 引っ越し.
#[utoipa::path(
    get, path = "/search/suggestions", tag = "search", operation_id = "suggest",
    extensions(("x-summary-ja" = json!("検索の入力候補"))),
    security(()),
    params(Typed),
    responses(
        (status = 200, description = "Words", body = Suggestions,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        Problems,
    )
)]
pub(crate) async fn suggest(
    State(api): State<ReadApi>,
    Query(typed): Query<Typed>,
) -> Result<Seen<Suggestions>, Problem> {
    filters::within("q", &typed.q)?;
    if typed.limit > SUGGESTIONS_MAX {
        return Err(filters::bad("limit", "20までです", "is at most 20"));
    }
    let seen = api
        .views(&[View::Search], &[], typed.min_position, None)
        .await?;
    let limit = usize::try_from(typed.limit).unwrap_or(usize::MAX);
    let items = seen.search().suggest(typed.q, limit).await;
    let items = items.map_err(refusal)?;
    Ok(Seen::at(seen.position(), Suggestions { items }))
}
