//! What it means over HTTP that a query has no answer.

use meguri_read_api::{AnswerError, Position, Sentence, Unreadable};
use serde_json::Value;

use crate::{Problem, kinds};

/// Longest time after which to ask again for what is being built.
const AS_OF_RETRY_SECONDS_MAX: u64 = 60;

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotFound(None) => Self::new(kinds::NOT_FOUND),
            AnswerError::NotFound(Some(says)) => Self::new(kinds::NOT_FOUND).says(says),
            AnswerError::Invalid(says) => Self::new(kinds::BAD_REQUEST).says(says),
            AnswerError::Forbidden(says) => Self::new(kinds::FORBIDDEN).says(says),
            AnswerError::NotYet { asked, reached } => Self::not_yet(asked, reached),
            AnswerError::View {
                why,
                view,
                position,
            } => Self::unreadable(why, view, position),
            AnswerError::BeyondHead { says, head } => Self::new(kinds::AS_OF_BEYOND_HEAD)
                .says(says)
                .with_some("position", head.map(Position::get)),
            AnswerError::BuildingPast {
                view,
                position,
                of,
                seconds_left,
            } => Self::building(view, position, of, seconds_left),
            AnswerError::Busy { seconds } => Self::new(kinds::BUSY).retry_after(seconds),
            AnswerError::NotReady { says, parts } => {
                let problem = Self::new(kinds::UNAVAILABLE).says(says).retry_after(1);
                let (name, parts) = parts.unzip();
                problem.with_some(name.unwrap_or_default(), parts)
            }
            AnswerError::Unavailable => Self::new(kinds::UNAVAILABLE).retry_after(1),
            AnswerError::Internal => Self::new(kinds::INTERNAL),
        }
    }
}

impl Problem {
    fn not_yet(asked: Position, reached: Position) -> Self {
        Self::new(kinds::NOT_YET)
            .detail(
                format!("位置 {asked} はまだ反映されていません（現在 {reached}）"),
                format!("Position {asked} has not arrived yet; reached {reached}"),
            )
            .with("position", reached.get())
            .retry_after(1)
    }

    fn unreadable(why: Unreadable, view: Option<String>, position: Option<Position>) -> Self {
        let (kind, seconds) = match why {
            Unreadable::Building => (kinds::VIEW_NOT_READY, 1),
            Unreadable::Withdrawn => (kinds::VIEW_WITHDRAWN, 1),
            Unreadable::Stopped => (kinds::VIEW_STOPPED, 60),
        };
        Self::new(kind)
            .with_some("view", view)
            .with_some("position", position.map(Position::get))
            .retry_after(seconds)
    }

    fn building(
        view: &'static str,
        position: Position,
        of: Position,
        seconds_left: Option<u64>,
    ) -> Self {
        let seconds = seconds_left.unwrap_or(1);
        Self::new(kinds::VIEW_AS_OF_BUILDING)
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

    fn says(self, Sentence { ja, en }: Sentence) -> Self {
        self.detail(ja, en)
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use axum::http::header;
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::Language;

    #[test]
    fn a_past_that_is_being_built_says_how_far_it_is_and_when_to_come_again() {
        for (seconds_left, retry_after) in [
            (None, "1"),
            (Some(0), "1"),
            (Some(7), "7"),
            (Some(900), "60"),
        ] {
            let problem = Problem::from(AnswerError::BuildingPast {
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
