//! The reader, and what it may see: decided here, and nowhere else.

use meguri_domain::role::{AUDITOR, MEMBER, OPERATOR};
use meguri_events::{ExchangeId, MemberId};
use meguri_log::{Vault, VaultError};
use tokio::sync::OnceCell;

pub use meguri_views::history::Asking;

use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi};

/// Somebody, as an access token proves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Anybody: no token was given.
    Anonymous,
    /// A member.
    Member(MemberId),
    /// An operator (事務局), `operator-<name>`.
    Operator(String),
    /// An auditor, `auditor-<name>`.
    Auditor(String),
}

impl Principal {
    /// The holder of a token; none where the token is unknown, revoked or expired.
    ///
    /// # Errors
    /// The vault cannot be asked.
    pub async fn of_token(vault: &Vault, token: &str) -> Result<Option<Self>, VaultError> {
        let holder = vault.token_holder(token).await?;
        Ok(holder.and_then(|holder| Self::of(&holder.role, holder.subject)))
    }

    /// The holder of a token in this role; none where that is nobody.
    pub fn of(role: &str, subject: String) -> Option<Self> {
        match role {
            MEMBER => MemberId::from_stream(&subject).map(Self::Member),
            OPERATOR => Some(Self::Operator(subject)),
            AUDITOR => Some(Self::Auditor(subject)),
            _ => None,
        }
    }

    /// The member, if it is one.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Member(member) => Some(*member),
            Self::Anonymous | Self::Operator(_) | Self::Auditor(_) => None,
        }
    }

    /// The member who acts or reads for themselves.
    ///
    /// # Errors
    /// [`AnswerError::Forbidden`] where it is no member.
    pub fn require_member(&self) -> Result<MemberId, AnswerError> {
        self.member().ok_or_else(|| {
            AnswerError::forbidden("会員のトークンが必要です", "A member's token is needed")
        })
    }

    /// The auditor who reads the log, `auditor-<name>`.
    ///
    /// # Errors
    /// [`AnswerError::Forbidden`] where it is no auditor.
    pub fn require_auditor(&self) -> Result<&str, AnswerError> {
        match self {
            Self::Auditor(subject) => Ok(subject),
            Self::Anonymous | Self::Member(_) | Self::Operator(_) => {
                let (ja, en) = ("監査人のトークンが必要です", "An auditor's token is needed");
                Err(AnswerError::forbidden(ja, en))
            }
        }
    }

    /// A party to exchanges, or an auditor, who asks what happened.
    ///
    /// # Errors
    /// [`AnswerError::Forbidden`] where it is neither a member nor an auditor.
    pub fn require_inquirer(&self) -> Result<Asking, AnswerError> {
        match self.member() {
            Some(member) => Ok(Asking::Member(member)),
            None => self.require_auditor().map(|_| Asking::Auditor),
        }
    }

    /// The operator who maintains what is the community's, `operator-<name>`.
    ///
    /// # Errors
    /// [`AnswerError::Forbidden`] where it is no operator.
    pub fn require_operator(&self) -> Result<&str, AnswerError> {
        match self {
            Self::Operator(subject) => Ok(subject),
            Self::Anonymous | Self::Member(_) | Self::Auditor(_) => {
                let (ja, en) = (
                    "事務局のトークンが必要です",
                    "An operator's token is needed",
                );
                Err(AnswerError::forbidden(ja, en))
            }
        }
    }

    /// As events and limits name it: `member-<id>`, `operator-<name>`, `auditor-<name>`.
    pub fn subject(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Member(member) => member.stream(),
            Self::Operator(subject) | Self::Auditor(subject) => subject.clone(),
        }
    }
}

/// A principal who reads, with what is hidden from them: neither side of a block sees the other
/// (C12). Every query takes one, so that none can forget to leave out what is hidden.
#[derive(Debug)]
pub struct Viewer {
    principal: Principal,
    /// Read by the first query that shows what others made.
    hidden: OnceCell<Vec<MemberId>>,
}

impl From<Principal> for Viewer {
    fn from(principal: Principal) -> Self {
        let hidden = OnceCell::new();
        Self { principal, hidden }
    }
}

impl Viewer {
    /// The principal that reads.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The members whom this viewer does not see, as of everything that this process knows to have
    /// happened: a block that was acknowledged holds for the next request. What is read of the past
    /// is read under the blocks of today.
    ///
    /// # Errors
    /// The blocks do not get there in time, or cannot be read: nobody is shown then.
    pub(crate) async fn hidden(
        &self,
        api: &ReadApi,
        fresh: Freshness,
    ) -> Result<&[MemberId], AnswerError> {
        let Some(member) = self.principal.member() else {
            return Ok(&[]);
        };
        let read = || async {
            let known = api.views.head().get();
            let needed = fresh.min_position.map_or(known, |asked| asked.max(known));
            api.views_at_least(&[View::Blocks], Some(needed)).await?;
            Ok::<_, AnswerError>(api.live().blocks().hidden_from(member).await?)
        };
        self.hidden.get_or_try_init(read).await.map(Vec::as_slice)
    }

    /// Whether it may know of an exchange: its two parties may, and auditors, whose duty it is. For
    /// everybody else there is none.
    ///
    /// # Errors
    /// [`AnswerError::NotFound`] where it may not; the log cannot be read.
    pub(crate) async fn may_see(&self, api: &ReadApi, id: ExchangeId) -> Result<(), AnswerError> {
        let Asking::Member(member) = self.principal.require_inquirer()? else {
            return Ok(());
        };
        let parties = api.parties.of(&api.log, id).await?;
        parties
            .includes(member)
            .then_some(())
            .ok_or(AnswerError::NOT_FOUND)
    }
}
