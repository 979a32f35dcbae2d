//! Opening what members wrote, at the command line and for auditors: noted by a command before
//! anything of it is shown.

use std::sync::Arc;

use meguri_commands::{AccessError, SealedText, note_opened_texts, note_opened_views};
use meguri_events::OrderRef;
use meguri_log::Log;
use meguri_read_api::evidence::{NotNoted, NoteAccess, Reason, SectionAt};

use crate::command_line::{AccessArgs, ViewAccessArgs};
use crate::failure::Failure;

/// Longest name of an operator, in characters.
const NAME_CHARS_MAX: usize = 64;

/// The person who wants to see sealed text, and their reason.
#[derive(Debug)]
pub(crate) struct Access {
    actor: String,
    reason: Reason,
}

/// The person at the command line, as events name them.
///
/// # Errors
/// [`Failure::Access`] where nobody says who it is.
pub(crate) fn operator(by: Option<&str>) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = by.unwrap_or_default();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Failure::Access(
            "`--by` takes 1 to 64 letters, digits, `-` and `_`",
        ));
    }
    Ok(format!("operator-{name}"))
}

/// Notes what auditors open over HTTP.
pub(crate) fn noting(log: Log) -> NoteAccess {
    Arc::new(move |asked| {
        let log = log.clone();
        Box::pin(async move {
            let (actor, reason) = (asked.by, asked.reason);
            let access = Access { actor, reason };
            let noted = access.record(&log, &asked.sections).await;
            noted.map_err(|failure| NotNoted(failure.to_string()))
        })
    })
}

impl Access {
    /// What the command line says; none where no reason was given.
    ///
    /// # Errors
    /// [`Failure::Access`] where nobody says who it is, or the reason says nothing.
    pub(crate) fn of(args: &AccessArgs) -> Result<Option<Self>, Failure> {
        let Some(reason) = &args.reason else {
            return Ok(None);
        };
        let reason = reason.parse();
        let reason = reason.map_err(|_| Failure::Access("`--reason` takes 1 to 500 characters"))?;
        let actor = operator(args.by.as_deref())?;
        Ok(Some(Self { actor, reason }))
    }

    /// Notes for each member that text of theirs is going to be seen.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be shown then.
    pub(crate) async fn record(&self, log: &Log, opened: &[SectionAt]) -> Result<(), Failure> {
        let texts = opened.iter().map(|at| SealedText {
            position: at.position.get(),
            section: at.section.clone(),
            subject: at.subject.clone(),
            key: at.key.clone(),
        });
        let texts: Vec<SealedText> = texts.collect();
        let noted = note_opened_texts(log, &self.actor, self.reason.as_str(), &texts);
        Ok(noted.await?)
    }
}

/// The person who reads rows of views, and their reason.
#[derive(Debug)]
pub(crate) struct ViewAccess {
    actor: String,
    reference: OrderRef,
    copied: bool,
}

impl ViewAccess {
    /// What the command line says; none where no reason was given. Where rows are `copied`, a file
    /// is made of them.
    ///
    /// # Errors
    /// [`Failure::Access`] where nobody says who it is.
    pub(crate) fn of(args: &ViewAccessArgs, copied: bool) -> Result<Option<Self>, Failure> {
        let Some(reference) = args.reason.clone() else {
            return Ok(None);
        };
        let actor = operator(args.by.as_deref())?;
        Ok(Some(Self {
            actor,
            reference,
            copied,
        }))
    }

    /// Notes that rows of these views are going to be seen.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be shown then.
    pub(crate) async fn record(&self, log: &Log, views: &[String]) -> Result<(), Failure> {
        let noted = note_opened_views(log, &self.actor, &self.reference, self.copied, views);
        Ok(noted.await?)
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Read(error) => error.into(),
            AccessError::Vault(error) => error.into(),
            AccessError::Append(error) => error.into(),
            AccessError::Unwritable(error) => Self::NotNoted(error),
        }
    }
}
