//! Asking the views: which must have seen a position, and what their failures mean to a reader.

use std::time::Duration;

use meguri_engine::{AsOf, PastError, ViewState, ViewStatus, WaitError};
use meguri_http::{Problem, kinds, waiting};
use meguri_log::{Position, ReadError};
use meguri_views::{Moment, QueryError};
use tokio::time::Instant;

use crate::ReadApi;
use crate::freshness::{MIN_POSITION_WAIT_MAX, not_yet};

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

/// Longest time after which to ask again for what is being built.
const AS_OF_RETRY_SECONDS_MAX: u64 = 60;

/// The position of a view that can be read.
fn readable(view: &ViewStatus) -> Result<Position, Problem> {
    let problem = match view.state {
        ViewState::Live => return Ok(view.position),
        ViewState::Building => Problem::new(kinds::VIEW_NOT_READY).retry_after(1),
        ViewState::Withdrawn { .. } => Problem::new(kinds::VIEW_WITHDRAWN).retry_after(1),
        // What it has could be read, but would silently grow old.
        ViewState::Stopped { .. } => Problem::new(kinds::VIEW_STOPPED).retry_after(60),
    };
    Err(problem
        .with("view", view.name.as_str())
        .with("position", view.position.get()))
}

/// What a failed query means to the reader. Somebody else's exchange does not exist for them.
pub(crate) fn refusal(error: QueryError) -> Problem {
    match error {
        QueryError::NotFound | QueryError::NotAParty => Problem::new(kinds::NOT_FOUND),
        QueryError::NotReady(view) => Problem::new(kinds::VIEW_NOT_READY)
            .with("view", view)
            .retry_after(1),
        error @ (QueryError::Table(_) | QueryError::Index(_) | QueryError::BrokenOff(_)) => {
            tracing::error!(%error, "a view cannot be read");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        }
    }
}

/// What it means to the reader that there is no such past, or not yet.
fn no_past(error: PastError) -> Problem {
    match error {
        PastError::Beyond { head } => Problem::new(kinds::AS_OF_BEYOND_HEAD)
            .detail(
                format!("記録は位置 {head} までです"),
                format!("The log ends at position {head}"),
            )
            .with("position", head.get()),
        PastError::Future { now } => Problem::new(kinds::AS_OF_BEYOND_HEAD)
            .detail(format!("現在は {now} です"), format!("It is only {now}")),
        PastError::Building {
            view,
            position,
            of,
            seconds_left,
        } => {
            let seconds = seconds_left.unwrap_or(1);
            Problem::new(kinds::VIEW_AS_OF_BUILDING)
                .detail(
                    format!("位置 {of} のうち {position} まで進みました"),
                    format!("Position {position} of {of} is reached"),
                )
                .with("view", view)
                .with("position", position.get())
                .with("of", of.get())
                .with("seconds_left", seconds_left)
                .retry_after(seconds.clamp(1, AS_OF_RETRY_SECONDS_MAX))
        }
        PastError::Busy => Problem::new(kinds::BUSY).retry_after(1),
        // Why is for those who run the server: it may quote what an event holds.
        PastError::Stopped { reason } => {
            tracing::error!(reason, "a view cannot be built as of that position");
            Problem::new(kinds::VIEW_STOPPED).retry_after(60)
        }
        PastError::Log(error) => log_unavailable(&error),
        error @ (PastError::Failed(_) | PastError::BrokenOff) => {
            tracing::error!(%error, "the past of a view cannot be read");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        }
        error @ PastError::UnknownView(_) => {
            tracing::error!(%error, "a route reads a view that there is not");
            Problem::new(kinds::INTERNAL)
        }
    }
}

impl ReadApi {
    /// The moment that an answer is read from: `then` as they are, or as they were at the moment
    /// that is asked for; `today` as they are, in any case.
    ///
    /// The past is read under today's permissions. Those of exchanges lie with its two parties,
    /// who never change; who people are, and what they have taken back since, is read from what is
    /// live, which has seen at least as much.
    ///
    /// # Errors
    /// 503 where one cannot be read, or not yet; 400 where there is no such moment.
    pub(crate) async fn views(
        &self,
        then: &[View],
        today: &[View],
        min_position: Option<u64>,
        as_of: Option<AsOf>,
    ) -> Result<Moment, Problem> {
        let Some(as_of) = as_of else {
            let all = [then, today].concat();
            let seen = self.views_at_least(&all, min_position).await?;
            return Ok(Moment::now(&self.views, seen));
        };
        if min_position.is_some() {
            return Err(Problem::new(kinds::BAD_REQUEST).detail(
                "as_of と min_position は同時に使えません",
                "as_of and min_position do not go together",
            ));
        }
        let position = self.views.position_of(as_of).await.map_err(no_past)?;
        self.views_at_least(today, Some(position.get())).await?;
        let then: Vec<&str> = then.iter().map(|view| view.name()).collect();
        let moment = waiting(Moment::as_of(&self.views, &then, position, AS_OF_WAIT_MAX)).await?;
        moment.map_err(no_past)
    }

    /// Makes sure that all these views can be read and have seen a position, waiting for it up to
    /// [`MIN_POSITION_WAIT_MAX`]. Answers the position that all of them have seen.
    ///
    /// # Errors
    /// 503, with the position reached, where one does not get there in time, has stopped, or is
    /// not built yet.
    pub(crate) async fn views_at_least(
        &self,
        needed: &[View],
        min_position: Option<u64>,
    ) -> Result<Position, Problem> {
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
    ) -> Result<(), Problem> {
        let left = deadline.saturating_duration_since(Instant::now());
        match waiting(self.views.wait_for(view.name(), asked, left)).await? {
            // What a stopped view has is looked at by the caller, as for any other read.
            Ok(()) | Err(WaitError::Stopped { .. }) => Ok(()),
            Err(WaitError::TooSlow { reached, .. }) => Err(not_yet(asked, reached)),
            Err(error @ WaitError::UnknownView(_)) => {
                tracing::error!(%error, "a route reads a view that there is not");
                Err(Problem::new(kinds::INTERNAL))
            }
        }
    }

    /// Makes sure that the log has reached a position, waiting for it up to
    /// [`MIN_POSITION_WAIT_MAX`]. Answers its head.
    ///
    /// # Errors
    /// 503 where it does not get there in time, or cannot be read.
    pub(crate) async fn log_at_least(
        &self,
        min_position: Option<u64>,
    ) -> Result<Position, Problem> {
        let asked = Position::new(min_position.unwrap_or(0));
        let deadline = Instant::now() + MIN_POSITION_WAIT_MAX;
        let mut known = self.log.watch_head();
        let moved = async { drop(known.wait_for(|head| *head >= asked).await) };
        // What this process has heard may be behind what others have written: the head decides.
        drop(waiting(tokio::time::timeout_at(deadline, moved)).await?);
        let head = self.head().await?;
        if head < asked {
            Err(not_yet(asked, head))
        } else {
            Ok(head)
        }
    }

    /// The head of the log, of all processes.
    ///
    /// # Errors
    /// 503 where the log cannot be read.
    pub(crate) async fn head(&self) -> Result<Position, Problem> {
        self.log
            .head()
            .await
            .map(|head| head.position)
            .map_err(|error| log_unavailable(&error))
    }
}

/// The answer when the log cannot be read; the database's own words stay in the server's log.
pub(crate) fn log_unavailable(error: &ReadError) -> Problem {
    tracing::error!(%error, "the log cannot be read");
    Problem::new(kinds::UNAVAILABLE).retry_after(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use axum::http::header;
    use axum::response::IntoResponse as _;
    use meguri_http::Language;

    use super::*;

    #[test]
    fn a_past_that_is_being_built_says_how_far_it_is_and_when_to_come_again() {
        for (seconds_left, retry_after) in [
            (None, "1"),
            (Some(0), "1"),
            (Some(7), "7"),
            (Some(900), "60"),
        ] {
            let problem = no_past(PastError::Building {
                view: "board",
                position: Position::new(40),
                of: Position::new(285),
                seconds_left,
            });
            let body = serde_json::to_value(problem.body(Language::English)).unwrap();
            let expected = serde_json::json!({
                "type": "/problems/view-as-of-building", "status": 503,
                "title": "The view as of that moment is being built; try again shortly",
                "detail": "Position 40 of 285 is reached",
                "view": "board", "position": 40, "of": 285, "seconds_left": seconds_left,
            });
            assert_eq!(body, expected);
            let headers = problem.into_response().headers().clone();
            assert_eq!(headers[header::RETRY_AFTER], retry_after);
        }
    }
}
