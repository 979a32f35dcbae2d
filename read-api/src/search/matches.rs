//! What fits a post: Offers for a Need, Needs for an Offer.

use axum::extract::State;
use meguri_events::{NeedId, OfferId, PostId};
use meguri_http::{Path, Problem, Problems, Query};
use meguri_views::search::PostMatch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::block::Reader;
use crate::freshness::{self, Seen};
use crate::names::Names;
use crate::post::PostAnswer;
use crate::views::{View, refusal};
use crate::{ReadApi, list};

/// How many matches to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MatchLimits {
    /// Most entries of the answer.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

/// Posts that fit, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Matches {
    /// The posts.
    items: Vec<MatchAnswer>,
}

/// A post that fits, and by what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MatchAnswer {
    /// The post.
    post: PostAnswer,
    /// The texts have words in common, in whatever writing.
    by_text: bool,
    /// Both are about the same kind of help.
    by_category: bool,
    /// Both are in the same prefecture.
    by_area: bool,
}

impl MatchAnswer {
    fn of(found: PostMatch, names: &Names) -> Self {
        Self {
            by_text: found.by_text,
            by_category: found.by_category,
            by_area: found.by_area,
            post: PostAnswer::of(found.post, names),
        }
    }
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
    params(("id" = String, Path, format = Uuid, description = "The Need"), MatchLimits),
    responses(
        (status = 200, description = "Offers that fit", body = Matches,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 404, description = "There is no such Need",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn match_need(
    State(api): State<ReadApi>,
    reader: Reader,
    Path(id): Path<NeedId>,
    Query(limits): Query<MatchLimits>,
) -> Result<Seen<Matches>, Problem> {
    matches(&api, reader, id.into(), &limits).await
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
    params(("id" = String, Path, format = Uuid, description = "The Offer"), MatchLimits),
    responses(
        (status = 200, description = "Needs that fit", body = Matches,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 404, description = "There is no such Offer",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn match_offer(
    State(api): State<ReadApi>,
    reader: Reader,
    Path(id): Path<OfferId>,
    Query(limits): Query<MatchLimits>,
) -> Result<Seen<Matches>, Problem> {
    matches(&api, reader, id.into(), &limits).await
}

async fn matches(
    api: &ReadApi,
    reader: Reader,
    id: PostId,
    limits: &MatchLimits,
) -> Result<Seen<Matches>, Problem> {
    let hidden = api.hidden_from(reader, limits.min_position).await?;
    let views = [View::Search];
    let seen = api
        .views(&views, &[View::Profiles], limits.min_position, None)
        .await?;
    let limit = usize::try_from(limits.limit).unwrap_or(usize::MAX);
    let found = seen.search().matches(id, hidden.members(), limit).await;
    let found = found.map_err(refusal)?;
    let names = Names::of(api, found.iter().map(|found| found.post.author)).await?;
    let items = found
        .into_iter()
        .map(|found| MatchAnswer::of(found, &names));
    let items = items.collect();
    Ok(Seen::at(seen.position(), Matches { items }))
}
