//! Whom a member blocks, and what is still open with them (C12).

use meguri_events::MemberId;
use meguri_views::rooms::Exchange;
use serde::Serialize;
use utoipa::ToSchema;

use crate::list::{List, Part};
use crate::names::{Names, Person};
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, codes};

/// An exchange that goes on in spite of a block.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenExchange {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// `negotiating`, which can be cancelled, or `in_progress`, which can be aborted.
    #[schema(schema_with = codes::exchange_status)]
    status: &'static str,
}

/// Somebody whom the member blocks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockAnswer {
    /// Who it is.
    member: Person,
    /// Since when, RFC 3339.
    #[schema(format = DateTime)]
    since: String,
    /// What was open between the two before, and goes on until one of them ends it, newest first.
    open_exchanges: Vec<OpenExchange>,
}

impl ReadApi {
    /// A page of whom one blocks, the newest block first (C12).
    pub async fn blocks(
        &self,
        viewer: &Viewer,
        part: Part,
        fresh: Freshness,
    ) -> Result<Seen<List<BlockAnswer>>, AnswerError> {
        let member = viewer.principal().require_member()?;
        let views = [View::Blocks, View::Rooms, View::Profiles];
        let seen = self.views_at_least(&views, fresh.min_position).await?;
        let blocks = self.live().blocks();
        let page = blocks.blocked_by(member, part.after, part.limit).await?;
        let blocked: Vec<MemberId> = page.items.iter().map(|block| block.blocked).collect();
        let open = self.live().rooms().open_between(member, &blocked).await?;
        let names = Names::of(self, blocked).await?;
        let answer = List::of(page, |block| BlockAnswer {
            member: names.person(block.blocked),
            since: block.at.to_string(),
            open_exchanges: of_both(&open, block.blocked),
        });
        Ok(Seen::at(seen, answer))
    }
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
