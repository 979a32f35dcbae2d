//! Whom a member blocks, and what is still open with them (C12).

use axum::extract::State;
use meguri_events::MemberId;
use meguri_http::{Member, Problem, Problems, Query};
use meguri_views::Moment;
use meguri_views::rooms::Exchange;
use serde::Serialize;
use utoipa::ToSchema;

use crate::freshness::Seen;
use crate::list::List;
use crate::names::{Names, Person};
use crate::own::OwnQuery;
use crate::views::{View, refusal};
use crate::{ReadApi, asker, codes, list};

/// An exchange that goes on in spite of a block.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenExchange {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// `negotiating`, which can be cancelled, or `in_progress`, which can be aborted.
    #[schema(schema_with = codes::exchange_status)]
    status: &'static str,
}

/// Somebody whom the member blocks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockAnswer {
    /// Who it is.
    member: Person,
    /// Since when, RFC 3339.
    #[schema(format = DateTime)]
    since: String,
    /// What was open between the two before, and goes on until one of them ends it, newest first.
    open_exchanges: Vec<OpenExchange>,
}

/// Lists whom one blocks, the newest block first.
///
/// A block ends nothing: what was open between the two is told with it (`open_exchanges`), so that
/// the member can say what becomes of it, by cancelling or aborting. Who blocks oneself is told to
/// nobody (C12).
#[utoipa::path(
    get, path = "/me/blocks", tag = "members", operation_id = "list_blocks",
    extensions(("x-summary-ja" = json!("ブロックした相手を一覧する"))),
    security(("bearer" = [])),
    params(OwnQuery),
    responses(
        (status = 200, description = "A page of blocks", body = List<BlockAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "No access token, or one that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        (status = 403, description = "The token is not a member's",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn list_blocks(
    State(api): State<ReadApi>,
    member: Member,
    Query(query): Query<OwnQuery>,
) -> Result<Seen<List<BlockAnswer>>, Problem> {
    let member = asker::id_of(&member)?;
    let after = list::cursor(query.cursor.as_deref())?;
    let views = [View::Blocks, View::Rooms, View::Profiles];
    let seen = api.views_at_least(&views, query.min_position).await?;
    let blocks = Moment::live(&api.views).blocks();
    let page = blocks.blocked_by(member, after, query.limit).await;
    let page = page.map_err(refusal)?;
    let blocked: Vec<MemberId> = page.items.iter().map(|block| block.blocked).collect();
    let open = Moment::live(&api.views)
        .rooms()
        .open_between(member, &blocked)
        .await;
    let open = open.map_err(refusal)?;
    let names = Names::of(&api, blocked).await?;
    let answer = List::of(page, |block| BlockAnswer {
        member: names.person(block.blocked),
        since: block.at.to_string(),
        open_exchanges: of_both(&open, block.blocked),
    });
    Ok(Seen::at(seen, answer))
}

/// Those to which this member is a party.
fn of_both(open: &[Exchange], other: MemberId) -> Vec<OpenExchange> {
    let theirs = open.iter().filter(|exchange| exchange.is_party(other));
    let open = theirs.map(|exchange| OpenExchange {
        id: exchange.id.to_string(),
        status: exchange.status.code(),
    });
    open.collect()
}
