//! What is answered to a request about views: to another process, or to this one itself.

use std::time::Duration;

use meguri_log::Position;
use tokio::sync::mpsc;

use super::{Answer, Request};
use crate::{
    running::{
        error::RebuildError,
        status::ViewState,
        worker_command::{RebuildStep, Steps},
    },
    views::{Views, WaitError},
};

/// Answers that wait for who asked.
const ANSWERS_WAITING: usize = 16;

/// Steps that wait to be handed on.
const STEPS_WAITING: usize = 64;

/// How long a view that goes on after it had stopped is watched for whether it stops again.
const STOPS_AGAIN_WITHIN: Duration = Duration::from_secs(10);

/// Does what is asked, and answers until the last answer. When nobody listens any more, what was
/// only looked at is let go; what builds a view goes on.
pub fn answer(views: &Views, request: Request) -> mpsc::Receiver<Answer> {
    let (out, answers) = mpsc::channel(ANSWERS_WAITING);
    let views = views.clone();
    tokio::spawn(async move {
        tokio::select! {
            // What is asked for is begun, also where nobody listens any more.
            biased;
            () = meet(&views, request, &out) => {}
            () = out.closed() => {}
        }
    });
    answers
}

async fn meet(views: &Views, request: Request, out: &mpsc::Sender<Answer>) {
    let last = match request {
        Request::List => Ok(Answer::Views {
            head: views.head(),
            views: views.status(),
        }),
        Request::Rebuild { name } => return follow(views.rebuild(&name).await, out).await,
        Request::Rollback { name } => return follow(views.rollback(&name).await, out).await,
        Request::Retry { name } => retry(views, &name).await,
        Request::Verify { name } => {
            let verify = async |steps| views.verify(&name, Some(steps)).await;
            said(with_steps(verify, out).await, Answer::Verified)
        }
        Request::Diff { name } => {
            let diff = async |steps| views.diff(&name, Some(steps)).await;
            said(with_steps(diff, out).await, Answer::Compared)
        }
        Request::Bisect { name, with } => {
            let bisect = async |steps| views.bisect(&name, &with, Some(steps)).await;
            said(with_steps(bisect, out).await, Answer::Bisected)
        }
        Request::Build { name, as_of } => {
            let build = async |steps| {
                let position = views.position_of(as_of).await?;
                views.build_past(&name, position, Some(steps)).await
            };
            said(with_steps(build, out).await, Answer::Built)
        }
        Request::Export { name, path } => said(views.export(&name, &path).await, Answer::Exported),
        Request::Import { path } => {
            let import = async |steps| views.import(&path, Some(steps)).await;
            said(with_steps(import, out).await, Answer::Imported)
        }
    };
    let refused = |reason| Answer::Refused { reason };
    // Fails where nobody listens any more.
    let _ = out.send(last.unwrap_or_else(refused)).await;
}

fn said<T>(
    done: Result<T, impl std::fmt::Display>,
    answer: fn(T) -> Answer,
) -> Result<Answer, String> {
    done.map(answer).map_err(|error| error.to_string())
}

/// Hands on the steps of a build until the last.
async fn follow(
    begun: Result<mpsc::Receiver<RebuildStep>, RebuildError>,
    out: &mpsc::Sender<Answer>,
) {
    match begun {
        Ok(steps) => hand_on(steps, out).await,
        Err(error) => {
            let reason = error.to_string();
            let _ = out.send(Answer::Refused { reason }).await;
        }
    }
}

async fn hand_on(mut steps: mpsc::Receiver<RebuildStep>, out: &mpsc::Sender<Answer>) {
    while let Some(step) = steps.recv().await {
        if out.send(Answer::Step(step)).await.is_err() {
            return;
        }
    }
}

/// Does something that tells its steps, and hands these on until the last.
async fn with_steps<T>(work: impl AsyncFnOnce(Steps) -> T, out: &mpsc::Sender<Answer>) -> T {
    let (steps, told) = mpsc::channel(STEPS_WAITING);
    let (done, ()) = tokio::join!(work(steps), hand_on(told, out));
    done
}

/// Lets a view go on, and says whether it stops again at once.
async fn retry(views: &Views, name: &str) -> Result<Answer, String> {
    let stopped_before = views
        .status()
        .into_iter()
        .find_map(|view| match view.state {
            ViewState::Stopped { position, .. } if view.name == name => Some(position),
            ViewState::Stopped { .. }
            | ViewState::Building
            | ViewState::Live
            | ViewState::Withdrawn { .. } => None,
        });
    views.retry(name).await.map_err(|error| error.to_string())?;
    let target = stopped_before.unwrap_or(Position::ZERO);
    match views.wait_for(name, target, STOPS_AGAIN_WITHIN).await {
        // A first build may take its time.
        Ok(()) | Err(WaitError::TooSlow { .. }) => Ok(Answer::Retried),
        Err(WaitError::Stopped { reason, .. }) => Err(format!("it has stopped again: {reason}")),
        Err(error @ WaitError::UnknownView(_)) => Err(error.to_string()),
    }
}
