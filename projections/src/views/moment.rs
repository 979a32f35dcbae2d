//! What can be asked of the views, as they are now and as they were.

use std::time::Duration;

use meguri_log::Position;

use crate::{
    engine::{
        folding::view::View,
        past::{Past, PastError},
        reading::Reader,
        views::Views,
    },
    views::{
        blocks::{BlockQueries, Blocks},
        board::{Board, BoardQueries},
        history::{History, HistoryQueries},
        profiles::{ProfileQueries, Profiles},
        rooms::{RoomQueries, Rooms},
        search::{Search, SearchQueries},
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

    fn reader<V: View>(&self) -> Reader {
        match self.handle(V::NAME) {
            Some(handle) => Reader::Live(handle.clone()),
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

/// What a view is asked by: the same of what is live and of a moment.
macro_rules! queries {
    ($( $(#[$doc:meta])* $name:ident: $view:ident => $queries:ident; )+) => {
        impl Views {
            $( $(#[$doc])* pub fn $name(&self) -> $queries { $queries(self.reader::<$view>()) } )+
        }

        impl Moment {
            $( $(#[$doc])* pub fn $name(&self) -> $queries { $queries(self.reader::<$view>()) } )+
        }
    };
}
queries! {
    /// The board: open Needs and Offers.
    board: Board => BoardQueries;
    /// Profiles: who members are to others.
    profiles: Profiles => ProfileQueries;
    /// Thanks, received and sent.
    thanks: Thanks => ThanksQueries;
    /// Rooms: exchanges and what was said in them.
    rooms: Rooms => RoomQueries;
    /// History: what happened in an exchange.
    history: History => HistoryQueries;
    /// Search: open Needs and Offers by what is written in them.
    search: Search => SearchQueries;
    /// Blocks: who does not see whom.
    blocks: Blocks => BlockQueries;
}
