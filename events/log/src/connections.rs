//! Connections to a database, each trusted for only as long as all that it was asked went well.
//!
//! Everything that the log and the vault ask of a database goes through [`on!`]: one place that
//! bounds how long they wait, and that throws away every connection whose state is in doubt. A
//! connection is *given* to what asks, and comes back only with an answer that is not an error; one
//! whose statement failed, took too long, or was dropped half-way is closed, so that whatever
//! transaction, statement or answer hangs about in it is gone with it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use sqlx::Connection;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::waiting::answered;

/// How long it may take to close a connection that works.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Asks something of a connection: `on!(connections, |connection| query(connection))`, where the
/// expression is a future of a result whose error can be made of a [`ConnectionError`].
macro_rules! on {
    ($connections:expr, |$connection:ident| $ask:expr) => {
        $connections
            .run(|mut owned| async move {
                let $connection = &mut owned;
                let answer = $ask.await;
                (owned, answer)
            })
            .await
    };
}
pub(crate) use on;

/// Why a database was not asked, or did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// There is no connection; nothing was asked.
    #[error("{0}")]
    NotMade(String),
    /// What was asked may be done or not.
    #[error("the database did not answer in time")]
    NoAnswer,
}

/// How long one waits for a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a connection: until one is free, or a new one is made.
    pub(crate) connect: Duration,
    /// For an answer; without a bound for questions that take as long as it takes.
    pub(crate) answer: Option<Duration>,
}

type Connect<C> = Box<dyn Fn() -> BoxFuture<'static, Result<C, sqlx::Error>> + Send + Sync>;

/// At most so many connections to one database. Cloning is cheap.
pub(crate) struct Connections<C> {
    shared: Arc<Shared<C>>,
    /// How long one waits for an answer.
    answer: Option<Duration>,
}

struct Shared<C> {
    connect: Connect<C>,
    connect_within: Duration,
    most: u32,
    room: Arc<Semaphore>,
    idle: Mutex<Vec<C>>,
}

impl<C> Clone for Connections<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            answer: self.answer,
        }
    }
}

impl<C> fmt::Debug for Connections<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl<C> Shared<C> {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connection> Connections<C> {
    /// At most `most` connections, each made by `connect` when it is needed.
    pub(crate) fn new<F>(
        most: u32,
        patience: Patience,
        connect: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<C, sqlx::Error>> + Send + 'static,
    {
        let room = usize::try_from(most).expect("INVARIANT: a pointer has 32 bits or more");
        let shared = Shared {
            connect: Box::new(move || Box::pin(connect())),
            connect_within: patience.connect,
            most,
            room: Arc::new(Semaphore::new(room)),
            idle: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            answer: patience.answer,
        }
    }

    /// The same, for questions that take as long as the database is large, such as whether every
    /// page of it is whole.
    pub(crate) fn unhurried(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self {
            shared,
            answer: None,
        }
    }

    /// A connection for several questions in a row, such as those of one transaction.
    pub(crate) async fn lease(&self) -> Result<Lease<C>, ConnectionError> {
        let shared = &self.shared;
        let leasing = async {
            let closed = |_| ConnectionError::NotMade("it is closed".into());
            let room = Arc::clone(&shared.room).acquire_owned().await;
            let room = room.map_err(closed)?;
            let idle = shared.idle().pop();
            let connection = match idle {
                Some(idle) => idle,
                None => answered((shared.connect)())
                    .await
                    .map_err(|error| ConnectionError::NotMade(error.to_string()))?,
            };
            Ok(Lease {
                connection: Some(connection),
                shared: Arc::clone(shared),
                answer: self.answer,
                _room: room,
            })
        };
        let leased = timeout(shared.connect_within, leasing).await;
        leased.unwrap_or_else(|_| {
            let reason = "no connection to the database could be had in time";
            Err(ConnectionError::NotMade(reason.into()))
        })
    }

    /// Gives a connection to what asks, which gives it back with its answer ([`on!`]).
    pub(crate) async fn run<T, E, F>(&self, ask: impl FnOnce(C) -> F + Send) -> Result<T, E>
    where
        E: From<ConnectionError>,
        F: Future<Output = (C, Result<T, E>)> + Send,
    {
        let mut lease = self.lease().await?;
        let answer = lease.run(ask).await?;
        lease.give_back();
        Ok(answer)
    }

    /// Waits for what is being asked, and closes all connections.
    pub(crate) async fn close(&self) {
        let shared = &self.shared;
        // Who still has a connection after that closes it when done.
        let _ = timeout(CLOSE_WITHIN, shared.room.acquire_many(shared.most)).await;
        shared.room.close();
        let idle = std::mem::take(&mut *shared.idle());
        for connection in idle {
            // The server notices a connection that just goes, too.
            let _ = timeout(CLOSE_WITHIN, connection.close()).await;
        }
    }
}

/// One connection, for as long as all goes well with it. Dropped, it is closed: only
/// [`Lease::give_back`] says that nothing hangs about in it.
pub(crate) struct Lease<C> {
    connection: Option<C>,
    shared: Arc<Shared<C>>,
    answer: Option<Duration>,
    _room: OwnedSemaphorePermit,
}

impl<C: Connection> Lease<C> {
    /// As [`Connections::run`], on this connection. After a failure every further question fails.
    pub(crate) async fn run<T, E, F>(&mut self, ask: impl FnOnce(C) -> F + Send) -> Result<T, E>
    where
        E: From<ConnectionError>,
        F: Future<Output = (C, Result<T, E>)> + Send,
    {
        let lost = || ConnectionError::NotMade("the connection was lost".into());
        let asking = ask(self.connection.take().ok_or_else(lost)?);
        let answered = match self.answer {
            Some(bound) => timeout(bound, answered(asking)).await.ok(),
            None => Some(answered(asking).await),
        };
        match answered {
            Some((connection, Ok(answer))) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Some((_, Err(error))) => {
                self.doubt_all();
                Err(error)
            }
            None => {
                self.doubt_all();
                Err(ConnectionError::NoAnswer.into())
            }
        }
    }

    /// What ended one connection has often ended those that rest as well.
    fn doubt_all(&self) {
        let idle = std::mem::take(&mut *self.shared.idle());
        drop(idle);
    }

    /// Lets others have the connection: no transaction is open on it, no answer unread.
    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take()
            && !self.shared.room.is_closed()
        {
            self.shared.idle().push(connection);
        }
    }
}
