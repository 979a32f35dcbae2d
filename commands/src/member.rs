//! Members: registering, changing the nickname, leaving.

use async_trait::async_trait;
use meguri_domain::{Claim, ClaimError, Mail, Member, Nickname, Registration, UserName};
use meguri_events::{ClaimKind, MemberId, Prefecture};
use meguri_log::RequestKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::handle::{Attempt, Decision, Done, stream};
use crate::tokens::Account;
use crate::{Caller, CommandError, Commands, Password, claims};

/// What a person gives to become a member, but for the password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// Unique and never changed: the profile's address (K23).
    pub user_name: String,
    /// What others read.
    pub nickname: String,
    /// Where mail reaches the member; nobody else sees it.
    pub mail: String,
    /// Where the member lives, if they say so.
    ///
    /// Left out where it is not said: a registration that a client repeats stays the request that
    /// it was before members were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefecture: Option<Prefecture>,
}

/// Another nickname.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNickname {
    /// What others read.
    #[schema(min_length = 1, max_length = 30, example = "ゆき")]
    pub nickname: String,
}

/// A member who has just registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The member's stream, its version and position.
    pub done: Done,
    /// An access token; it can be read this once.
    pub token: String,
    /// What this device says when it logs in again, so that it is let through while others guess.
    pub device: String,
}

impl Commands {
    /// Registers a member who has no password, so that nobody can log in as them.
    ///
    /// # Errors
    /// Refused when a text cannot be taken, and when the user name is taken. A mail address that
    /// somebody else has given is no reason: that would tell which addresses are known here.
    pub async fn register(
        &self,
        new: NewMember,
        key: Option<RequestKey>,
    ) -> Result<Done, CommandError> {
        self.registered(new, None, key).await
    }

    /// Registers a member with a password, and gives an access token. The same again under the
    /// same key gives another token to whoever knows the password.
    ///
    /// The hash is in the vault before the append is tried, under the id of the new member. A
    /// crash between the two leaves a hash that belongs to nobody and is never looked at: no
    /// member is ever without password, and no user name is taken by nobody.
    ///
    /// # Errors
    /// As [`Commands::register`]. Repeated under the same key with another password it is answered
    /// as anybody's request for a name that is taken, and counts as an attempt to log in.
    pub async fn register_with_password(
        &self,
        new: NewMember,
        password: &Password,
        key: Option<RequestKey>,
    ) -> Result<Registered, CommandError> {
        password.check()?;
        let refused = CommandError::from(ClaimError::UserNameTaken);
        let user_name = new.user_name.clone();
        let done = match self.registered(new, Some(password), key).await {
            Err(error) if key.is_some() && error == refused => {
                // Nobody's password: who guesses keys and what was sent under them learns nothing,
                // by the answer, by its time or by how often it is given.
                let (account, _) = self.account_of(&user_name).await?;
                self.check_password(&account, password, None).await?;
                return Err(error);
            }
            done => done?,
        };
        let member = MemberId::new(done.id());
        if done.repeated {
            let account = Account::of(member);
            let hash = self.hash_of(&account).await?;
            if !self.check_password(&account, password, hash).await? {
                return Err(refused);
            }
        }
        let (token, device) = self.let_in(member).await?;
        Ok(Registered {
            done,
            token,
            device,
        })
    }

    async fn registered(
        &self,
        new: NewMember,
        password: Option<&Password>,
        key: Option<RequestKey>,
    ) -> Result<Done, CommandError> {
        let member = MemberId::new(self.ids().next());
        let registration = Registration {
            user_name: UserName::parse(&new.user_name)?,
            nickname: Nickname::parse(&new.nickname)?,
            mail: Mail::parse(&new.mail)?,
            prefecture: new.prefecture,
        };
        let caller = Caller::member(member).with_key(key);
        self.run(
            &caller,
            &Register {
                member,
                registration,
                password,
            },
        )
        .await
    }

    /// Takes another nickname; the same one again changes nothing.
    ///
    /// # Errors
    /// Refused when the text cannot be taken, and once the member has left.
    pub async fn change_nickname(
        &self,
        caller: &Caller,
        new: NewNickname,
    ) -> Result<Done, CommandError> {
        let nickname = Nickname::parse(&new.nickname)?;
        self.run(caller, &ChangeNickname { nickname }).await
    }

    /// Leaves the community (H01). A policy then closes the member's posts, ends their exchanges
    /// and takes their tokens and password away.
    ///
    /// # Errors
    /// Technical ones only; who has left already has left.
    pub async fn leave(&self, caller: &Caller) -> Result<Done, CommandError> {
        self.run(
            caller,
            &Leave {
                member: caller.id()?,
            },
        )
        .await
    }
}

struct Register<'a> {
    member: MemberId,
    registration: Registration,
    password: Option<&'a Password>,
}

#[async_trait]
impl Decision for Register<'_> {
    fn name(&self) -> &'static str {
        "register"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let (member, given) = (self.member, &self.registration);
        let own = stream(member.stream())?;
        attempt.about(&own);
        attempt.create::<Member>(&own);
        let name = claims::user_name(attempt.vault(), &given.user_name)?;
        let state = attempt.load::<Claim>(&name).await?;
        let taken = Claim::take(state.as_ref(), ClaimKind::UserName, member)?;
        attempt.record(&name, taken);
        let mail = claims::mail(attempt.vault(), &given.mail)?;
        let shared = claims::shared_mail(attempt.vault(), &given.mail, member)?;
        let mut held = attempt.load::<Claim>(&mail).await?;
        attempt.create::<Claim>(&shared);
        let mut claim = &mail;
        if held.is_some_and(|held| held.holder().is_some()) {
            (claim, held) = (&shared, None);
        }
        attempt.record(claim, Claim::take(held.as_ref(), ClaimKind::Mail, member)?);
        attempt.record(&own, Member::register(member, given.clone()));
        Ok(())
    }

    async fn before_append(&self, commands: &Commands) -> Result<(), CommandError> {
        let Some(password) = self.password else {
            return Ok(());
        };
        let visitor = commands.visitor();
        if let Some(place) = visitor.far_place() {
            commands.attempts().register(&place)?;
        }
        let who = visitor.who();
        let hash = commands.passwords().hash(who, password).await?;
        let vault = commands.log().vault();
        Ok(vault
            .set_password_hash(&self.member.stream(), &hash)
            .await?)
    }
}

struct ChangeNickname {
    nickname: Nickname,
}

#[async_trait]
impl Decision for ChangeNickname {
    fn name(&self) -> &'static str {
        "change_nickname"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let member = attempt.member(attempt.caller().id()?).await?;
        let own = stream(member.id().stream())?;
        attempt.about(&own);
        attempt.record(&own, member.change_nickname(self.nickname.clone())?);
        Ok(())
    }
}

struct Leave {
    member: MemberId,
}

#[async_trait]
impl Decision for Leave {
    fn name(&self) -> &'static str {
        "leave"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let member = attempt.member(self.member).await?;
        let own = stream(self.member.stream())?;
        attempt.about(&own);
        let left = member.leave();
        if !left.is_empty() {
            release_mail(attempt, &member).await?;
        }
        attempt.record(&own, left);
        Ok(())
    }
}

/// Lets others take the mail address of a member who still holds it.
pub(crate) async fn release_mail(
    attempt: &mut Attempt<'_>,
    member: &Member,
) -> Result<(), CommandError> {
    // An address that was erased cannot be read any more; its claim went with it.
    let Some(mail) = member.mail().text().and_then(|mail| Mail::parse(mail).ok()) else {
        return Ok(());
    };
    let vault = attempt.vault();
    let shared = claims::shared_mail(vault, &mail, member.id())?;
    for claim in [claims::mail(vault, &mail)?, shared] {
        // Also one of which something was redacted: nothing keeps a member from being erased.
        if let Some(held) = attempt.load_frozen_too::<Claim>(&claim).await?
            && held.holder() == Some(member.id())
        {
            attempt.record(&claim, held.release(member.id())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_registration_of_an_older_client_is_the_same_request_as_before() {
        let sent = r#"{"user_name":"aki","nickname":"秋","mail":"aki@example.jp"}"#;
        let new: NewMember = serde_json::from_str(sent).unwrap();
        assert_eq!(
            serde_json::to_string(&new).unwrap(),
            sent,
            "it is hashed as it was"
        );
    }
}
