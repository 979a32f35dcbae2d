//! Asking the views: which must have seen a position.

use std::time::Duration;

use meguri_engine::{ViewState, ViewStatus, WaitError};
use meguri_log::Position;
use meguri_views::Moment;
use tokio::time::Instant;

use crate::error::readable;
use crate::freshness::MIN_POSITION_WAIT_MAX;
use crate::waiting::waiting;
use crate::{AnswerError, Freshness, ReadApi};

/// A view that an answer is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Board,
    Profiles,
    Thanks,
    Rooms,
    History,
    Search,
    Blocks,
}

impl View {
    /// Its name among the views.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Profiles => "profiles",
            Self::Thanks => "thanks",
            Self::Rooms => "rooms",
            Self::History => "history",
            Self::Search => "search",
            Self::Blocks => "blocks",
        }
    }
}

/// Longest wait for a view as of a moment that has to be built first.
const AS_OF_WAIT_MAX: Duration = Duration::from_secs(2);

impl ReadApi {
    /// The moment that an answer is read from: `then` as they are, or as they were at the moment
    /// that is asked for; `today` as they are, in any case.
    ///
    /// The past is read under today's permissions. Those of exchanges lie with its two parties,
    /// who never change; who people are, and what they have taken back since, is read from what is
    /// live, which has seen at least as much.
    ///
    /// # Errors
    /// One cannot be read, or not yet; there is no such moment.
    pub(crate) async fn views(
        &self,
        then: &[View],
        today: &[View],
        fresh: Freshness,
    ) -> Result<Moment, AnswerError> {
        let Some(as_of) = fresh.as_of else {
            let all = [then, today].concat();
            let seen = self.views_at_least(&all, fresh.min_position).await?;
            return Ok(Moment::now(&self.views, seen));
        };
        if fresh.min_position.is_some() {
            return Err(AnswerError::invalid(
                "as_of と min_position は同時に使えません",
                "as_of and min_position do not go together",
            ));
        }
        let position = self.views.position_of(as_of).await?;
        self.views_at_least(today, Some(position.get())).await?;
        let then: Vec<&str> = then.iter().map(|view| view.name()).collect();
        Ok(waiting(Moment::as_of(&self.views, &then, position, AS_OF_WAIT_MAX)).await??)
    }

    /// What the views hold now, however far they are.
    pub(crate) fn live(&self) -> Moment {
        Moment::live(&self.views)
    }

    /// Makes sure that all these views can be read and have seen a position, waiting for it up to
    /// [`MIN_POSITION_WAIT_MAX`]. Answers the position that all of them have seen.
    ///
    /// # Errors
    /// One does not get there in time, has stopped, or is not built yet.
    pub(crate) async fn views_at_least(
        &self,
        needed: &[View],
        min_position: Option<u64>,
    ) -> Result<Position, AnswerError> {
        // What is erased is shown by none that has not heard of it.
        let erased = self.views.last_erasure();
        let behind = |view: &ViewStatus| {
            let needed = needed.iter().any(|one| one.name() == view.name);
            needed && matches!(view.state, ViewState::Live) && view.position < erased
        };
        let behind = self.views.status().iter().any(behind);
        let min_position = min_position.max(behind.then(|| erased.get()));
        if let Some(asked) = min_position {
            let deadline = Instant::now() + MIN_POSITION_WAIT_MAX;
            for view in needed {
                self.wait_for(*view, Position::new(asked), deadline).await?;
            }
        }
        let mut seen: Option<Position> = None;
        for view in self.views.status() {
            if needed.iter().any(|one| one.name() == view.name) {
                let reached = readable(&view)?;
                seen = Some(seen.map_or(reached, |seen| seen.min(reached)));
            }
        }
        Ok(seen.unwrap_or_default())
    }

    async fn wait_for(
        &self,
        view: View,
        asked: Position,
        deadline: Instant,
    ) -> Result<(), AnswerError> {
        let left = deadline.saturating_duration_since(Instant::now());
        match waiting(self.views.wait_for(view.name(), asked, left)).await? {
            // What a stopped view has is looked at by the caller, as for any other read.
            Ok(()) | Err(WaitError::Stopped { .. }) => Ok(()),
            Err(WaitError::TooSlow { reached, .. }) => Err(AnswerError::NotYet { asked, reached }),
            Err(error @ WaitError::UnknownView(_)) => Err(AnswerError::internal(&error)),
        }
    }

    /// Makes sure that the log has reached a position, waiting for it up to
    /// [`MIN_POSITION_WAIT_MAX`]. Answers its head.
    ///
    /// # Errors
    /// It does not get there in time, or cannot be read.
    pub(crate) async fn log_at_least(
        &self,
        min_position: Option<u64>,
    ) -> Result<Position, AnswerError> {
        let asked = Position::new(min_position.unwrap_or(0));
        let deadline = Instant::now() + MIN_POSITION_WAIT_MAX;
        let mut known = self.log.watch_head();
        let moved = async { known.reaches(asked).await.ok() };
        // What this process has heard may be behind what others have written: the head decides.
        drop(waiting(tokio::time::timeout_at(deadline, moved)).await?);
        let head = self.head().await?;
        if head < asked {
            Err(AnswerError::NotYet {
                asked,
                reached: head,
            })
        } else {
            Ok(head)
        }
    }

    /// The head of the log, of all processes.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn head(&self) -> Result<Position, AnswerError> {
        Ok(self.log.head().await?.position)
    }
}
