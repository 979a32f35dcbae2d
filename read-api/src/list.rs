//! Lists in pages: `{items, next}`.

use meguri_views::Page;
use serde::Serialize;
use utoipa::ToSchema;

pub use meguri_views::{BadCursor, Cursor};

/// Entries of a page unless the reader asks for another number.
pub const LIMIT_DEFAULT: u32 = 20;

/// Most entries of a page.
pub const LIMIT_MAX: u32 = meguri_views::PAGE_ITEMS_MAX;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Goes on after the page that ended here.
    pub after: Option<Cursor>,
    /// Most entries of it, 1 to [`LIMIT_MAX`].
    pub limit: u32,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// Pass it as `cursor` to go on; null at the end.
    #[schema(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// The answer to a page.
    pub(crate) fn of<R>(page: Page<R>, item: impl FnMut(R) -> T) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self {
            items: page.items.into_iter().map(item).collect(),
            next,
        }
    }
}
