//! Waiting for what others do: a query that waits is not at work, and keeps no turn of those that
//! are.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::future::BoxFuture;

use crate::AnswerError;

/// The turn of the request that a task answers. It is kept by whoever limits requests.
pub trait Turn: Send + Sync {
    /// Lets go of the turn. What is answered is held while it is waited; none where too many wait.
    fn leave(&self) -> Option<Box<dyn Send>>;

    /// Takes a turn again.
    fn retake(&self) -> BoxFuture<'_, ()>;
}

tokio::task_local! {
    static TURN: Arc<dyn Turn>;
}

/// Answers a request whose queries give this turn away while they wait.
pub async fn with_turn<F: Future>(turn: Arc<dyn Turn>, work: F) -> F::Output {
    TURN.scope(turn, work).await
}

/// Waits for something that others do, without a turn.
///
/// # Errors
/// [`AnswerError::Busy`] where too many wait already, of this client or of all.
pub async fn waiting<F: Future>(wait: F) -> Result<F::Output, AnswerError> {
    let mut wait = pin!(wait);
    let at_once = std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context)));
    if let Poll::Ready(done) = at_once.await {
        return Ok(done);
    }
    let Ok(turn) = TURN.try_with(Arc::clone) else {
        return Ok(wait.await);
    };
    let waiting = turn.leave().ok_or(AnswerError::Busy { seconds: 1 })?;
    let done = wait.await;
    drop(waiting);
    turn.retake().await;
    Ok(done)
}
