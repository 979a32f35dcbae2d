//! Matches: a member is told of a new post that fits what they have open themselves.

use crate::ids::{MemberId, PostId};

event! {
    /// A member was told that a new post of somebody else fits posts of their own. Whether a post
    /// fits is weighed by the words of search, which change; this says what was found then.
    pub struct PostMatched, schema 1;
    open {
        /// The member who is told.
        member: MemberId,
        /// The new post.
        post: PostId,
        /// The member who posted it.
        author: MemberId,
        /// The member's open posts that it fits, the best first.
        fits: Vec<PostId>,
    }
}

events! {
    /// What a member is told of posts that fit theirs.
    pub enum MatchEvent in Match { PostMatched }
}
