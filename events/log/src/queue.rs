//! The queue of appends that wait for the writer: bounded in number and in bytes, and every request
//! in it is answered.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    append::{AppendError, Appended},
    decide::Prepared,
    limits::{QUEUE_APPENDS_MAX, QUEUE_BYTES_MAX},
    schedule::point,
};

/// Where appends are asked for. Once it is gone, the writer ends after what waits.
pub(crate) struct Queue {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
}

/// What waits, for the writer.
pub(crate) struct Waiting(mpsc::Receiver<Request>);

/// An append that waits for the writer.
pub(crate) struct Request {
    pub(crate) prepared: Prepared,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// Its share of the queue's bytes.
    room: OwnedSemaphorePermit,
}

impl Queue {
    pub(crate) fn new() -> (Self, Waiting) {
        Self::bounded(QUEUE_APPENDS_MAX, QUEUE_BYTES_MAX)
    }

    pub(crate) fn bounded(appends: usize, bytes: usize) -> (Self, Waiting) {
        let (requests, waiting) = mpsc::channel(appends);
        let room = Arc::new(Semaphore::new(bytes));
        (Self { requests, room }, Waiting(waiting))
    }

    /// Bytes that may be asked for now.
    #[cfg(test)]
    pub(crate) fn free_bytes(&self) -> usize {
        self.room.available_permits()
    }

    /// Waits for what the writer answers. Dropping the future does not take the request back.
    ///
    /// # Errors
    /// [`AppendError::Busy`] where there is no room, [`AppendError::Closed`] where the writer takes
    /// no more: it was not asked then. [`AppendError::Unknown`] where it ended without an answer.
    pub(crate) async fn append(&self, prepared: Prepared) -> Result<Appended, AppendError> {
        let bytes = u32::try_from(prepared.bytes).unwrap_or(u32::MAX);
        point();
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let room = room.map_err(|_| AppendError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let request = Request {
            prepared,
            reply,
            room,
        };
        point();
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => AppendError::Busy,
                mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
            })?;
        point();
        answer.await.unwrap_or(Err(AppendError::Unknown))
    }
}

impl Waiting {
    /// Takes the next request; none where nobody can ask any more, and all are taken. Dropping the
    /// future loses none.
    pub(crate) async fn next(&mut self) -> Option<Request> {
        point();
        self.0.recv().await
    }

    /// Takes the next request, if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<Request> {
        point();
        self.0.try_recv().ok()
    }

    /// Takes no more. What was accepted is still there to be taken.
    pub(crate) fn close(&mut self) {
        point();
        self.0.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        point();
        self.0.is_closed()
    }
}

impl Request {
    /// Answers the request. Whether anybody still waits does not matter.
    pub(crate) fn answer(self, answer: Result<Appended, AppendError>) {
        // Before the answer: whoever has it may ask again at once, and finds its own room free.
        drop(self.room);
        point();
        let _ = self.reply.send(answer);
    }
}
