//! Blocks: which member does not see which other (C12).

use std::collections::BTreeSet;

use meguri_events::{BlockEvent, Event, MemberId};

use crate::{
    cell::Column,
    decode::Decoded,
    read::{QueryError, Reader},
    row::{Row as _, table},
    table::{AnyRows, FoldError, Rows},
    view::View,
};

table! {
    /// A member who blocks another.
    pub struct Blocked in "blocked"
    by {
        /// Who blocks.
        blocker: MemberId,
        /// Who is blocked.
        blocked: MemberId,
    }
    with {}
}

/// The view.
#[derive(Default)]
pub struct Blocks {
    blocks: Rows<Blocked>,
}

impl View for Blocks {
    const NAME: &'static str = "blocks";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("blocks.sql");
    const WANTS: &'static [&'static str] = &["MemberBlocked", "MemberUnblocked"];

    fn keys(&mut self, event: &Decoded) {
        if let Event::Block(event) = &event.event {
            self.blocks.ask(told(event).0.key());
        }
    }

    fn fold(&mut self, event: &Decoded) -> Result<(), FoldError> {
        if let Event::Block(event) = &event.event {
            match told(event) {
                (block, true) => self.blocks.put(block),
                (block, false) => self.blocks.remove(&block),
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.blocks]
    }
}

/// The block that an event is about, and whether it holds from then on.
fn told(event: &BlockEvent) -> (Blocked, bool) {
    let block = |blocker, blocked| Blocked { blocker, blocked };
    match event {
        BlockEvent::MemberBlocked(event) => (block(event.by, event.blocked), true),
        BlockEvent::MemberUnblocked(event) => (block(event.by, event.blocked), false),
    }
}

/// Reads blocks.
#[derive(Clone, Debug)]
pub struct BlockQueries(pub(crate) Reader);

impl BlockQueries {
    /// Everybody whom this member does not see, and who does not see them, whoever of the two
    /// blocked the other; each once, in the order of their ids.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn hidden_from(&self, member: MemberId) -> Result<Vec<MemberId>, QueryError> {
        let cells = vec![member.to_cell(), member.to_cell()];
        let blocks = self.0.select("where blocker = ? or blocked = ?", cells);
        let others: BTreeSet<MemberId> = blocks
            .await?
            .into_iter()
            .map(|Blocked { blocker, blocked }| if blocker == member { blocked } else { blocker })
            .collect();
        Ok(others.into_iter().collect())
    }
}
