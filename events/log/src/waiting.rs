//! Waiting for what works on threads of its own: files of SQLite, the disk.
//!
//! In the program this is waiting and nothing else. In a simulation time is made, and runs on
//! while nobody has anything to do: there the answer of another thread is waited for on the spot,
//! so that nothing else happens before it.

use tokio::task::JoinError;

/// Waits for an answer that takes no timer and no other task of this process.
pub async fn answered<F: Future>(question: F) -> F::Output {
    #[cfg(feature = "simulation")]
    if on_the_spot::is_on() {
        let mut question = std::pin::pin!(question);
        return std::future::poll_fn(|_| on_the_spot::to_its_end(question.as_mut()).into()).await;
    }
    question.await
}

/// Does work that waits for the disk, or takes long, where it holds nobody up. It is done to its
/// end even where nobody waits for it any more.
///
/// # Errors
/// [`JoinError`] where the work panicked.
pub async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(feature = "simulation")]
    if on_the_spot::is_on() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}

#[cfg(feature = "simulation")]
pub use on_the_spot::{OnTheSpot, answer_on_the_spot};

#[cfg(feature = "simulation")]
mod on_the_spot {
    use std::{
        cell::Cell,
        pin::Pin,
        sync::Arc,
        task::{Context, Poll, Wake, Waker},
        thread::{self, Thread},
    };

    thread_local! {
        static ON: Cell<bool> = const { Cell::new(false) };
    }

    /// For as long as it lives, this thread waits for answers on the spot.
    #[derive(Debug)]
    pub struct OnTheSpot(());

    /// From now on this thread waits for answers on the spot.
    pub fn answer_on_the_spot() -> OnTheSpot {
        ON.set(true);
        OnTheSpot(())
    }

    impl Drop for OnTheSpot {
        fn drop(&mut self) {
            ON.set(false);
        }
    }

    pub(super) fn is_on() -> bool {
        ON.get()
    }

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// Asks again and again until there is an answer; in between the thread sleeps.
    pub(super) fn to_its_end<F: Future>(question: Pin<&mut F>) -> F::Output {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        // What is left of the task's turn is no matter here: it would never be renewed.
        let mut question = std::pin::pin!(tokio::task::coop::unconstrained(question));
        loop {
            match question.as_mut().poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    }
}
