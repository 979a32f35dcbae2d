//! Posts: Needs and Offers, by the same commands (H01).

mod body;

use async_trait::async_trait;
use meguri_domain::{ActiveMember, Post, PostContent, PostError, PostPatch};
use meguri_events::{NeedId, OfferId, PostEvent, PostId};

pub use body::{NewPost, PostChanges};

use crate::handle::{Attempt, Decision, Done, stream};
use crate::{Caller, CommandError, Commands};

impl Commands {
    /// Posts a Need (H03).
    ///
    /// # Errors
    /// Refused when a text cannot be taken, when no mode is allowed, once the member has left.
    pub async fn post_need(&self, caller: &Caller, new: NewPost) -> Result<Done, CommandError> {
        let id = NeedId::new(self.ids().next()).into();
        self.run(
            caller,
            &WritePost {
                id,
                content: new.try_into()?,
            },
        )
        .await
    }

    /// Registers an Offer (H02).
    ///
    /// # Errors
    /// As [`Commands::post_need`].
    pub async fn post_offer(&self, caller: &Caller, new: NewPost) -> Result<Done, CommandError> {
        let id = OfferId::new(self.ids().next()).into();
        self.run(
            caller,
            &WritePost {
                id,
                content: new.try_into()?,
            },
        )
        .await
    }

    /// Rewrites a post, if it has one of the versions that its author will have (H01).
    ///
    /// # Errors
    /// Refused for anyone but the author; [`CommandError::Stale`] when it has changed since.
    pub async fn edit_post(
        &self,
        caller: &Caller,
        id: PostId,
        changes: PostChanges,
        seen: Option<Vec<u64>>,
    ) -> Result<Done, CommandError> {
        let patch = PostPatch::try_from(changes)?;
        self.on_post("edit_post", caller, id, seen, |post, by| {
            post.edit(by, patch.clone())
        })
        .await
    }

    /// Closes a post; its exchanges go on (H01). A closed one stays as it is.
    ///
    /// # Errors
    /// Refused for anyone but the author.
    pub async fn close_post(&self, caller: &Caller, id: PostId) -> Result<Done, CommandError> {
        self.on_post("close_post", caller, id, None, Post::close)
            .await
    }

    /// Opens a closed post again (H01). An open one stays as it is.
    ///
    /// # Errors
    /// Refused for anyone but the author.
    pub async fn reopen_post(&self, caller: &Caller, id: PostId) -> Result<Done, CommandError> {
        self.on_post("reopen_post", caller, id, None, Post::reopen)
            .await
    }

    async fn on_post<F>(
        &self,
        name: &'static str,
        caller: &Caller,
        id: PostId,
        seen: Option<Vec<u64>>,
        decide: F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Post, ActiveMember) -> Result<Vec<PostEvent>, PostError> + Send + Sync,
    {
        self.run(
            caller,
            &OnPost {
                name,
                id,
                seen,
                decide,
            },
        )
        .await
    }

    /// Closes a post whose author has left (H01).
    pub(crate) async fn close_as_author_left(
        &self,
        caller: &Caller,
        id: PostId,
    ) -> Result<Done, CommandError> {
        self.run(caller, &CloseAsAuthorLeft { id }).await
    }
}

struct WritePost {
    id: PostId,
    content: PostContent,
}

#[async_trait]
impl Decision for WritePost {
    fn name(&self) -> &'static str {
        match self.id {
            PostId::Need(_) => "post_need",
            PostId::Offer(_) => "post_offer",
        }
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let post = stream(self.id.stream())?;
        attempt.about(&post);
        attempt.create::<Post>(&post);
        let author = attempt.acting().await?;
        attempt.record(&post, Post::write(self.id, author, self.content.clone())?);
        Ok(())
    }
}

struct OnPost<F> {
    name: &'static str,
    id: PostId,
    /// The versions of which the caller will have one, if that matters.
    seen: Option<Vec<u64>>,
    decide: F,
}

#[async_trait]
impl<F> Decision for OnPost<F>
where
    F: Fn(&Post, ActiveMember) -> Result<Vec<PostEvent>, PostError> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let stream = stream(self.id.stream())?;
        attempt.about(&stream);
        let post = attempt
            .load::<Post>(&stream)
            .await?
            .ok_or(CommandError::NotFound)?;
        let by = attempt.acting().await?;
        let events = (self.decide)(&post, by)?;
        let current = attempt.version(&stream).get();
        let seen = self.seen.as_ref();
        if seen.is_some_and(|seen| !seen.contains(&current)) {
            return Err(CommandError::Stale { current });
        }
        attempt.record(&stream, events);
        Ok(())
    }
}

struct CloseAsAuthorLeft {
    id: PostId,
}

#[async_trait]
impl Decision for CloseAsAuthorLeft {
    fn name(&self) -> &'static str {
        "close_as_author_left"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let stream = stream(self.id.stream())?;
        attempt.about(&stream);
        let post = attempt
            .load::<Post>(&stream)
            .await?
            .ok_or(CommandError::NotFound)?;
        attempt.record(&stream, post.close_as_author_left());
        Ok(())
    }
}
