//! The one connection to the book.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

/// Asks something of the book: `ask!(book, |connection| query(connection))`, where the expression
/// is a future of a result. It fails as the question does.
macro_rules! ask {
    ($book:expr, |$connection:ident| $ask:expr) => {{
        let mut lent = $book.lend().await?;
        let $connection = lent.connection();
        let answer = meguri_log::answered($ask).await?;
        lent.give_back();
        answer
    }};
}
pub(in super::super) use ask;

/// The connection, trusted for as long as all that it was asked went well: one whose question
/// failed, or was dropped half-way, is closed with whatever hangs about in it.
#[derive(Debug)]
pub(super) struct OneConnection {
    options: SqliteConnectOptions,
    idle: Mutex<Option<SqliteConnection>>,
}

/// The connection, while it is asked.
pub(in super::super) struct Lent<'a> {
    place: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Lent<'_> {
    pub(in super::super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// All went well: nothing hangs about in it.
    pub(in super::super) fn give_back(mut self) {
        *self.place = Some(self.connection);
    }
}

impl OneConnection {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self {
            options,
            idle: Mutex::default(),
        }
    }

    /// Waits until nobody else asks.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        let mut place = self.idle.lock().await;
        let connection = match place.take() {
            Some(connection) => connection,
            None => meguri_log::answered(SqliteConnection::connect_with(&self.options)).await?,
        };
        Ok(Lent { place, connection })
    }

    /// Waits until nobody asks, and closes it.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.idle.lock().await.take()
            && let Err(error) = meguri_log::answered(connection.close()).await
        {
            tracing::debug!(%error, "the book of the policies was not closed well");
        }
    }
}
