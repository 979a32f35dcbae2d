//! What can be read of the log, and in which order.

use std::fmt::Write as _;

use crate::{
    header::HeaderError,
    limits::READ_EVENTS_MAX,
    stream::{Position, StreamName, Version},
};

/// Which part of a stream to read.
#[derive(Debug, Clone, Copy)]
pub struct StreamRange {
    /// The first version to read; with [`Direction::Backward`], [`Version`]s above the head mean
    /// the head.
    pub from: Version,
    /// Towards newer or older events.
    pub direction: Direction,
    /// Most events to read; at most [`READ_EVENTS_MAX`].
    pub limit: usize,
}

/// Towards newer or older events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards newer events.
    Forward,
    /// Towards older events.
    Backward,
}

impl StreamRange {
    /// From this version towards newer events, as many as one read answers.
    pub const fn forward_from(from: Version) -> Self {
        Self {
            from,
            direction: Direction::Forward,
            limit: READ_EVENTS_MAX,
        }
    }

    /// The newest events first, at most `limit`.
    pub const fn newest(limit: usize) -> Self {
        Self {
            from: Version::new(i64::MAX as u64),
            direction: Direction::Backward,
            limit,
        }
    }
}

/// Which events of the whole log to read. The default leaves none out.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    category: Option<String>,
    types: Vec<String>,
    stream: Option<StreamName>,
    bare: Vec<String>,
}

/// A filter names something that no stream or event can be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a category nor the type of an event")]
pub struct BadFilter(String);

impl Filter {
    /// Only streams of this category.
    ///
    /// # Errors
    /// [`BadFilter`] where no category can be called so.
    pub fn category(mut self, category: &str) -> Result<Self, BadFilter> {
        self.category = Some(plain(category)?);
        Ok(self)
    }

    /// Also events of this type; without any, events of all types.
    ///
    /// # Errors
    /// [`BadFilter`] where no type can be called so.
    pub fn event_type(mut self, event_type: &str) -> Result<Self, BadFilter> {
        self.types.push(plain(event_type)?);
        Ok(self)
    }

    /// Only this stream.
    #[must_use]
    pub fn stream(mut self, stream: StreamName) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Events of this type come bare: with their entry, and without header and sealed sections.
    /// Who needs every entry, and reads only some of the events, spares the database the rest.
    ///
    /// # Errors
    /// [`BadFilter`] where no type can be called so.
    pub fn bare(mut self, event_type: &str) -> Result<Self, BadFilter> {
        self.bare.push(plain(event_type)?);
        Ok(self)
    }

    /// Whether it leaves no event out.
    pub fn is_everything(&self) -> bool {
        self.category.is_none() && self.types.is_empty() && self.stream.is_none()
    }

    /// Whether it names one stream, so that an index finds the events.
    pub(crate) fn names_a_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether an event of this type in this stream is one of them.
    #[cfg(feature = "simulation")]
    pub(crate) fn lets_through(&self, stream: &StreamName, event_type: &str) -> bool {
        let category = self.category.as_ref();
        category.is_none_or(|category| stream.category() == category)
            && self.stream.as_ref().is_none_or(|only| only == stream)
            && (self.types.is_empty() || self.types.iter().any(|it| it == event_type))
    }

    /// The types whose events come bare.
    #[cfg(feature = "simulation")]
    pub(crate) fn bare_types(&self) -> &[String] {
        &self.bare
    }

    /// The conditions in SQL, each after an `and`. Nothing needs quoting: every name is plain.
    pub(crate) fn to_sql(&self) -> String {
        let mut sql = String::new();
        if let Some(category) = &self.category {
            // '.' follows '-' in ASCII.
            let _ = write!(
                sql,
                " and stream >= '{category}-' and stream < '{category}.'"
            );
        }
        if let Some(stream) = &self.stream {
            let _ = write!(sql, " and stream = '{stream}'");
        }
        if !self.types.is_empty() {
            let _ = write!(sql, " and type in ('{}')", self.types.join("', '"));
        }
        sql
    }

    /// A column of what an event says, in SQL; null where it comes bare.
    pub(crate) fn content_sql(&self, column: &str) -> String {
        if self.bare.is_empty() {
            return column.to_owned();
        }
        let bare = self.bare.join("', '");
        format!("case when type not in ('{bare}') then {column} end")
    }
}

fn plain(name: &str) -> Result<String, BadFilter> {
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good {
        Ok(name.into())
    } else {
        Err(BadFilter(name.into()))
    }
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The database refused or could not be reached; try again later.
    #[error("the log cannot be read: {0}")]
    Unavailable(String),
    /// What is stored is not what the log wrote.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// What was handed out up to this position is not in the log any more, or not all of it: a
    /// standby took over to which the last changes had not come yet, or an older state was put
    /// back. What was made of it has to go back to what the log still holds, and follow from there.
    #[error("the log has fallen back to before position {position}, which had been read")]
    FellBack {
        /// The last position that had been handed out.
        position: Position,
    },
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

impl From<HeaderError> for ReadError {
    fn from(error: HeaderError) -> Self {
        Self::Damaged(error.to_string())
    }
}
