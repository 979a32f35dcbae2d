//! What can be asked of the views, as they are now and as they were.

use std::time::Duration;

use meguri_log::Position;

use crate::{
    past::{Past, PastError},
    read::Reader,
    view::View,
    views::{
        Views,
        board::{Board, BoardQueries},
        history::{History, HistoryQueries},
        profiles::{ProfileQueries, Profiles},
        rooms::{RoomQueries, Rooms},
        thanks::{Thanks, ThanksQueries},
    },
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

impl Views {
    /// What is live, of which everything up to this position has been seen.
    pub fn now(&self, seen: Position) -> Moment {
        Moment {
            position: seen,
            read: Read::Live(self.clone()),
        }
    }

    /// These views as of a position. Those that are not there are built together.
    ///
    /// # Errors
    /// As [`Views::past`].
    pub async fn as_of(
        &self,
        views: &[&str],
        position: Position,
        wait: Duration,
    ) -> Result<Moment, PastError> {
        let each = views.iter().map(|view| self.past(view, position, wait));
        Ok(Moment {
            position,
            read: Read::Past(futures::future::try_join_all(each).await?),
        })
    }

    /// The board: open Needs and Offers.
    pub fn board(&self) -> BoardQueries {
        BoardQueries(self.reader::<Board>())
    }

    /// Profiles: who members are to others.
    pub fn profiles(&self) -> ProfileQueries {
        ProfileQueries(self.reader::<Profiles>())
    }

    /// Thanks, received and sent.
    pub fn thanks(&self) -> ThanksQueries {
        ThanksQueries(self.reader::<Thanks>())
    }

    /// Rooms: exchanges and what was said in them.
    pub fn rooms(&self) -> RoomQueries {
        RoomQueries(self.reader::<Rooms>())
    }

    /// History: what happened in an exchange.
    pub fn history(&self) -> HistoryQueries {
        HistoryQueries(self.reader::<History>())
    }

    fn reader<V: View>(&self) -> Reader {
        match self.slot(V::NAME) {
            Some(slot) => Reader::Live(slot.clone()),
            None => Reader::None(V::NAME),
        }
    }
}

impl Moment {
    /// Everything up to here is in what is read, and where it is the past, nothing after.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether this is not what is live.
    pub const fn is_past(&self) -> bool {
        matches!(self.read, Read::Past(_))
    }

    /// The board: Needs and Offers that were open.
    pub fn board(&self) -> BoardQueries {
        BoardQueries(self.reader::<Board>())
    }

    /// Profiles: who members were to others.
    pub fn profiles(&self) -> ProfileQueries {
        ProfileQueries(self.reader::<Profiles>())
    }

    /// Thanks, received and sent.
    pub fn thanks(&self) -> ThanksQueries {
        ThanksQueries(self.reader::<Thanks>())
    }

    /// Rooms: exchanges and what was said in them.
    pub fn rooms(&self) -> RoomQueries {
        RoomQueries(self.reader::<Rooms>())
    }

    /// History: what happened in an exchange.
    pub fn history(&self) -> HistoryQueries {
        HistoryQueries(self.reader::<History>())
    }

    /// Reads a view. One that was not asked for cannot be read.
    fn reader<V: View>(&self) -> Reader {
        match &self.read {
            Read::Live(views) => views.reader::<V>(),
            Read::Past(pasts) => match pasts.iter().find(|past| past.view() == V::NAME) {
                Some(past) => Reader::Past(past.clone()),
                None => Reader::None(V::NAME),
            },
        }
    }
}
