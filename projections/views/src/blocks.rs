//! Blocks: which member does not see which other (C12).

use std::collections::BTreeSet;

use meguri_events::{BlockEvent, Event, MemberId};
use meguri_log::{Position, Timestamp};

use meguri_engine::{AnyRows, Decoded, FoldError, Rows, View, ViewReader};

use crate::{
    column::{Column, table},
    error::QueryError,
    page::{Cursor, Page, before, within_limits},
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
    with {
        /// The position of the event that says so.
        since: Position,
        /// When.
        at: Timestamp,
    }
}

/// The view.
#[derive(Default)]
pub struct Blocks {
    blocks: Rows<Blocked>,
}

impl View for Blocks {
    type Fact = Event;
    const NAME: &'static str = "blocks";
    const VERSION: u32 = 1;
    const SCHEMA: &'static str = include_str!("blocks.sql");
    const WANTS: &'static [&'static str] = &["MemberBlocked", "MemberUnblocked"];

    fn keys(&mut self, fact: &Event) {
        match fact {
            Event::Block(BlockEvent::MemberBlocked(block)) => {
                self.blocks.ask((block.by, block.blocked));
            }
            Event::Block(BlockEvent::MemberUnblocked(block)) => {
                self.blocks.ask((block.by, block.blocked));
            }
            _ => {}
        }
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        match fact {
            Event::Block(BlockEvent::MemberBlocked(block)) => self.blocks.put(Blocked {
                blocker: block.by,
                blocked: block.blocked,
                since: event.position,
                at: event.at,
            }),
            Event::Block(BlockEvent::MemberUnblocked(block)) => {
                let blocked = self.blocks.row(&(block.by, block.blocked))?.clone();
                self.blocks.remove(&blocked);
            }
            _ => {}
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.blocks]
    }
}

/// Reads blocks.
#[derive(Clone, Debug)]
pub struct BlockQueries(pub(crate) ViewReader);

impl BlockQueries {
    /// Everybody whom this member does not see, and who does not see them, whoever of the two
    /// blocked the other; each once, in the order of their ids.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn hidden_from(&self, member: MemberId) -> Result<Vec<MemberId>, QueryError> {
        let cells = vec![member.to_cell(), member.to_cell()];
        let blocks: Vec<Blocked> = self
            .0
            .select("where blocker = ? or blocked = ?", cells)
            .await?;
        let others: BTreeSet<MemberId> = blocks
            .into_iter()
            .map(|it| {
                if it.blocker == member {
                    it.blocked
                } else {
                    it.blocker
                }
            })
            .collect();
        Ok(others.into_iter().collect())
    }

    /// Whom this member blocks, the newest block first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn blocked_by(
        &self,
        member: MemberId,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<Blocked>, QueryError> {
        let limit = within_limits(limit);
        let rest = "where blocker = ? and since < ? order by since desc limit ?";
        let cells = vec![
            member.to_cell(),
            before(after).to_cell(),
            (limit + 1).to_cell(),
        ];
        let blocks = self.0.select(rest, cells).await?;
        Ok(Page::of(blocks, limit, |block: &Blocked| block.since))
    }
}
