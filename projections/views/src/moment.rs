//! What can be asked of the views, as they are now and as they were.

use std::time::Duration;

use meguri_log::Position;

use meguri_engine::{Past, PastError, View, ViewReader, Views};

use crate::{
    blocks::{BlockQueries, Blocks},
    board::{Board, BoardQueries},
    history::{History, HistoryQueries},
    profiles::{ProfileQueries, Profiles},
    rooms::{RoomQueries, Rooms},
    search::{Search, SearchQueries},
    thanks::{Thanks, ThanksQueries},
};

/// The views at one moment of the log: what is live now, or views as of one position.
#[derive(Clone, Debug)]
pub struct Moment {
    position: Position,
    read: Read,
}

#[derive(Clone, Debug)]
enum Read {
    Live(Views),
    Past(Vec<Past>),
}

impl Moment {
    /// What is live, however far that is.
    pub fn live(views: &Views) -> Self {
        Self::now(views, Position::ZERO)
    }

    /// What is live, of which everything up to this position has been seen.
    pub fn now(views: &Views, seen: Position) -> Self {
        Self {
            position: seen,
            read: Read::Live(views.clone()),
        }
    }

    /// These views as of a position. Those that are not there are built together.
    ///
    /// # Errors
    /// As [`Views::past`].
    pub async fn as_of(
        views: &Views,
        names: &[&str],
        position: Position,
        wait: Duration,
    ) -> Result<Self, PastError> {
        let each = names.iter().map(|view| views.past(view, position, wait));
        Ok(Self {
            position,
            read: Read::Past(futures::future::try_join_all(each).await?),
        })
    }

    /// Everything up to here is in what is read, and where it is the past, nothing after.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether this is not what is live.
    pub const fn is_past(&self) -> bool {
        matches!(self.read, Read::Past(_))
    }

    /// Reads a view by its name. One that does not run, or was not asked for, cannot be read.
    fn reader(&self, view: &'static str) -> ViewReader {
        match &self.read {
            Read::Live(views) => views.read(view),
            Read::Past(pasts) => match pasts.iter().find(|past| past.view() == view) {
                Some(past) => ViewReader::Past(past.clone()),
                None => ViewReader::None(view),
            },
        }
    }

    /// The board: open Needs and Offers.
    pub fn board(&self) -> BoardQueries {
        BoardQueries(self.reader(Board::NAME))
    }

    /// Profiles: who members are to others.
    pub fn profiles(&self) -> ProfileQueries {
        ProfileQueries(self.reader(Profiles::NAME))
    }

    /// Thanks, received and sent.
    pub fn thanks(&self) -> ThanksQueries {
        ThanksQueries(self.reader(Thanks::NAME))
    }

    /// Rooms: exchanges and what was said in them.
    pub fn rooms(&self) -> RoomQueries {
        RoomQueries(self.reader(Rooms::NAME))
    }

    /// History: what happened in an exchange.
    pub fn history(&self) -> HistoryQueries {
        HistoryQueries(self.reader(History::NAME))
    }

    /// Search: open Needs and Offers by what is written in them.
    pub fn search(&self) -> SearchQueries {
        SearchQueries(self.reader(Search::NAME))
    }

    /// Blocks: who does not see whom.
    pub fn blocks(&self) -> BlockQueries {
        BlockQueries(self.reader(Blocks::NAME))
    }
}
