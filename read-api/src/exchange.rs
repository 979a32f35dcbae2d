//! Exchanges of the member who asks: the list, and what every answer about one says.

use axum::extract::State;
use meguri_engine::AsOf;
use meguri_events::{MemberId, PostId};
use meguri_http::{Member, Problem, Problems, Query};
use meguri_log::Timestamp;
use meguri_views::posts::PostKind;
use meguri_views::rooms::Exchange;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::freshness::Seen;
use crate::list::List;
use crate::names::{Names, Person};
use crate::views::{View, refusal};
use crate::{ReadApi, asker, codes, freshness, list};

/// The post that an exchange came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExchangePost {
    /// The post's id.
    #[schema(format = Uuid)]
    id: String,
    /// `need`: the opener applied to help. `offer`: the opener asked for help.
    #[schema(schema_with = codes::kind)]
    kind: &'static str,
    /// Its title as it read at the opening; null once it is erased.
    title: Option<String>,
}

/// One act of help between two members (H05, H08), as one of the two sees it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that readers ask for one by one"
)]
pub(crate) struct ExchangeAnswer {
    /// The exchange's id.
    #[schema(format = Uuid)]
    id: String,
    /// Version of its stream, as in `ETag`.
    version: u64,
    /// Where it stands (H24).
    #[schema(schema_with = codes::exchange_status)]
    status: &'static str,
    /// The post that it came from.
    post: ExchangePost,
    /// Who opened it: asked for help, or applied to help.
    opener: Person,
    /// Who was asked, and has the right to decide (H10, H12).
    asked: Person,
    /// Which of the two the reader is.
    #[schema(schema_with = codes::side)]
    me: &'static str,
    /// The mode of the opening, then of the current terms.
    #[schema(schema_with = codes::mode)]
    mode: &'static str,
    /// Whether the post allowed online (H15).
    allows_online: bool,
    /// Whether the post allowed by post and in person (H15).
    allows_offline: bool,
    /// 交換不要: the post asked nothing in return (H16).
    no_return_needed: bool,
    /// Number of the current terms; 0 is the opening as it was (H07).
    terms_version: u32,
    /// The terms that the opener agreed to last (H12).
    opener_agreed: Option<u32>,
    /// The terms that the asked party agreed to last.
    asked_agreed: Option<u32>,
    /// The terms that hold since the start (H07, H11).
    agreed_version: Option<u32>,
    /// Whether something is done in return; null while nobody has said.
    has_return: Option<bool>,
    /// When it was opened, RFC 3339.
    #[schema(format = DateTime)]
    opened_at: String,
    /// When something last happened in it, RFC 3339.
    #[schema(format = DateTime)]
    changed_at: String,
    /// When both had agreed (H07), RFC 3339.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When the opener reported completion (H21), RFC 3339.
    #[schema(format = DateTime)]
    opener_reported_at: Option<String>,
    /// When the asked party reported completion (H21), RFC 3339.
    #[schema(format = DateTime)]
    asked_reported_at: Option<String>,
    /// When the silent party was reminded (H44), RFC 3339.
    #[schema(format = DateTime)]
    reminded_at: Option<String>,
    /// Completed by policy, one party not having reported (H44).
    completed_by_policy: bool,
    /// Until when thanks and evaluation are open (H23), RFC 3339.
    #[schema(format = DateTime)]
    open_until: Option<String>,
    /// When it was completed, cancelled or aborted, RFC 3339.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Who cancelled or aborted it.
    #[schema(schema_with = codes::side_or_null)]
    ended_by: Option<&'static str>,
    /// Why it was cancelled or aborted.
    #[schema(schema_with = codes::reason_code_or_null)]
    reason_code: Option<&'static str>,
    /// Why, in own words; null once they are erased.
    reason: Option<String>,
}

impl ExchangeAnswer {
    /// The exchange as this party sees it.
    pub(crate) fn of(exchange: Exchange, reader: MemberId, names: &Names) -> Self {
        let side = |member: MemberId| {
            if member == exchange.opener {
                "opener"
            } else {
                "asked"
            }
        };
        let written = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let post = match exchange.post {
            PostId::Need(id) => id.uuid(),
            PostId::Offer(id) => id.uuid(),
        };
        Self {
            id: exchange.id.to_string(),
            version: exchange.version.get(),
            status: exchange.status.code(),
            post: ExchangePost {
                id: post.to_string(),
                kind: PostKind::of(exchange.post).code(),
                title: exchange.title,
            },
            opener: names.person(exchange.opener),
            asked: names.person(exchange.asked),
            me: side(reader),
            mode: exchange.mode.code(),
            allows_online: exchange.allows_online,
            allows_offline: exchange.allows_offline,
            no_return_needed: exchange.no_return_needed,
            terms_version: exchange.terms_version,
            opener_agreed: exchange.opener_agreed,
            asked_agreed: exchange.asked_agreed,
            agreed_version: exchange.agreed_version,
            has_return: exchange.has_return,
            opened_at: exchange.opened_at.to_string(),
            changed_at: exchange.changed_at.to_string(),
            started_at: written(exchange.started_at),
            opener_reported_at: written(exchange.opener_reported_at),
            asked_reported_at: written(exchange.asked_reported_at),
            reminded_at: written(exchange.reminded_at),
            completed_by_policy: exchange.completed_by_policy,
            open_until: written(exchange.open_until),
            ended_at: written(exchange.ended_at),
            ended_by: exchange.ended_by.map(side),
            reason_code: exchange.reason_code.map(meguri_events::ReasonCode::code),
            reason: exchange.reason,
        }
    }
}

/// Which of the member's exchanges are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExchangesQuery {
    /// Only exchanges that stand here (H24).
    #[param(schema_with = codes::exchange_status)]
    status: Option<String>,
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

/// Lists one's own exchanges, newest first.
///
/// Those that the member is a party of; nobody else's are ever listed.
#[utoipa::path(
    get, path = "/exchanges", tag = "exchanges", operation_id = "list_exchanges",
    extensions(("x-summary-ja" = json!("自分の交換を一覧する"))),
    security(("bearer" = [])),
    params(ExchangesQuery),
    responses(
        (status = 200, description = "A page of exchanges", body = List<ExchangeAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn list_exchanges(
    State(api): State<ReadApi>,
    member: Member,
    Query(query): Query<ExchangesQuery>,
) -> Result<Seen<List<ExchangeAnswer>>, Problem> {
    let member = asker::id_of(&member)?;
    let status = codes::filter("status", query.status.as_deref())?;
    let cursor = list::cursor(query.cursor.as_deref())?;
    let seen = api
        .views(
            &[View::Rooms],
            &[View::Profiles],
            query.min_position,
            query.as_of,
        )
        .await?;
    let page = seen
        .rooms()
        .exchanges_of(member, status, cursor, query.limit)
        .await;
    let page = page.map_err(refusal)?;
    let parties = page
        .items
        .iter()
        .flat_map(|exchange| [exchange.opener, exchange.asked]);
    let names = Names::of(&api, parties).await?;
    Ok(Seen::at(
        seen.position(),
        List::of(page, |item| ExchangeAnswer::of(item, member, &names)),
    ))
}
