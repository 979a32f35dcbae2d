//! Blocks between two members (C12).

use std::collections::BTreeSet;

use meguri_events::{BlockEvent, Event, MemberBlocked, MemberId, MemberUnblocked};

use crate::member::{ActiveMember, Member};
use crate::{Aggregate, Counts};

/// Why a member cannot be blocked, or a block not be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Nobody is hidden from themselves.
    #[error("nobody blocks themselves")]
    Oneself,
    /// A member who has left is shown to nobody as someone to ask.
    #[error("the other member has left")]
    OtherHasLeft,
    /// Only who blocked takes it back.
    #[error("you have not blocked this member")]
    NotBlocked,
}

impl BlockError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Oneself => "blocking-oneself",
            Self::OtherHasLeft => "other-member-has-left",
            Self::NotBlocked => "not-blocked",
        }
    }

    /// The refusal in Japanese.
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::Oneself => "自分をブロックすることはできません。",
            Self::OtherHasLeft => "相手のメンバーは退会しています。",
            Self::NotBlocked => "このメンバーはブロックしていません。",
        }
    }
}

/// Which of two members blocks the other, as the stream of the two tells. Either may, or both.
///
/// What is between two members who never blocked each other is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocking {
    by: BTreeSet<MemberId>,
}

impl Blocking {
    /// Whether neither sees the other, whoever of them wanted it.
    pub fn parts_them(&self) -> bool {
        !self.by.is_empty()
    }

    /// One of the two blocks the other. Blocking twice yields no event.
    ///
    /// # Errors
    /// [`BlockError::Oneself`], or [`BlockError::OtherHasLeft`] for a member who has left already.
    pub fn block(&self, by: ActiveMember, other: &Member) -> Result<Vec<BlockEvent>, BlockError> {
        let (by, blocked) = (by.id(), other.id());
        if by == blocked {
            return Err(BlockError::Oneself);
        }
        if self.by.contains(&by) {
            return Ok(vec![]);
        }
        if other.has_left() {
            return Err(BlockError::OtherHasLeft);
        }
        Ok(vec![MemberBlocked { by, blocked }.into()])
    }

    /// One of the two takes their own block back, also that of a member who has left since. That
    /// of the other stays.
    ///
    /// # Errors
    /// [`BlockError::NotBlocked`] where they have not blocked the other.
    pub fn unblock(&self, by: ActiveMember, other: &Member) -> Result<Vec<BlockEvent>, BlockError> {
        let (by, blocked) = (by.id(), other.id());
        if self.by.contains(&by) {
            Ok(vec![MemberUnblocked { by, blocked }.into()])
        } else {
            Err(BlockError::NotBlocked)
        }
    }
}

impl Aggregate for Blocking {
    type Event = BlockEvent;

    const FOLD: u32 = 1;

    fn counts(event: &BlockEvent) -> Counts {
        let by = match event {
            BlockEvent::MemberBlocked(e) => e.by,
            BlockEvent::MemberUnblocked(e) => e.by,
        };
        Counts::UntilNext(by.to_string())
    }

    fn event(event: &Event) -> Option<&BlockEvent> {
        if let Event::Block(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &BlockEvent) -> Option<Self> {
        let mut blocking = state.unwrap_or_default();
        match event {
            BlockEvent::MemberBlocked(event) => blocking.by.insert(event.by),
            BlockEvent::MemberUnblocked(event) => blocking.by.remove(&event.by),
        };
        Some(blocking)
    }
}
