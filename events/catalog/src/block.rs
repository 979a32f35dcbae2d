//! Blocks: a member wants to have nothing to do with another, and takes that back.

use crate::ids::MemberId;

event! {
    /// A member blocked another: neither sees the other from now on (C12). Exchanges that were
    /// opened before go on.
    pub struct MemberBlocked, schema 1;
    open {
        /// Who blocks.
        by: MemberId,
        /// Who is blocked.
        blocked: MemberId,
    }
}

event! {
    /// A member took a block of their own back (C12).
    pub struct MemberUnblocked, schema 1;
    open {
        /// Who had blocked.
        by: MemberId,
        /// Who was blocked.
        blocked: MemberId,
    }
}

events! {
    /// What can happen between two members who want nothing of each other.
    pub enum BlockEvent in Block {
        MemberBlocked, MemberUnblocked
    }
}
