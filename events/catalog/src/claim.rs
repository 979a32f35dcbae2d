//! Claims: what only one may hold at a time, such as a user name.
//!
//! The stream's name is a keyed hash of kind and value, so the events need not name the value.

use crate::ids::{ExchangeId, MemberId};

codes! {
    /// What is claimed.
    pub enum ClaimKind {
        /// A user name. It is never released (K23).
        UserName = "user_name", "ユーザー名", "User name";
        /// A mail address, until its holder leaves or changes it.
        Mail = "mail", "メールアドレス", "Mail address";
        /// The one open exchange of a post and an opener (H05, H08).
        OpenExchange = "open_exchange", "やりとり中の交換", "Open exchange";
    }
}

event! {
    /// A claim was taken: until it is released nobody else can take it.
    pub struct ClaimTaken, schema 1;
    open {
        /// What is claimed.
        kind: ClaimKind,
        /// Its holder.
        holder: MemberId,
        /// The exchange, where an open exchange is claimed.
        exchange: Option<ExchangeId>,
    }
}

event! {
    /// A claim was released, and may be taken again.
    pub struct ClaimReleased, schema 1;
    open {
        /// What was claimed.
        kind: ClaimKind,
        /// Its former holder.
        holder: MemberId,
    }
}

events! {
    /// What can happen to a claim.
    pub enum ClaimEvent in Claim { ClaimTaken, ClaimReleased }
}
