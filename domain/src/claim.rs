//! Claims: at most one holder at a time of a user name, a mail address, an open exchange.

use meguri_events::{
    ClaimEvent, ClaimKind, ClaimReleased, ClaimTaken, Event, ExchangeId, MemberId,
};

use crate::{Aggregate, Counts};

/// Why a claim cannot be taken or released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Somebody holds this user name, or once did (K23).
    #[error("this user name is taken")]
    UserNameTaken,
    /// A member has this mail address.
    #[error("this mail address is in use")]
    MailTaken,
    /// The opener has an open exchange on this post already (H05, H08).
    #[error("you have an open exchange on this post already")]
    ExchangeOpen,
    /// User names are never released (K23).
    #[error("a user name is never given to anyone else")]
    NeverReleased,
    /// Only the holder's claim can be released.
    #[error("this claim is held by somebody else, or by nobody")]
    NotTheHolder,
}

impl ClaimError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UserNameTaken => "user-name-taken",
            Self::MailTaken => "mail-taken",
            Self::ExchangeOpen => "exchange-open",
            Self::NeverReleased => "never-released",
            Self::NotTheHolder => "not-the-holder",
        }
    }

    /// The refusal in Japanese.
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::UserNameTaken => "このユーザー名はすでに使われています。",
            Self::MailTaken => "このメールアドレスはすでに登録されています。",
            Self::ExchangeOpen => "この投稿にはすでに進行中のやりとりがあります。",
            Self::NeverReleased => "ユーザー名は手放せません。",
            Self::NotTheHolder => "この登録の持ち主ではありません。",
        }
    }
}

/// A claim that was taken at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    kind: ClaimKind,
    holder: Option<MemberId>,
    exchange: Option<ExchangeId>,
}

impl Claim {
    /// Its present holder, if there is one.
    pub const fn holder(&self) -> Option<MemberId> {
        self.holder
    }

    /// The exchange it stands for, where an open exchange is claimed and held.
    pub const fn exchange(&self) -> Option<ExchangeId> {
        self.exchange
    }

    /// Takes a user name or mail address for a member. Taking what one holds yields no event.
    ///
    /// # Errors
    /// Refused when somebody else holds it.
    pub fn take(
        state: Option<&Self>,
        kind: ClaimKind,
        holder: MemberId,
    ) -> Result<Vec<ClaimEvent>, ClaimError> {
        match state.and_then(|claim| claim.holder) {
            None => Ok(vec![
                ClaimTaken {
                    kind,
                    holder,
                    exchange: None,
                }
                .into(),
            ]),
            Some(found) if found == holder && kind != ClaimKind::OpenExchange => Ok(vec![]),
            Some(_) => Err(match kind {
                ClaimKind::UserName => ClaimError::UserNameTaken,
                ClaimKind::Mail => ClaimError::MailTaken,
                ClaimKind::OpenExchange => ClaimError::ExchangeOpen,
            }),
        }
    }

    /// Takes the one open exchange of a post and an opener (H05, H08).
    ///
    /// # Errors
    /// [`ClaimError::ExchangeOpen`] while another exchange holds it.
    pub fn take_open_exchange(
        state: Option<&Self>,
        opener: MemberId,
        exchange: ExchangeId,
    ) -> Result<Vec<ClaimEvent>, ClaimError> {
        let kind = ClaimKind::OpenExchange;
        match state.and_then(|claim| claim.exchange) {
            None => Ok(vec![
                ClaimTaken {
                    kind,
                    holder: opener,
                    exchange: Some(exchange),
                }
                .into(),
            ]),
            Some(found) if found == exchange => Ok(vec![]),
            Some(_) => Err(ClaimError::ExchangeOpen),
        }
    }

    /// Releases the claim. Releasing a released one yields no event.
    ///
    /// # Errors
    /// Refused for user names, and for a claim that another member holds.
    pub fn release(&self, holder: MemberId) -> Result<Vec<ClaimEvent>, ClaimError> {
        if self.kind == ClaimKind::UserName {
            return Err(ClaimError::NeverReleased);
        }
        match self.holder {
            None => Ok(vec![]),
            Some(found) if found == holder => Ok(vec![
                ClaimReleased {
                    kind: self.kind,
                    holder,
                }
                .into(),
            ]),
            Some(_) => Err(ClaimError::NotTheHolder),
        }
    }
}

impl Aggregate for Claim {
    type Event = ClaimEvent;

    const FOLD: u32 = 1;

    fn counts(event: &ClaimEvent) -> Counts {
        Counts::UntilNext(match event {
            ClaimEvent::ClaimTaken(_) => "taken".to_owned(),
            ClaimEvent::ClaimReleased(_) => "released".to_owned(),
        })
    }

    fn event(event: &Event) -> Option<&ClaimEvent> {
        if let Event::Claim(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &ClaimEvent) -> Option<Self> {
        match event {
            ClaimEvent::ClaimTaken(taken) => Some(Self {
                kind: taken.kind,
                holder: Some(taken.holder),
                exchange: taken.exchange,
            }),
            ClaimEvent::ClaimReleased(_) => state.map(|claim| Self {
                holder: None,
                exchange: None,
                ..claim
            }),
        }
    }
}
