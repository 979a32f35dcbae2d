//! Telling members of new posts that fit theirs. What fits is found by who reads the views; here
//! it is proven that it may be told, and told once.

use async_trait::async_trait;
use meguri_domain::{Blocking, Matching, Post};
use meguri_events::{MemberId, PostId};

use crate::handle::{Attempt, Decision, Done, stream};
use crate::policies::Trigger;
use crate::{CommandError, Commands};

const POLICY: &str = "matches";

impl Commands {
    /// Tells a member that a new post of somebody else fits posts of theirs, the best first. Told
    /// once for each new post, however often it is asked; nothing is told where no exchange could
    /// be opened on it any more.
    ///
    /// # Errors
    /// [`CommandError`]; it can be asked again.
    pub async fn tell_of_match(
        &self,
        posted: &Trigger,
        post: PostId,
        member: MemberId,
        fits: &[PostId],
    ) -> Result<Done, CommandError> {
        let caller = posted.caller(POLICY, member, "tell", &member.stream());
        self.run(&caller, &TellOfMatch { post, member, fits }).await
    }
}

struct TellOfMatch<'a> {
    post: PostId,
    member: MemberId,
    fits: &'a [PostId],
}

#[async_trait]
impl Decision for TellOfMatch<'_> {
    fn name(&self) -> &'static str {
        "tell_of_match"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let told = stream(self.member.match_stream())?;
        attempt.about(&told);
        let post = load(attempt, self.post).await?;
        let mut fits = Vec::with_capacity(self.fits.len());
        for fit in self.fits {
            fits.push(load(attempt, *fit).await?);
        }
        let author = attempt.member(post.author()).await?;
        let member = attempt.member(self.member).await?;
        let pair = stream(self.member.block_stream(post.author()))?;
        let blocking = attempt.load::<Blocking>(&pair).await?.unwrap_or_default();
        let matching = Matching {
            post: &post,
            author: &author,
            member: &member,
            fits: &fits,
            blocking: &blocking,
        };
        // Who else is told what in the meantime is no concern of this: nothing is loaded of it.
        attempt.record(&told, matching.tell());
        Ok(())
    }
}

async fn load(attempt: &mut Attempt<'_>, post: PostId) -> Result<Post, CommandError> {
    let loaded = attempt.load::<Post>(&stream(post.stream())?).await?;
    loaded.ok_or(CommandError::NotFound)
}
