//! Access tokens: logging in and out. None of it is an event.

use std::time::Instant;

use meguri_domain::{Claim, UserName};
use meguri_events::MemberId;
use meguri_http::MEMBER;
use meguri_log::{Position, StoredToken};

use crate::snapshot::{Kept, Snapshot};
use crate::{CommandError, Commands, Password, claims};

/// A member who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who it is.
    pub member: MemberId,
    /// An access token; it can be read this once.
    pub token: String,
    /// A position at which the member is to be seen.
    pub position: Position,
}

impl Commands {
    /// Gives a new access token for user name and password.
    ///
    /// # Errors
    /// [`CommandError::WrongCredentials`] whatever of the two is wrong, after the same time;
    /// [`CommandError::TooMany`] after too many attempts under one name.
    pub async fn log_in(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<LoggedIn, CommandError> {
        let vault = self.log().vault();
        let (holder, position) = self.holder_of(user_name).await?;
        // Nobody has the nil id; asked so that unknown names take as long.
        let subject = holder.unwrap_or(MemberId::new(uuid::Uuid::nil())).stream();
        let hash = vault.password_hash(&subject).await?;
        if !self.passwords().verify(password, hash).await? {
            metrics::counter!("meguri_log_ins_total", "outcome" => "refused").increment(1);
            return Err(CommandError::WrongCredentials);
        }
        let member = holder.ok_or(CommandError::WrongCredentials)?;
        if self.has_left(member).await? {
            return Err(CommandError::WrongCredentials);
        }
        metrics::counter!("meguri_log_ins_total", "outcome" => "done").increment(1);
        let token = vault.issue_token(&subject, MEMBER).await?;
        Ok(LoggedIn {
            member,
            token,
            position,
        })
    }

    /// The member of this user name, also one who has left; none where nobody has taken it.
    ///
    /// # Errors
    /// Technical ones, and [`CommandError::TooMany`] after too many attempts under one name.
    pub async fn member_named(&self, user_name: &str) -> Result<Option<MemberId>, CommandError> {
        Ok(self.holder_of(user_name).await?.0)
    }

    /// Takes an access token back, at once and for good.
    ///
    /// # Errors
    /// Technical ones only.
    pub async fn log_out(&self, token: &str) -> Result<(), CommandError> {
        Ok(self.log().vault().revoke_token(token).await?)
    }

    /// The valid access tokens of a subject, newest first.
    ///
    /// # Errors
    /// Technical ones only.
    pub async fn tokens_of(&self, subject: &str) -> Result<Vec<StoredToken>, CommandError> {
        Ok(self.log().vault().tokens_of(subject).await?)
    }

    /// Takes back one access token of a subject, by the id under which it is listed.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] where the subject has no such token.
    pub async fn revoke_token(&self, subject: &str, id: &str) -> Result<(), CommandError> {
        let vault = self.log().vault();
        if vault.revoke_token_shown_as(subject, id).await? {
            Ok(())
        } else {
            Err(CommandError::NotFound)
        }
    }

    async fn holder_of(
        &self,
        user_name: &str,
    ) -> Result<(Option<MemberId>, Position), CommandError> {
        let Ok(name) = UserName::parse(user_name) else {
            return Ok((None, Position::ZERO));
        };
        let claim = claims::user_name(self.log().vault(), &name)?;
        self.log_in_attempts()
            .take(claim.as_str(), Instant::now())?;
        let claimed = Snapshot::read::<Claim>(self.log(), &claim).await?;
        let claimed = claimed.thawed(&claim)?;
        let holder = Claim::of(&claimed.state)
            .and_then(Option::as_ref)
            .and_then(Claim::holder);
        Ok((holder, claimed.position))
    }

    async fn has_left(&self, member: MemberId) -> Result<bool, CommandError> {
        use meguri_domain::Member;
        let stream = crate::handle::stream(member.stream())?;
        let snapshot = Snapshot::read::<Member>(self.log(), &stream).await?;
        let snapshot = snapshot.thawed(&stream)?;
        Ok(Member::of(&snapshot.state)
            .and_then(Option::as_ref)
            .is_none_or(Member::has_left))
    }
}
