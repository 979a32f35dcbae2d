//! Asking the views: which must have seen a position, and what their failures mean to a reader.

use axum::http::StatusCode;
use meguri_http::{Kind, Problem, kinds};
use meguri_log::{Position, ReadError};
use meguri_projections::{QueryError, ViewState, ViewStatus, WaitError};
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
        }
    }
}

/// An event could not be folded: the view stands still until it is mended and rebuilt.
const VIEW_STOPPED: Kind = Kind {
    code: "view-stopped",
    status: StatusCode::SERVICE_UNAVAILABLE,
    ja: "この表示は停止しています。運営者が対応します",
    en: "This view has stopped; those who run the server have to mend it",
};

/// What the view held was not what the log says: it is not shown, and built anew.
const VIEW_WITHDRAWN: Kind = Kind {
    code: "view-withdrawn",
    status: StatusCode::SERVICE_UNAVAILABLE,
    ja: "この表示は記録と一致しないため、作り直しています。しばらくしてからお試しください",
    en: "This view did not match the log and is being built anew; try again shortly",
};

/// The view is being built for the first time.
const VIEW_NOT_READY: Kind = Kind {
    code: "view-not-ready",
    status: StatusCode::SERVICE_UNAVAILABLE,
    ja: "この表示は準備中です。しばらくしてからお試しください",
    en: "This view is being built; try again shortly",
};

/// The position of a view that can be read.
fn readable(view: &ViewStatus) -> Result<Position, Problem> {
    let problem = match view.state {
        ViewState::Live => return Ok(view.position),
        ViewState::Building => Problem::new(VIEW_NOT_READY).retry_after(1),
        ViewState::Withdrawn { .. } => Problem::new(VIEW_WITHDRAWN).retry_after(1),
        // What it has could be read, but would silently grow old.
        ViewState::Stopped { .. } => Problem::new(VIEW_STOPPED).retry_after(60),
    };
    Err(problem
        .with("view", view.name.as_str())
        .with("position", view.position.get()))
}

/// What a failed query means to the reader. Somebody else's exchange does not exist for them.
pub(crate) fn refusal(error: QueryError) -> Problem {
    match error {
        QueryError::NotFound | QueryError::NotAParty => Problem::new(kinds::NOT_FOUND),
        QueryError::NotReady(view) => Problem::new(VIEW_NOT_READY)
            .with("view", view)
            .retry_after(1),
        QueryError::Table(error) => {
            tracing::error!(%error, "a view cannot be read");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        }
    }
}

impl ReadApi {
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
        match self.views.wait_for(view.name(), asked, left).await {
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
        let moved = known.wait_for(|head| *head >= asked);
        // What this process has heard may be behind what others have written: the head decides.
        drop(tokio::time::timeout_at(deadline, moved).await);
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
