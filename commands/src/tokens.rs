//! Access tokens: logging in and out. None of it is an event.

use meguri_domain::role::MEMBER;
use meguri_domain::{Claim, UserName};
use meguri_events::MemberId;
use meguri_events::Timestamp;
use meguri_log::{Position, StoredToken, TokenId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::attempts::Familiar;
use crate::fair_queue::Who;
use crate::snapshot::Kept;
use crate::{CommandError, Commands, Password, claims};

/// A member who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who it is.
    pub member: MemberId,
    /// An access token; it can be read this once.
    pub token: String,
    /// What this device says when it logs in again, so that it is let through while others guess.
    pub device: String,
    /// A position at which the member is to be seen.
    pub position: Position,
}

/// An access token as its owner sees it: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnToken {
    /// By which it is revoked.
    #[schema(example = "0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    pub id: String,
    /// When it was given, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// From when on it is refused, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The hour in which it was used last, RFC 3339; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Whether it is the token of this request.
    pub current: bool,
}

impl OwnToken {
    fn new(token: &StoredToken, current: TokenId) -> Self {
        let time = |time: meguri_log::Timestamp| Timestamp::from_micros(time.micros());
        Self {
            id: token.id.to_string(),
            issued_at: time(token.issued_at),
            expires_at: time(token.expires_at),
            last_used_at: token.used_at.map(time),
            current: token.id == current,
        }
    }
}

/// Whose password is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    member: Option<MemberId>,
    /// How limits call it where it is nobody's.
    name: String,
}

impl Account {
    /// The account of a member.
    pub(crate) fn of(member: MemberId) -> Self {
        let (member, name) = (Some(member), String::new());
        Self { member, name }
    }

    /// An account that nobody has.
    fn nobodys(name: &str) -> Self {
        let (member, name) = (None, name.to_owned());
        Self { member, name }
    }

    /// Under whom the vault would know it. Nobody has the nil id.
    fn subject(&self) -> String {
        let nobody = MemberId::new(uuid::Uuid::nil());
        self.member.unwrap_or(nobody).stream()
    }

    fn key(&self) -> String {
        match self.member {
            Some(member) => member.stream(),
            None => self.name.clone(),
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("meguri_log_ins_total", "outcome" => outcome).increment(1);
}

impl Commands {
    /// Gives a new access token for user name and password.
    ///
    /// # Errors
    /// [`CommandError::WrongCredentials`] whatever of the two is wrong, after the same time;
    /// [`CommandError::TooMany`] after too many wrong ones from where it is asked.
    pub async fn log_in(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<LoggedIn, CommandError> {
        let (account, position) = self.account_of(user_name).await?;
        let hash = self.hash_of(&account).await?;
        let right = self.check_password(&account, password, hash).await?;
        let member = account.member.filter(|_| right);
        let member = member.ok_or(CommandError::WrongCredentials)?;
        let (token, device) = self.let_in(member).await?;
        Ok(LoggedIn {
            member,
            token,
            device,
            position,
        })
    }

    /// Checks a password against a hash, as long as attempts are left: the one way in which that
    /// is done. Without a hash it is wrong, and counts as any other wrong one.
    ///
    /// # Errors
    /// [`CommandError::TooMany`], [`CommandError::Busy`], and technical ones; none of them counts.
    pub(crate) async fn check_password(
        &self,
        account: &Account,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        let familiar = self.familiar(&account.subject()).await?;
        let (key, place) = (account.key(), self.visitor().place());
        let admitted = self.attempts().admit(&key, &place, &familiar);
        let admitted = admitted.inspect_err(|_| count("limited"))?;
        let who = match familiar {
            Familiar::No => self.visitor().who(),
            Familiar::Device(_) | Familiar::Place => Who::Known(key),
        };
        let checked = self.passwords().verify(who, password, hash).await;
        match &checked {
            Ok(false) => count("refused"),
            Ok(true) => {
                count("done");
                admitted.give_back();
            }
            Err(_) => admitted.give_back(),
        }
        checked
    }

    /// The hash of an account's password; asked for where nobody has the name, too, for the same
    /// time.
    pub(crate) async fn hash_of(&self, account: &Account) -> Result<Option<String>, CommandError> {
        Ok(self.log().vault().password_hash(&account.subject()).await?)
    }

    /// Gives a member who has proven who they are an access token, and their device a name.
    ///
    /// # Errors
    /// [`CommandError::WrongCredentials`] for one who has left.
    pub(crate) async fn let_in(&self, member: MemberId) -> Result<(String, String), CommandError> {
        let (vault, subject) = (self.log().vault(), member.stream());
        let token = vault.issue_token(&subject, MEMBER).await?;
        if let Err(error) = self.remember_place(&subject).await {
            tracing::warn!(%error, "from where a member has logged in is not remembered");
        }
        // Asked when all of that is there: whoever leaves after this is locked out of it, too.
        if self.has_left(member).await? {
            vault.lock_out(&subject).await?;
            return Err(CommandError::WrongCredentials);
        }
        Ok((token, self.name_device(&subject)))
    }

    /// The member of this user name, also one who has left; none where nobody has taken it.
    ///
    /// # Errors
    /// Technical ones only.
    pub async fn member_named(&self, user_name: &str) -> Result<Option<MemberId>, CommandError> {
        Ok(self.account_of(user_name).await?.0.member)
    }

    /// Takes an access token back, at once and for good.
    ///
    /// # Errors
    /// Technical ones only.
    pub async fn log_out(&self, token: &str) -> Result<(), CommandError> {
        Ok(self.log().vault().revoke_token(token).await?)
    }

    /// The valid access tokens of a subject, newest first. `current` is the one it asks with.
    ///
    /// # Errors
    /// Technical ones only.
    pub async fn tokens_of(
        &self,
        subject: &str,
        current: &str,
    ) -> Result<Vec<OwnToken>, CommandError> {
        let (tokens, current) = (
            self.log().vault().tokens_of(subject).await?,
            TokenId::of(current),
        );
        Ok(tokens
            .iter()
            .map(|token| OwnToken::new(token, current))
            .collect())
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

    /// The account of this name, and a position at which its claim is to be seen.
    pub(crate) async fn account_of(
        &self,
        user_name: &str,
    ) -> Result<(Account, Position), CommandError> {
        let Ok(name) = UserName::parse(user_name) else {
            return Ok((Account::nobodys("-"), Position::ZERO));
        };
        let claim = claims::user_name(self.log().vault(), &name)?;
        let claimed = self.read::<Claim>(&claim).await?;
        let claimed = claimed.thawed(&claim)?;
        let holder = Claim::of(&claimed.state)
            .and_then(Option::as_ref)
            .and_then(Claim::holder);
        let account = holder.map_or_else(|| Account::nobodys(claim.as_str()), Account::of);
        Ok((account, claimed.position))
    }

    async fn has_left(&self, member: MemberId) -> Result<bool, CommandError> {
        use meguri_domain::Member;
        let stream = crate::handle::stream(member.stream())?;
        let snapshot = self.read::<Member>(&stream).await?;
        let snapshot = snapshot.thawed(&stream)?;
        Ok(Member::of(&snapshot.state)
            .and_then(Option::as_ref)
            .is_none_or(Member::has_left))
    }
}
