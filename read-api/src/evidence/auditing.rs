//! What an auditor may have opened of an exchange: nothing, or what they give a reason for, which
//! somebody else notes in the log first.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::SectionAt;
use crate::{AnswerError, ReadApi};

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = meguri_domain::REASON_CHARS_MAX;

/// Why somebody opens what others wrote, in their own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// It says nothing, or too much, or holds what a text cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to {REASON_CHARS_MAX} characters, all of them to be seen")]
pub struct BadReason;

impl Reason {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = BadReason;

    fn from_str(text: &str) -> Result<Self, BadReason> {
        let reason = meguri_domain::Reason::parse(text).map_err(|_| BadReason)?;
        Ok(Self(reason.into()))
    }
}

/// What is going to be opened, by whom and why.
#[derive(Debug, Clone)]
pub struct Access {
    /// `auditor-<name>`.
    pub by: String,
    /// Why.
    pub reason: Reason,
    /// What.
    pub sections: Vec<SectionAt>,
}

/// An access was not noted, so that nothing may be opened. It can be tried again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the access cannot be noted: {0}")]
pub struct NotNoted(pub String);

/// Appends to the log that something is going to be opened; the reading side writes no event.
pub type NoteAccess = Arc<dyn Fn(Access) -> BoxFuture<'static, Result<(), NotNoted>> + Send + Sync>;

/// What is opened for auditors.
#[derive(Clone, Default)]
pub(crate) enum ForAuditors {
    /// What the audit pages show: what is not sealed.
    #[default]
    Nothing,
    /// What they give a reason for, once it is noted.
    Everything(NoteAccess),
}

impl fmt::Debug for ForAuditors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Everything(_) => "Everything",
        })
    }
}

impl ReadApi {
    /// Makes sure that an auditor may open these sections, and that the log says so.
    ///
    /// # Errors
    /// Nothing is opened for auditors, there is no reason, or it is not noted.
    pub(super) async fn note_access(
        &self,
        auditor: &str,
        reason: Option<&str>,
        sections: &[SectionAt],
    ) -> Result<(), AnswerError> {
        if sections.is_empty() {
            return Ok(());
        }
        let ForAuditors::Everything(note) = &self.for_auditors else {
            return Err(AnswerError::forbidden(
                "このサーバーは、監査人に封印された文を開きません（auditor_discloses）",
                "This server opens no sealed text for auditors (auditor_discloses)",
            ));
        };
        let reason = reason.unwrap_or_default().parse().map_err(|error| {
            let error: BadReason = error;
            let detail = "開く理由（reason）を 1〜500 文字で書いてください";
            AnswerError::invalid(detail, error.to_string())
        })?;
        let noted = note(Access {
            by: auditor.to_owned(),
            reason,
            sections: sections.to_vec(),
        });
        noted
            .await
            .map_err(|error| AnswerError::unavailable(&error))
    }
}
