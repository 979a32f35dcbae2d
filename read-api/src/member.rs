//! Members as others see them: their profile, and the thanks they have received.

use axum::extract::State;
use meguri_events::Prefecture;
use meguri_http::{Member, Path, Problem, Problems, Query};
use meguri_projections::QueryError;
use meguri_projections::views::profiles::Profile;
use meguri_projections::views::thanks::ThanksGiven;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::freshness::{MinPosition, Seen, not_yet};
use crate::list::List;
use crate::names::{Names, Person};
use crate::views::{View, refusal};
use crate::{ReadApi, asker, freshness, list};

/// A member's profile. Names are null once they are erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileAnswer {
    /// The member's id.
    #[schema(format = Uuid)]
    id: String,
    /// The unique name in the profile's address.
    user_name: Option<String>,
    /// What others read.
    nickname: Option<String>,
    /// JIS X 0401 code of the prefecture where they live, 1 to 47; null if they did not tell (K30).
    #[schema(minimum = 1, maximum = 47)]
    prefecture: Option<u8>,
    /// Since when they are a member, RFC 3339.
    #[schema(format = DateTime)]
    since: String,
    /// When the member left the community, RFC 3339; null while they are here.
    #[schema(format = DateTime)]
    left_at: Option<String>,
    /// Thanks (ありがとう) sent to this member, which stay whoever leaves (H20).
    thanks_received: u64,
    /// Exchanges that were completed (H23); aborted ones do not count (H24).
    exchanges_completed: u64,
}

impl From<Profile> for ProfileAnswer {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id.to_string(),
            user_name: profile.user_name,
            nickname: profile.nickname,
            prefecture: profile.prefecture.map(Prefecture::code),
            since: profile.since.to_string(),
            left_at: profile.left_at.map(|at| at.to_string()),
            thanks_received: profile.thanks_received,
            exchanges_completed: profile.exchanges_completed,
        }
    }
}

/// Thanks that a member has received (H18-H20).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThanksAnswer {
    /// Who thanks.
    from: Person,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// What was written; null if nothing was, or once it is erased.
    words: Option<String>,
    /// Whether something was written that nobody can read any more.
    erased: bool,
}

impl ThanksAnswer {
    fn of(thanks: ThanksGiven, names: &Names) -> Self {
        Self {
            from: names.person(thanks.sender),
            at: thanks.at.to_string(),
            words: thanks.words,
            erased: thanks.erased,
        }
    }
}

/// Which part of the thanks is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThanksQuery {
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

/// Reads a member's public profile.
///
/// With the number of thanks received (H20) and of exchanges completed (H23).
#[utoipa::path(
    get, path = "/members/{user_name}", tag = "members", operation_id = "read_member",
    extensions(("x-summary-ja" = json!("プロフィールを見る"))),
    security(()),
    params(("user_name" = String, Path, description = "The member's user name"), MinPosition),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_member(
    State(api): State<ReadApi>,
    Path(user_name): Path<String>,
    Query(fresh): Query<MinPosition>,
) -> Result<Seen<ProfileAnswer>, Problem> {
    let seen = api
        .views_at_least(&[View::Profiles], fresh.min_position)
        .await?;
    let profile = by_user_name(&api, &user_name).await?;
    Ok(Seen::at(seen, profile.into()))
}

/// Reads the thanks a member has received (ありがとう, H18-H20).
///
/// Newest first, with their words where they are not erased. Thanks are public: they are the
/// receiver's reputation.
#[utoipa::path(
    get, path = "/members/{user_name}/thanks", tag = "members", operation_id = "read_thanks",
    extensions(("x-summary-ja" = json!("届いた「ありがとう」を見る"))),
    security(()),
    params(("user_name" = String, Path, description = "The member's user name"), ThanksQuery),
    responses(
        (status = 200, description = "A page of thanks", body = List<ThanksAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_thanks(
    State(api): State<ReadApi>,
    Path(user_name): Path<String>,
    Query(query): Query<ThanksQuery>,
) -> Result<Seen<List<ThanksAnswer>>, Problem> {
    let cursor = list::cursor(query.cursor.as_deref())?;
    let seen = api
        .views_at_least(&[View::Profiles, View::Thanks], query.min_position)
        .await?;
    let member = by_user_name(&api, &user_name).await?.id;
    let page = api
        .views
        .thanks()
        .received(member, cursor, query.limit)
        .await
        .map_err(refusal)?;
    let names = Names::of(&api, page.items.iter().map(|thanks| thanks.sender)).await?;
    Ok(Seen::at(
        seen,
        List::of(page, |thanks| ThanksAnswer::of(thanks, &names)),
    ))
}

/// Reads one's own profile.
///
/// The profile of the member whose access token is sent.
#[utoipa::path(
    get, path = "/me", tag = "members", operation_id = "read_me",
    extensions(("x-summary-ja" = json!("自分のプロフィールを見る"))),
    security(("bearer" = [])),
    params(MinPosition),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown or revoked",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_me(
    State(api): State<ReadApi>,
    member: Member,
    Query(fresh): Query<MinPosition>,
) -> Result<Seen<ProfileAnswer>, Problem> {
    let member = asker::id_of(&member)?;
    let seen = api
        .views_at_least(&[View::Profiles], fresh.min_position)
        .await?;
    match api.views.profiles().by_id(member).await {
        Ok(profile) => Ok(Seen::at(seen, profile.into())),
        // The token proves that the member exists: the view has not seen the registration yet.
        Err(QueryError::NotFound) => Err(not_yet(seen.next(), seen)),
        Err(error) => Err(refusal(error)),
    }
}

async fn by_user_name(api: &ReadApi, user_name: &str) -> Result<Profile, Problem> {
    let found = api.views.profiles().by_user_name(user_name).await;
    found.map_err(|error| {
        let unknown = matches!(error, QueryError::NotFound);
        let problem = refusal(error);
        if !unknown {
            return problem;
        }
        problem.detail(
            "このユーザー名の会員はいません",
            "Nobody has this user name",
        )
    })
}
