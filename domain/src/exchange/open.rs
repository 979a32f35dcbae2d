//! Opening an exchange: a request on an Offer, or an application on a Need (H02-H05, H08, H15).

use meguri_events::{
    ExchangeApplied, ExchangeEvent, ExchangeId, ExchangeRequested, Mode, PostId, Sealed,
};

use super::{Exchange, ExchangeError};
use crate::block::Blocking;
use crate::member::{ActiveMember, Member};
use crate::post::Post;
use crate::text::MessageText;

/// What it takes to open an exchange. That post and opener have no other open exchange (H05,
/// H08) is not seen here: [`crate::Claim::take_open_exchange`] belongs to the same append.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The id of the new exchange.
    pub exchange: ExchangeId,
    /// The Offer that is requested, or the Need that is applied on.
    pub post: &'a Post,
    /// The post's author.
    pub author: &'a Member,
    /// The member who asks or applies.
    pub opener: ActiveMember,
    /// What is between opener and author.
    pub blocking: &'a Blocking,
    /// The mode that is proposed.
    pub mode: Mode,
    /// The first message in the room.
    pub message: MessageText,
}

impl Exchange {
    /// Opens an exchange. It is a request for help on an Offer (スケットを頼む, H02), an
    /// application to help on a Need (スケット申し込み, H04), as the post tells.
    ///
    /// # Errors
    /// Refused on one's own post, on a closed one, on that of a member who has left, in a mode
    /// that the post does not allow, and where one of the two blocks the other (C12).
    pub fn open(opening: Opening<'_>) -> Result<Vec<ExchangeEvent>, ExchangeError> {
        opening.is_allowed()?;
        let Opening {
            exchange,
            post,
            opener,
            mode,
            message,
            ..
        } = opening;
        let (opener, asked) = (opener.id(), post.author());
        let (allowed, no_return_needed) = (post.outline().modes, post.outline().no_return_needed);
        let title = post
            .text()
            .known()
            .map(|text| Sealed::Known(text.title.clone()));
        let message = Sealed::Known(message.into());
        Ok(vec![match post.id() {
            PostId::Offer(offer) => ExchangeRequested {
                exchange,
                offer,
                requester: opener,
                owner: asked,
                mode,
                allowed,
                no_return_needed,
                title,
                message,
            }
            .into(),
            PostId::Need(need) => ExchangeApplied {
                exchange,
                need,
                applicant: opener,
                poster: asked,
                mode,
                allowed,
                no_return_needed,
                title,
                message,
            }
            .into(),
        }])
    }
}

impl Opening<'_> {
    fn is_allowed(&self) -> Result<(), ExchangeError> {
        let (post, mode) = (self.post, self.mode);
        if self.opener.id() == post.author() {
            return Err(ExchangeError::OwnPost);
        }
        // Before all that the post itself would tell: it is hidden.
        if self.blocking.parts_them() {
            return Err(ExchangeError::Blocked);
        }
        if self.author.has_left() {
            return Err(ExchangeError::AuthorHasLeft);
        }
        if !post.is_open() {
            return Err(ExchangeError::PostClosed);
        }
        if !post.outline().modes.allow(mode) {
            return Err(ExchangeError::ModeNotAllowed { mode });
        }
        Ok(())
    }
}
