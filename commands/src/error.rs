//! Why a command was not carried out, and what its caller can do.

use std::borrow::Cow;

use meguri_domain::{
    BlockError, ClaimError, ExchangeError, MemberError, PostError, TextError, VocabularyError,
};
use meguri_log::{AppendError, OpenSealError, ReadError, VaultError};

use crate::TooMany;

/// A rule does not allow what was asked. Deciding again gives the same until something changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {en}")]
pub struct Refusal {
    /// Stable name of the refusal, as in `/problems/<code>`.
    pub code: &'static str,
    /// For people, in Japanese.
    pub ja: Cow<'static, str>,
    /// For people, in English.
    pub en: Cow<'static, str>,
    /// What kind of refusal it is.
    pub kind: RefusalKind,
}

/// What kind of refusal it is: a rule's, a conflict with somebody else, or that nothing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// A rule of the product.
    Rule,
    /// Somebody else holds what only one can hold.
    Taken,
    /// The caller may not know of it.
    Hidden,
}

impl Refusal {
    /// The keys of somebody it concerns are destroyed.
    pub const fn member_erased() -> Self {
        Self {
            code: "member-erased",
            ja: Cow::Borrowed("このメンバーの情報は消去されています。"),
            en: Cow::Borrowed("what concerns this member was erased"),
            kind: RefusalKind::Rule,
        }
    }

    /// An event of the stream was redacted.
    pub const fn stream_frozen() -> Self {
        Self {
            code: "stream-frozen",
            ja: Cow::Borrowed("記録の一部が削除されているため、操作できません。"),
            en: Cow::Borrowed("a part of this record was redacted, so it cannot be changed"),
            kind: RefusalKind::Rule,
        }
    }

    /// One coordinate without the other.
    pub const fn half_a_place() -> Self {
        Self {
            code: "half-a-place",
            ja: Cow::Borrowed("緯度と経度は両方入力してください。"),
            en: Cow::Borrowed("latitude and longitude are given together"),
            kind: RefusalKind::Rule,
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// A rule does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// It was changed since the version the caller has seen: read again.
    #[error("version {current} is the current one")]
    Stale {
        /// The current version.
        current: u64,
    },
    /// User name and password do not belong together, or nobody has that name.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// Too many attempts: wait.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Others changed the same streams again and again: try again.
    #[error("others changed the same at the same time")]
    Conflict,
    /// The key was used for another request: take a new one.
    #[error("the key was used for another request")]
    KeyReused,
    /// Too much is waiting: try again shortly.
    #[error("busy")]
    Busy,
    /// It may have happened or not: repeat with the same key.
    #[error("the outcome is unknown")]
    Unknown,
    /// Part of the stream was redacted, so nobody can decide on it any more.
    #[error("the stream {stream} is frozen")]
    Frozen {
        /// Which stream.
        stream: String,
    },
    /// The log or the vault cannot be reached: try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Stored events are not what was expected: an operator has to look.
    #[error("broken: {0}")]
    Broken(String),
}

impl CommandError {
    /// Whether the answer depends on the state it was decided on, so that it has to be proven by
    /// deciding again from fresh state.
    pub(crate) fn rests_on_state(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NotFound | Self::Stale { .. })
    }

    /// Whether the same may go well later: nothing is wrong with what was asked.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::Busy | Self::Unknown | Self::Unavailable(_) | Self::TooMany(_)
        )
    }

    /// How the metrics call it.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_)
            | Self::NotFound
            | Self::Stale { .. }
            | Self::WrongCredentials
            | Self::KeyReused
            | Self::TooMany(_) => "refused",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
            Self::Frozen { .. } | Self::Unavailable(_) | Self::Broken(_) => "failed",
        }
    }
}

macro_rules! refusals {
    ($($error:ty: $kind:expr;)*) => {$(
        impl From<$error> for CommandError {
            fn from(error: $error) -> Self {
                let kind: fn(&$error) -> RefusalKind = $kind;
                Self::Refused(Refusal {
                    code: error.code(),
                    ja: error.ja().into(),
                    en: error.to_string().into(),
                    kind: kind(&error),
                })
            }
        }
    )*};
}

refusals! {
    MemberError: |_| RefusalKind::Rule;
    PostError: |_| RefusalKind::Rule;
    TextError: |_| RefusalKind::Rule;
    VocabularyError: |_| RefusalKind::Rule;
    BlockError: |_| RefusalKind::Rule;
    ClaimError: |_| RefusalKind::Taken;
    // A member who is no party does not learn that there is such an exchange, nor does one on the
    // other side of a block that there is such a post.
    ExchangeError: |error| if matches!(error, ExchangeError::NotAParty | ExchangeError::Blocked) {
        RefusalKind::Hidden
    } else {
        RefusalKind::Rule
    };
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(_) => Self::Broken(error.to_string()),
            ReadError::Unavailable(_) | ReadError::FellBack { .. } | ReadError::Closed => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Damaged(_) => Self::Broken(error.to_string()),
            VaultError::Unavailable(_) | VaultError::Randomness(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl From<OpenSealError> for CommandError {
    fn from(error: OpenSealError) -> Self {
        match error {
            OpenSealError::Vault(error) => error.into(),
            OpenSealError::Damaged { .. } | OpenSealError::Header(_) => {
                Self::Broken(error.to_string())
            }
        }
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } | AppendError::NotDone { .. } => Self::Conflict,
            AppendError::KeyReused => Self::KeyReused,
            AppendError::Busy => Self::Busy,
            AppendError::Unknown => Self::Unknown,
            AppendError::Erased { .. } => Self::Refused(Refusal::member_erased()),
            AppendError::Vault(error) => error.into(),
            AppendError::Unavailable(_) | AppendError::Closed => {
                Self::Unavailable(error.to_string())
            }
            AppendError::TooLarge(_) | AppendError::Invalid(_) => Self::Broken(error.to_string()),
        }
    }
}
