//! Lists in pages: newest first, and stable while new entries arrive.

use std::{fmt, str::FromStr};

use meguri_log::Position;

/// Most entries of a page.
pub const PAGE_ITEMS_MAX: u32 = 100;

/// Where the next page goes on. Clients keep it as a text and look for no meaning in it.
///
/// It names the last entry that was seen by the position at which that came to be, which never
/// changes: entries that arrive later neither shift a page nor show up in the middle of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Position);

/// A text is not a cursor that a page has given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: pass back `next` of the page before as it is")]
pub struct BadCursor;

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of at most `limit` out of one entry more, which tells whether there is more.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, position: impl Fn(&T) -> Position) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more {
            items.last().map(|last| Cursor(position(last)))
        } else {
            None
        };
        Self { items, next }
    }
}

/// The position that a page's entries lie before: a cursor, or the end of all time.
pub(crate) fn before(after: Option<Cursor>) -> Position {
    after.map_or(Position::new(u64::MAX), |Cursor(position)| position)
}

/// As many entries as were asked for, within 1 and [`PAGE_ITEMS_MAX`].
pub(crate) fn within_limits(limit: u32) -> u32 {
    limit.clamp(1, PAGE_ITEMS_MAX)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{:x}", self.0.get())
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let digits = text.strip_prefix('p').ok_or(BadCursor)?;
        // Neither a sign nor leading zeros: one place has one cursor.
        let position = u64::from_str_radix(digits, 16).map_err(|_| BadCursor)?;
        let cursor = Self(Position::new(position));
        if cursor.to_string() == text {
            Ok(cursor)
        } else {
            Err(BadCursor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given_out_and_anything_else_is_refused() {
        let cursor = Cursor(Position::new(4_711));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in [
            "",
            "p",
            "4711",
            "p-1",
            "p+1",
            "p01",
            "pFF",
            "p11111111111111111",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad}");
        }
    }

    #[test]
    fn a_page_goes_on_only_where_there_is_more() {
        let positions = |count: u64| (1..=count).rev().map(Position::new).collect::<Vec<_>>();
        assert_eq!(Page::of(positions(2), 2, |at| *at).next, None);
        let page = Page::of(positions(3), 2, |at| *at);
        assert_eq!(
            (page.items.len(), page.next),
            (2, Some(Cursor(Position::new(2))))
        );
    }
}
