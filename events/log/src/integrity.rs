//! Whether the database itself is whole: a look at start that takes a few seconds at most, and all
//! of it as a part of the audit.

pub(crate) mod pages;

use std::time::Duration;

use crate::{log::Log, options::OpenError, read::ReadError, stream::Position};

/// How long the look at start takes at most, for each database.
const AT_START_MAX: Duration = Duration::from_secs(3);
/// How many of the newest events are looked up by stream and version at start.
const NEWEST: u64 = 4_000;

impl Log {
    /// Looks whether log and vault are whole, as far as that can be told in a few seconds: each
    /// page and index of a SQLite file, and whether the newest events are found where they are
    /// looked up. An index of the log that is not whole is made anew from its events, which is
    /// said at `warn`.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] with what is wrong: nothing may be served from it.
    pub async fn check_integrity(&self) -> Result<(), OpenError> {
        let vault = self.vault().integrity(Some(AT_START_MAX)).await;
        refuse(
            "the vault",
            &vault.map_err(|error| OpenError::Unavailable(error.to_string()))?,
        )?;
        let mut found = self.wrong_in_log().await?;
        if !found.is_empty() && self.audited().rebuild_indexes().await.is_ok() {
            let before = std::mem::replace(&mut found, self.wrong_in_log().await?);
            if found.is_empty() {
                let first = before.first().map(String::as_str).unwrap_or_default();
                tracing::warn!(first, "an index of the log was damaged, and was made anew");
            }
        }
        refuse("the log", &found)
    }

    async fn wrong_in_log(&self) -> Result<Vec<String>, OpenError> {
        let store = self.audited();
        let found = store.audit_integrity(Some(AT_START_MAX)).await;
        let mut found = found.map_err(OpenError::from)?;
        let head = match self.store().head().await.map_err(ReadError::from) {
            Ok(head) => head.position,
            Err(error) => return Ok(vec![error.to_string()]),
        };
        let after = Position::new(head.get().saturating_sub(NEWEST));
        let unfound = store.audit_lookups(after, head).await;
        let unfound = unfound.map_err(OpenError::from)?;
        found.extend(unfound.iter().map(|position| not_found(*position)));
        Ok(found)
    }
}

/// What is said of an event that look-ups do not lead to.
pub(crate) fn not_found(position: Position) -> String {
    format!("position {position} is not found by its stream and version")
}

fn refuse(what: &'static str, found: &[String]) -> Result<(), OpenError> {
    let Some(first) = found.first() else {
        return Ok(());
    };
    let (reason, count) = (first.clone(), found.len());
    Err(OpenError::Damaged {
        what,
        reason,
        count,
    })
}
