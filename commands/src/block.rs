//! Blocks: a member blocks another, and takes that back (C12).

use async_trait::async_trait;
use meguri_domain::{ActiveMember, BlockError, Blocking, Claim, Member, UserName};
use meguri_events::BlockEvent;

use crate::handle::{Attempt, Decision, Done, stream};
use crate::{Caller, CommandError, Commands, claims};

impl Commands {
    /// Blocks the member of this user name: from now on neither sees the other, and neither opens
    /// an exchange with the other. What is open between them already goes on.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where nobody has that name; refused for oneself, and for a
    /// member who has left.
    pub async fn block(&self, caller: &Caller, user_name: &str) -> Result<Done, CommandError> {
        self.between("block", caller, user_name, Blocking::block)
            .await
    }

    /// Takes one's own block of the member of this user name back.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where nobody has that name; refused where there is no such block.
    pub async fn unblock(&self, caller: &Caller, user_name: &str) -> Result<Done, CommandError> {
        self.between("unblock", caller, user_name, Blocking::unblock)
            .await
    }

    async fn between(
        &self,
        name: &'static str,
        caller: &Caller,
        user_name: &str,
        decide: Decide,
    ) -> Result<Done, CommandError> {
        // What can be no user name is nobody's.
        let other = UserName::parse(user_name).map_err(|_| CommandError::NotFound)?;
        self.run(
            caller,
            &Between {
                name,
                other,
                decide,
            },
        )
        .await
    }
}

type Decide = fn(&Blocking, ActiveMember, &Member) -> Result<Vec<BlockEvent>, BlockError>;

struct Between {
    name: &'static str,
    other: UserName,
    decide: Decide,
}

#[async_trait]
impl Decision for Between {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        // The claim says whose name it is: no view is asked, which could be behind.
        let claim = claims::user_name(attempt.vault(), &self.other)?;
        let held = attempt.load::<Claim>(&claim).await?;
        let other = held.and_then(|claim| claim.holder());
        let other = other.ok_or(CommandError::NotFound)?;
        let by = attempt.acting().await?;
        let other = attempt.member(other).await?;
        let pair = stream(by.id().block_stream(other.id()))?;
        attempt.about(&pair);
        let blocking = attempt.load::<Blocking>(&pair).await?.unwrap_or_default();
        attempt.record(&pair, (self.decide)(&blocking, by, &other)?);
        Ok(())
    }
}
