//! What a member alone reads of themselves: who opened their texts, whom they block, which posts
//! they were told of.

use axum::extract::State;
use meguri_http::{Member, MemberProblems, Problem, Query};
use meguri_read_api::ReadApi;
use meguri_read_api::accesses::AccessAnswer;
use meguri_read_api::blocks::BlockAnswer;
use meguri_read_api::list::List;
use meguri_read_api::matches::ToldOf;

use crate::answer::Shown;
use crate::query::{MinPosition, PageQuery};

/// Reads who opened one's own sealed texts, newest first.
///
/// When somebody who runs the server or audits it opens what a member wrote, that is recorded
/// before they see it: who, which texts, when and why.
#[utoipa::path(
    get, path = "/me/accesses", tag = "members", operation_id = "read_accesses",
    extensions(("x-summary-ja" = json!("自分の書いたものが開かれた記録を見る"))),
    security(("bearer" = [])),
    params(PageQuery, MinPosition),
    responses(
        (status = 200, description = "A page of accesses", body = List<AccessAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        MemberProblems,
    )
)]
pub(crate) async fn read_accesses(
    State(read): State<ReadApi>,
    who: Member,
    Query(page): Query<PageQuery>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<List<AccessAnswer>>, Problem> {
    let viewer = who.into();
    let accesses = read.accesses(&viewer, page.part()?, fresh.into());
    Ok(Shown(accesses.await?))
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
    params(PageQuery, MinPosition),
    responses(
        (status = 200, description = "A page of blocks", body = List<BlockAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        MemberProblems,
    )
)]
pub(crate) async fn list_blocks(
    State(read): State<ReadApi>,
    who: Member,
    Query(page): Query<PageQuery>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<List<BlockAnswer>>, Problem> {
    let viewer = who.into();
    let blocks = read.blocks(&viewer, page.part()?, fresh.into());
    Ok(Shown(blocks.await?))
}

/// Reads which new posts one was told of because they fit one's own, newest first.
///
/// Where the server is set to tell (`tell_of_matches`), it tells the authors of open posts of each
/// new post on the other side that fits: by two at least of text, category and area, in a mode that
/// both allow. `/api/stream` says it at once. What is by somebody whom the member blocks, or who
/// blocks them, is left out (C12), so a page may hold less than it could.
#[utoipa::path(
    get, path = "/me/matches", tag = "members", operation_id = "read_own_matches",
    extensions(("x-summary-ja" = json!("自分の投稿に合う新しい投稿の知らせを見る"))),
    security(("bearer" = [])),
    params(PageQuery, MinPosition),
    responses(
        (status = 200, description = "A page of new posts", body = List<ToldOf>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        MemberProblems,
    )
)]
pub(crate) async fn read_own_matches(
    State(read): State<ReadApi>,
    who: Member,
    Query(page): Query<PageQuery>,
    Query(fresh): Query<MinPosition>,
) -> Result<Shown<List<ToldOf>>, Problem> {
    let viewer = who.into();
    let told = read.told_of(&viewer, page.part()?, fresh.into());
    Ok(Shown(told.await?))
}
