//! Telling a member that somebody else's new post fits what they have open.

use meguri_events::{MatchEvent, PostId, PostMatched};

use crate::block::Blocking;
use crate::member::Member;
use crate::post::Post;

/// Somebody's new post, and posts of one member that were found to fit it.
#[derive(Debug, Clone, Copy)]
pub struct Matching<'a> {
    /// The new post.
    pub post: &'a Post,
    /// The author.
    pub author: &'a Member,
    /// The member who would be told.
    pub member: &'a Member,
    /// Theirs that it fits, the best first.
    pub fits: &'a [Post],
    /// What is between the two (C12).
    pub blocking: &'a Blocking,
}

impl Matching<'_> {
    /// Tells the member, where an exchange could be opened on what was found: both are still here
    /// and neither blocks the other (C12), and the posts are open, one a Need and the other an
    /// Offer. What does not hold any more is left out; nothing is told where nothing remains.
    pub fn tell(&self) -> Vec<MatchEvent> {
        let (member, author) = (self.member.id(), self.post.author());
        let apart = member == author || self.blocking.parts_them();
        let gone = self.member.has_left() || self.author.has_left();
        if apart || gone || !self.post.is_open() {
            return vec![];
        }
        let of_other_kind = |post: &Post| {
            matches!(
                (self.post.id(), post.id()),
                (PostId::Need(_), PostId::Offer(_)) | (PostId::Offer(_), PostId::Need(_))
            )
        };
        let fit = |post: &&Post| post.is_open() && post.author() == member && of_other_kind(post);
        let fits: Vec<_> = self.fits.iter().filter(fit).map(Post::id).collect();
        if fits.is_empty() {
            return vec![];
        }
        let post = self.post.id();
        vec![
            PostMatched {
                member,
                post,
                author,
                fits,
            }
            .into(),
        ]
    }
}
