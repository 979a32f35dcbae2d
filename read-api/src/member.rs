//! Members as others see them: their profile, and the thanks they have received.

use axum::extract::State;
use meguri_domain::UserName;
use meguri_engine::AsOf;
use meguri_events::Prefecture;
use meguri_http::{Member, Path, Problem, Problems, Query};
use meguri_views::profiles::Profile;
use meguri_views::thanks::ThanksGiven;
use meguri_views::{Moment, QueryError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::block::{Hidden, Reader};
use crate::freshness::{Seen, When, not_yet};
use crate::list::List;
use crate::names::{Names, Person};
use crate::views::{View, refusal};
use crate::{ReadApi, asker, codes, freshness, list};

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
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "freshness::as_of")]
    #[param(schema_with = codes::as_of)]
    as_of: Option<AsOf>,
}

/// Reads a member's public profile.
///
/// With the number of thanks received (H20) and of exchanges completed (H23). One of a member whom
/// the reader blocks, or who blocks the reader, is not there (C12).
#[utoipa::path(
    get, path = "/members/{user_name}", tag = "members", operation_id = "read_member",
    extensions(("x-summary-ja" = json!("プロフィールを見る"))),
    security((), ("bearer" = [])),
    params(("user_name" = String, Path, description = "The member's user name"), When),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_member(
    State(api): State<ReadApi>,
    reader: Reader,
    Path(user_name): Path<String>,
    Query(when): Query<When>,
) -> Result<Seen<ProfileAnswer>, Problem> {
    let hidden = api.hidden_from(reader, when.min_position).await?;
    let views = [View::Profiles];
    let seen = api
        .views(&views, &views, when.min_position, when.as_of)
        .await?;
    let today = by_user_name(&api, &user_name, &hidden).await?;
    let profile = at(&seen, today).await?;
    Ok(Seen::at(seen.position(), profile.into()))
}

/// Reads the thanks a member has received (ありがとう, H18-H20).
///
/// Newest first, with their words where they are not erased. Thanks are public: they are the
/// receiver's reputation. A member does not see thanks of those whom they block, or who block them
/// (C12).
#[utoipa::path(
    get, path = "/members/{user_name}/thanks", tag = "members", operation_id = "read_thanks",
    extensions(("x-summary-ja" = json!("届いた「ありがとう」を見る"))),
    security((), ("bearer" = [])),
    params(("user_name" = String, Path, description = "The member's user name"), ThanksQuery),
    responses(
        (status = 200, description = "A page of thanks", body = List<ThanksAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 404, description = "Nobody has this user name",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_thanks(
    State(api): State<ReadApi>,
    reader: Reader,
    Path(user_name): Path<String>,
    Query(query): Query<ThanksQuery>,
) -> Result<Seen<List<ThanksAnswer>>, Problem> {
    let cursor = list::cursor(query.cursor.as_deref())?;
    let hidden = api.hidden_from(reader, query.min_position).await?;
    let seen = api
        .views(
            &[View::Thanks],
            &[View::Profiles],
            query.min_position,
            query.as_of,
        )
        .await?;
    let member = by_user_name(&api, &user_name, &hidden).await?.id;
    let page = seen
        .thanks()
        .received(member, hidden.members(), cursor, query.limit)
        .await
        .map_err(refusal)?;
    let names = Names::of(&api, page.items.iter().map(|thanks| thanks.sender)).await?;
    Ok(Seen::at(
        seen.position(),
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
    params(When),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_me(
    State(api): State<ReadApi>,
    member: Member,
    Query(when): Query<When>,
) -> Result<Seen<ProfileAnswer>, Problem> {
    let member = asker::id_of(&member)?;
    let views = [View::Profiles];
    let seen = api
        .views(&views, &views, when.min_position, when.as_of)
        .await?;
    let position = seen.position();
    let today = match Moment::live(&api.views).profiles().by_id(member).await {
        Ok(today) => today,
        // The token proves that the member exists: the view has not seen the registration yet.
        Err(QueryError::NotFound) => return Err(not_yet(position.next(), position)),
        Err(error) => return Err(refusal(error)),
    };
    let profile = at(&seen, today).await?;
    Ok(Seen::at(position, profile.into()))
}

/// A member's profile as it was; who the member is, and whether they have left, as it is today.
async fn at(seen: &Moment, today: Profile) -> Result<Profile, Problem> {
    if !seen.is_past() {
        return Ok(today);
    }
    let then = seen.profiles().by_id(today.id).await;
    let then = then.map_err(|error| {
        let (ja, en) = (
            "この時点ではまだ会員ではありませんでした",
            "This member had not registered by then",
        );
        not_found(error, ja, en)
    })?;
    Ok(Profile {
        user_name: today.user_name,
        nickname: today.nickname,
        left_at: today.left_at,
        ..then
    })
}

async fn by_user_name(api: &ReadApi, user_name: &str, hidden: &Hidden) -> Result<Profile, Problem> {
    // As everywhere: capitals and full width make no other name.
    let name = UserName::parse(user_name).map_or_else(|_| user_name.to_owned(), String::from);
    let found = match Moment::live(&api.views)
        .profiles()
        .by_user_name(&name)
        .await
    {
        Ok(profile) if hidden.has(profile.id) => Err(QueryError::NotFound),
        found => found,
    };
    let (ja, en) = (
        "このユーザー名の会員はいません",
        "Nobody has this user name",
    );
    found.map_err(|error| not_found(error, ja, en))
}

/// What it means to the reader that there is no profile.
fn not_found(error: QueryError, ja: &'static str, en: &'static str) -> Problem {
    let unknown = matches!(error, QueryError::NotFound);
    let problem = refusal(error);
    if unknown {
        problem.detail(ja, en)
    } else {
        problem
    }
}
