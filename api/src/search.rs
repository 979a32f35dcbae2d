//! Search: open Needs and Offers by what is written in them, where they are, and what they offer.

mod filters;

use axum::extract::State;
use meguri_events::{NeedId, OfferId};
use meguri_http::{Anyone, Path, Problem, Problems, PublicProblems, Query};
use meguri_read_api::ReadApi;
use meguri_read_api::matches::Matches;
use meguri_read_api::search::{SearchResult, Suggestions};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::Shown;
use crate::query::{self, MinPosition, When};

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
    params(SearchFilters, When),
    responses(
        (status = 200, description = "What was found", body = SearchResult,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        PublicProblems,
    )
)]
pub(crate) async fn search(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Query(filters): Query<SearchFilters>,
    Query(when): Query<When>,
) -> Result<Shown<SearchResult>, Problem> {
    let query = filters.query()?;
    Ok(Shown(read.search(&viewer, query, when.into()).await?))
}

/// What somebody has typed so far.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Typed {
    /// The beginning of a word, as it is written or read.
    #[param(min_length = 1, max_length = 100)]
    q: String,
    /// Most words of the answer.
    #[serde(default = "suggestions_default", deserialize_with = "query::limit")]
    #[param(minimum = 1, maximum = 20, default = 10)]
    limit: u32,
}

fn suggestions_default() -> u32 {
    10
}

/// Suggests words while somebody types (入力候補).
///
/// Words of open posts that begin so, or whose reading does: `ひっこ` suggests 引っ越し.
#[utoipa::path(
    get, path = "/search/suggestions", tag = "search", operation_id = "suggest",
    extensions(("x-summary-ja" = json!("検索の入力候補"))),
    security(()),
    params(Typed, MinPosition),
    responses(
        (status = 200, description = "Words", body = Suggestions,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        Problems,
    )
)]
pub(crate) async fn suggest(
    State(read): State<ReadApi>,
    Query(typed): Query<Typed>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<Suggestions>, Problem> {
    filters::within("q", &typed.q)?;
    if typed.limit > SUGGESTIONS_MAX {
        return Err(filters::bad("limit", "20までです", "is at most 20"));
    }
    let suggestions = read.suggestions(typed.q, typed.limit, fresh.into());
    Ok(Shown(suggestions.await?))
}

/// How many matches to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MatchLimits {
    /// Most entries of the answer.
    #[serde(default = "query::limit_default", deserialize_with = "query::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

/// Finds Offers that fit a Need (このコマリゴトに合うデキルコト).
///
/// By two at least of what they say, category and area, and in a mode that both allow (H15); never
/// the author's own, and for a member never those of somebody whom they block, or who blocks them
/// (C12).
#[utoipa::path(
    get, path = "/needs/{id}/matches", tag = "search", operation_id = "match_need",
    extensions(("x-summary-ja" = json!("コマリゴトに合うデキルコトを探す"))),
    security((), ("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The Need"),
        MatchLimits, MinPosition),
    responses(
        (status = 200, description = "Offers that fit", body = Matches,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "There is no such Need",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn match_need(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(id): Path<NeedId>,
    Query(limits): Query<MatchLimits>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<Matches>, Problem> {
    let matches = read.matches(&viewer, id.into(), limits.limit, fresh.into());
    Ok(Shown(matches.await?))
}

/// Finds Needs that fit an Offer (このデキルコトに合うコマリゴト).
///
/// By two at least of what they say, category and area, and in a mode that both allow (H15); never
/// the author's own, and for a member never those of somebody whom they block, or who blocks them
/// (C12).
#[utoipa::path(
    get, path = "/offers/{id}/matches", tag = "search", operation_id = "match_offer",
    extensions(("x-summary-ja" = json!("デキルコトに合うコマリゴトを探す"))),
    security((), ("bearer" = [])),
    params(("id" = String, Path, format = Uuid, description = "The Offer"),
        MatchLimits, MinPosition),
    responses(
        (status = 200, description = "Needs that fit", body = Matches,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "There is no such Offer",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        PublicProblems,
    )
)]
pub(crate) async fn match_offer(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Path(id): Path<OfferId>,
    Query(limits): Query<MatchLimits>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<Matches>, Problem> {
    let matches = read.matches(&viewer, id.into(), limits.limit, fresh.into());
    Ok(Shown(matches.await?))
}
