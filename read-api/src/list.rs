//! Lists in pages: `{items, next}`.

use meguri_http::{Problem, Sentence, kinds};
use meguri_views::{Cursor, Page};
use serde::{Deserializer, Serialize, de};
use utoipa::ToSchema;

/// Entries of a page unless the reader asks for another number.
pub(crate) const LIMIT_DEFAULT: u32 = 20;

/// Most entries of a page.
pub(crate) const LIMIT_MAX: u32 = meguri_views::PAGE_ITEMS_MAX;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The entries, in the order of the list.
    pub(crate) items: Vec<T>,
    /// Pass it as `cursor` to go on; null at the end.
    #[schema(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub(crate) next: Option<String>,
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

/// Reads `limit`: 1 to [`LIMIT_MAX`].
pub(crate) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let asked = crate::freshness::whole(deserializer)?;
    let limit = asked.and_then(|asked| u32::try_from(asked).ok());
    match limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)) {
        Some(limit) => Ok(limit),
        None => Err(de::Error::custom(Sentence::new(
            format!("1から{LIMIT_MAX}までの整数で指定してください"),
            format!("expected a whole number from 1 to {LIMIT_MAX}"),
        ))),
    }
}

/// The limit of a reader who did not ask for one.
pub(crate) fn limit_default() -> u32 {
    LIMIT_DEFAULT
}

/// Reads `cursor`.
///
/// # Errors
/// 400 for a text that no page has given out.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    text.map(str::parse).transpose().map_err(|_| {
        Problem::new(kinds::BAD_REQUEST).detail(
            "cursor は前のページの next をそのまま渡してください",
            "cursor is `next` of the page before, as it is",
        )
    })
}
