//! What it means over HTTP that a command was not carried out.

use meguri_commands::{CommandError, Refusal, RefusalKind, TooMany};

use crate::{Problem, kinds};

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self::new(kinds::TOO_MANY_REQUESTS).retry_after(too_many.seconds)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, ja, en, kind } = refusal;
        match kind {
            RefusalKind::Rule => Self::refused(code, ja, en),
            RefusalKind::Taken => Self::taken(code, ja, en),
            RefusalKind::Hidden => Self::new(kinds::NOT_FOUND),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::NotFound => Self::new(kinds::NOT_FOUND),
            CommandError::Stale { current } => {
                Self::new(kinds::PRECONDITION_FAILED).with("version", current)
            }
            CommandError::WrongCredentials => Self::new(kinds::WRONG_CREDENTIALS),
            CommandError::TooMany(too_many) => too_many.into(),
            CommandError::Conflict => Self::new(kinds::CONFLICT).retry_after(1),
            CommandError::KeyReused => Self::new(kinds::KEY_REUSED),
            CommandError::Busy => Self::new(kinds::BUSY).retry_after(1),
            CommandError::Unknown => Self::new(kinds::OUTCOME_UNKNOWN).retry_after(1),
            CommandError::Frozen { .. } => Refusal::stream_frozen().into(),
            CommandError::Unavailable(text) => {
                tracing::error!(error = text, "a command could not be carried out");
                Self::new(kinds::UNAVAILABLE).retry_after(1)
            }
            CommandError::Broken(text) => {
                tracing::error!(error = text, "a command met something broken");
                Self::new(kinds::INTERNAL)
            }
        }
    }
}
