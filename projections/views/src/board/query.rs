//! What can be asked of the board.

use std::str::FromStr;

use meguri_events::{Category, MemberId, Mode, PostId, Prefecture};
use meguri_search::name_form;

use super::super::posts::{Post, PostKind};
use meguri_engine::{Cell, ViewReader, list};

use crate::{
    column::Column,
    error::QueryError,
    page::{Cursor, Page, within_limits},
};

/// Reads the board.
#[derive(Clone, Debug)]
pub struct BoardQueries(pub(crate) ViewReader);

/// Which open posts to show. What is `None` or empty filters nothing; all filters must hold.
#[derive(Clone, Debug, Default)]
pub struct BoardQuery {
    /// Needs or Offers.
    pub kind: Option<PostKind>,
    /// What kind of help.
    pub category: Option<Category>,
    /// Where.
    pub prefecture: Option<Prefecture>,
    /// How help can be given.
    pub mode: Option<ModeWanted>,
    /// A tag, in any of its writings.
    pub tag: Option<String>,
    /// A part of title, description or a tag, in any of its writings.
    pub text: Option<String>,
    /// Who posted it.
    pub author: Option<MemberId>,
    /// Whose posts are left out.
    pub not_authors: Vec<MemberId>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Entries of a page, held within 1 and [`PAGE_ITEMS_MAX`](crate::PAGE_ITEMS_MAX).
    pub limit: u32,
}

/// How help should be possible (H13-H15). By post and in person both go by a post's `offline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeWanted {
    /// Online.
    Online,
    /// By post or in person.
    Offline,
}

/// A text is none of the modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode is online, offline, by_post or in_person")]
pub struct UnknownMode;

impl From<Mode> for ModeWanted {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Online => Self::Online,
            Mode::ByPost | Mode::InPerson => Self::Offline,
        }
    }
}

impl FromStr for ModeWanted {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        if text == "offline" {
            return Ok(Self::Offline);
        }
        text.parse::<Mode>()
            .map(Self::from)
            .map_err(|_| UnknownMode)
    }
}

impl BoardQueries {
    /// Open posts, newest first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn list(&self, query: &BoardQuery) -> Result<Page<Post>, QueryError> {
        let limit = within_limits(query.limit);
        let (conditions, mut cells) = conditions(query);
        let rest = format!("where {conditions} order by posted desc limit ?");
        cells.push((limit + 1).to_cell());
        let posts = self.0.select(&rest, cells).await?;
        Ok(Page::of(posts, limit, |post: &Post| post.posted))
    }

    /// One post, open or closed.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is none of this id.
    pub async fn post(&self, id: PostId) -> Result<Post, QueryError> {
        let found = self.0.first("where id = ?", vec![id.to_cell()]).await?;
        found.ok_or(QueryError::NotFound)
    }
}

/// The conditions of a query and their parameters, in step.
fn conditions(query: &BoardQuery) -> (String, Vec<Cell>) {
    let mut conditions = vec!["open"];
    let mut cells = Vec::new();
    let mut also = |condition: &'static str, cell: Option<Cell>| {
        if let Some(cell) = cell {
            conditions.push(condition);
            cells.push(cell);
        }
    };
    also("kind = ?", query.kind.map(|kind| kind.to_cell()));
    also(
        "category = ?",
        query.category.map(|category| category.to_cell()),
    );
    also(
        "prefecture = ?",
        query.prefecture.map(|prefecture| prefecture.to_cell()),
    );
    also("author = ?", query.author.map(|author| author.to_cell()));
    let hidden = &query.not_authors;
    also(
        "author not in (select value from json_each(?))",
        (!hidden.is_empty()).then(|| list(hidden.iter().map(Column::to_cell))),
    );
    let mode = |wanted| (query.mode == Some(wanted)).then(|| true.to_cell());
    also("online = ?", mode(ModeWanted::Online));
    also("offline = ?", mode(ModeWanted::Offline));
    also(
        "id in (select post from post_tag where tag = ?)",
        query.tag.as_deref().map(|tag| name_form(tag).to_cell()),
    );
    let text = query.text.as_ref().filter(|text| !text.is_empty());
    also(CONTAINS, text.map(|text| name_form(text).to_cell()));
    also("posted < ?", query.after.map(|cursor| cursor.0.to_cell()));
    (conditions.join(" and "), cells)
}

/// Both sides are in the form in which search compares words.
const CONTAINS: &str = "exists (select 1 from post_words \
    where post_words.post = post.id and instr(form, ?) > 0)";
