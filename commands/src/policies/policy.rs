//! What a policy is: rows folded from the log, what is to be done by them, and the command for it.

use async_trait::async_trait;
use meguri_events::Event;
use sqlx::SqliteConnection;

use super::duty::Duty;
use crate::{CommandError, Commands};

/// A policy. It notes nowhere what it has done: the event that doing it appends ends the duty.
#[async_trait]
pub(super) trait Policy: Send + Sync {
    /// Its name. It is part of the keys of its commands and never changes.
    fn name(&self) -> &'static str;

    /// Its tables, whose names no other policy uses.
    fn schema(&self) -> &'static str;

    /// The types of events that it folds.
    fn wants(&self) -> &'static [&'static str];

    /// Changes its rows by an event. To fold the same event again does no harm.
    async fn fold(
        &self,
        rows: &mut SqliteConnection,
        fact: &Event,
        happened: &Happened<'_>,
    ) -> Result<(), sqlx::Error>;

    /// What is to be done, now or later: a query that answers the columns of [`Duty`], in which
    /// `clock` has one row, `now`, `remind_after` and `complete_after`, all in microseconds.
    fn due(&self) -> &'static str;

    /// Gives the command. Done already, or nothing left to do, is as good as done.
    async fn perform(&self, duty: &Duty, commands: &Commands) -> Result<(), CommandError>;

    /// Where no event says that it was done: the statement that notes it, about a member.
    fn noted_by(&self, _: &Duty) -> Option<&'static str> {
        None
    }
}

/// What a policy is told of an event beside what it says.
pub(super) struct Happened<'a> {
    /// The stream that it stands in.
    pub(super) stream: &'a str,
    /// Where it stands in the log.
    pub(super) position: i64,
    /// Its id.
    pub(super) event: String,
    /// The first command of the chain that led to it.
    pub(super) correlation: Option<String>,
}
