//! The two sides of an exchange.

use std::ops::{Index, IndexMut};

use meguri_events::MemberId;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The member who opened the exchange.
    Opener,
    /// The member who was asked, and has the right to decide (H10, H12).
    Asked,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Opener => Self::Asked,
            Self::Asked => Self::Opener,
        }
    }
}

/// Something for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides<T> {
    /// For who opened the exchange.
    pub opener: T,
    /// For who was asked.
    pub asked: T,
}

impl Sides<MemberId> {
    /// The side on which a member is; `None` for a stranger.
    pub fn side_of(self, member: MemberId) -> Option<Side> {
        if member == self.opener {
            Some(Side::Opener)
        } else if member == self.asked {
            Some(Side::Asked)
        } else {
            None
        }
    }
}

impl<T> Sides<T> {
    /// Sets the value of a party; a stranger's is nobody's.
    pub(super) fn set(&mut self, member: MemberId, parties: Sides<MemberId>, value: T) {
        if let Some(side) = parties.side_of(member) {
            self[side] = value;
        }
    }
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Opener => &self.opener,
            Side::Asked => &self.asked,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Opener => &mut self.opener,
            Side::Asked => &mut self.asked,
        }
    }
}
