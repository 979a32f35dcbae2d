//! Why a query has no answer, and what its reader can do.

use std::borrow::Cow;
use std::fmt;

use meguri_engine::{PastError, ViewState, ViewStatus};
use meguri_log::{Position, PublishedError, ReadError};
use meguri_proofs::PlanError;
use meguri_views::QueryError;

/// One sentence in the two languages of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Japanese, the language of the first users.
    pub ja: Cow<'static, str>,
    /// English.
    pub en: Cow<'static, str>,
}

impl Sentence {
    /// A sentence in both languages.
    pub fn new(ja: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self {
            ja: ja.into(),
            en: en.into(),
        }
    }
}

/// English, and Japanese as `{:#}`: so a sentence passes through what takes one text alone.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if f.alternate() { &self.ja } else { &self.en })
    }
}

/// Why a view cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is being built for the first time: try again shortly.
    Building,
    /// It did not hold what the log says, and is built anew: try again shortly.
    Withdrawn,
    /// It stands still before an event that it cannot fold: an operator has to look.
    Stopped,
}

/// Why a query has no answer, and what its reader can do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// There is nothing, or nothing that the reader may know of.
    #[error("not found")]
    NotFound(Option<Sentence>),
    /// The query asks for what cannot be: ask otherwise.
    #[error("{0}")]
    Invalid(Sentence),
    /// The reader may not see it.
    #[error("{0}")]
    Forbidden(Sentence),
    /// A position did not arrive in time: try again shortly.
    #[error("position {asked} has not arrived yet; reached {reached}")]
    NotYet {
        /// Which was asked for.
        asked: Position,
        /// Which was reached.
        reached: Position,
    },
    /// A view cannot be read.
    #[error("the view {view:?} cannot be read: {why:?}")]
    View {
        /// Why.
        why: Unreadable,
        /// Which, where it is one.
        view: Option<String>,
        /// How far it is, where that is known.
        position: Option<Position>,
    },
    /// The moment that was asked for has not come.
    #[error("{says}")]
    BeyondHead {
        /// What there is instead.
        says: Sentence,
        /// The last position, where a position was asked for.
        head: Option<Position>,
    },
    /// A view is being built as of the moment that was asked for: try again shortly.
    #[error("the view {view} is built as of {of}, and has reached {position}")]
    BuildingPast {
        /// Which view.
        view: &'static str,
        /// How far it is.
        position: Position,
        /// How far it goes.
        of: Position,
        /// How long it takes, as far as that is known.
        seconds_left: Option<u64>,
    },
    /// Too much is asked for at once: try again after so many seconds.
    #[error("busy")]
    Busy {
        /// When to try again.
        seconds: u64,
    },
    /// The server is not well, or not ready.
    #[error("{says}")]
    NotReady {
        /// Why.
        says: Sentence,
        /// What of it: `loops` or `views`, with their names.
        parts: Option<(&'static str, Vec<String>)>,
    },
    /// Something cannot be reached: try again shortly.
    #[error("unavailable")]
    Unavailable,
    /// Stored data are not what they have to be: an operator has to look.
    #[error("internal")]
    Internal,
}

impl AnswerError {
    /// There is nothing, and no more is said of it.
    pub const NOT_FOUND: Self = Self::NotFound(None);

    /// The query asks for what cannot be.
    pub fn invalid(ja: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(Sentence::new(ja, en))
    }

    /// The reader may not see it.
    pub fn forbidden(ja: impl Into<Cow<'static, str>>, en: impl Into<Cow<'static, str>>) -> Self {
        Self::Forbidden(Sentence::new(ja, en))
    }

    /// Something cannot be reached. What it said stays in the server's own log: it may quote what
    /// an event holds.
    pub(crate) fn unavailable(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a query has no answer");
        Self::Unavailable
    }

    /// Stored data are not what they have to be.
    pub(crate) fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a query met something broken");
        Self::Internal
    }
}

/// Somebody else's exchange does not exist for the reader.
impl From<QueryError> for AnswerError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotFound | QueryError::NotAParty => Self::NOT_FOUND,
            QueryError::NotReady(view) => Self::View {
                why: Unreadable::Building,
                view: Some(view.into()),
                position: None,
            },
            error @ (QueryError::Table(_) | QueryError::Index(_) | QueryError::BrokenOff(_)) => {
                Self::unavailable(&error)
            }
        }
    }
}

impl From<ReadError> for AnswerError {
    fn from(error: ReadError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<PastError> for AnswerError {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Beyond { head } => Self::BeyondHead {
                says: Sentence::new(
                    format!("記録は位置 {head} までです"),
                    format!("The log ends at position {head}"),
                ),
                head: Some(head),
            },
            PastError::Future { now } => Self::BeyondHead {
                says: Sentence::new(format!("現在は {now} です"), format!("It is only {now}")),
                head: None,
            },
            PastError::Building {
                view,
                position,
                of,
                seconds_left,
            } => Self::BuildingPast {
                view,
                position,
                of,
                seconds_left,
            },
            PastError::Busy => Self::Busy { seconds: 1 },
            PastError::Stopped { reason } => {
                tracing::error!(reason, "a view cannot be built as of that position");
                Self::View {
                    why: Unreadable::Stopped,
                    view: None,
                    position: None,
                }
            }
            PastError::Log(error) => error.into(),
            error @ (PastError::Failed(_) | PastError::BrokenOff) => Self::unavailable(&error),
            error @ PastError::UnknownView(_) => Self::internal(&error),
        }
    }
}

impl From<PublishedError> for AnswerError {
    fn from(error: PublishedError) -> Self {
        let (ja, en) = match error {
            PublishedError::Read(error) => return error.into(),
            PublishedError::NotYet { published } => (
                format!("まだ公開されていません（現在 {published} 件まで公開）"),
                format!("Not published yet: the log is published up to {published} events"),
            ),
            PublishedError::NoCheckpoint { size } => (
                format!("{size} 件の時点のチェックポイントは公開されていません"),
                format!("No checkpoint of {size} events was published"),
            ),
            PublishedError::NoProof(PlanError::NoSuchEntry { size, .. }) => (
                format!("{size} 件の記録に、その位置のイベントはありません"),
                format!("There is no event at this position among the {size} that were signed"),
            ),
            PublishedError::NoProof(PlanError::Shrunk { from, to }) => (
                format!("記録が {from} 件から {to} 件に減ることはありません"),
                format!("The log never shrinks from {from} events to {to}"),
            ),
        };
        Self::NotFound(Some(Sentence::new(ja, en)))
    }
}

/// The position of a view that can be read.
pub(crate) fn readable(view: &ViewStatus) -> Result<Position, AnswerError> {
    let why = match view.state {
        ViewState::Live => return Ok(view.position),
        ViewState::Building => Unreadable::Building,
        ViewState::Withdrawn { .. } => Unreadable::Withdrawn,
        // What it has could be read, but would silently grow old.
        ViewState::Stopped { .. } => Unreadable::Stopped,
    };
    Err(AnswerError::View {
        why,
        view: Some(view.name.clone()),
        position: Some(view.position),
    })
}
