//! Blocks: a member wants to have nothing to do with another, and takes that back.

use crate::ids::MemberId;

event! {
    /// A member blocked another: neither sees the other from now on (C12). Exchanges that were
    /// opened before go on.
    pub struct MemberBlocked, schema 1;
    open {
        /// The member who blocks.
        by: MemberId,
        /// The member who is blocked.
        blocked: MemberId,
    }
}

event! {
    /// A member took a block of their own back (C12).
    pub struct MemberUnblocked, schema 1;
    open {
        /// The member who had blocked.
        by: MemberId,
        /// The member who was blocked.
        blocked: MemberId,
    }
}

events! {
    /// What can happen between two members who want nothing of each other.
    pub enum BlockEvent in Block {
        MemberBlocked, MemberUnblocked
    }
}
