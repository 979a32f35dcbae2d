//! The board: open Needs and Offers, newest first, with filters.

use axum::extract::State;
use meguri_events::Prefecture;
use meguri_http::{Anyone, Problem, PublicProblems, Query, kinds};
use meguri_read_api::board::BoardQuery;
use meguri_read_api::list::{List, Part};
use meguri_read_api::post::PostAnswer;
use meguri_read_api::{ReadApi, codes};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::Shown;
use crate::query::{self, PageQuery, When};

/// Longest text to look for, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// What to show of the board. All filters that are given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BoardFilters {
    /// Needs (コマリゴト) or Offers (デキルコト).
    #[param(schema_with = codes::kind)]
    kind: Option<String>,
    /// What kind of help.
    #[param(schema_with = codes::category)]
    category: Option<String>,
    /// JIS X 0401 code of the prefecture.
    #[param(schema_with = codes::prefecture)]
    prefecture: Option<Prefecture>,
    /// How help should be possible (H13-H15); `offline` is by post or in person.
    #[param(schema_with = codes::mode_wanted)]
    mode: Option<String>,
    /// A tag, in any of its writings: width, case and kana make no difference.
    #[param(max_length = 100)]
    tag: Option<String>,
    /// A part of title, description or tags, in any of its writings: width, case and kana make no
    /// difference.
    #[param(max_length = 100)]
    text: Option<String>,
}

impl BoardFilters {
    fn query(self, part: Part) -> Result<BoardQuery, Problem> {
        for (name, text) in [("tag", &self.tag), ("text", &self.text)] {
            if text
                .as_ref()
                .is_some_and(|text| text.chars().nth(TEXT_CHARS_MAX).is_some())
            {
                return Err(Problem::new(kinds::BAD_REQUEST).detail(
                    format!("{name} は{TEXT_CHARS_MAX}文字までです"),
                    format!("{name} has at most {TEXT_CHARS_MAX} characters"),
                ));
            }
        }
        Ok(BoardQuery {
            kind: query::code("kind", self.kind.as_deref())?,
            category: query::code("category", self.category.as_deref())?,
            prefecture: self.prefecture,
            mode: query::code("mode", self.mode.as_deref())?,
            tag: self.tag,
            text: self.text,
            author: None,
            not_authors: Vec::new(),
            after: part.after,
            limit: part.limit,
        })
    }
}

/// Reads the board: open Needs and Offers, newest first (H01-H03).
///
/// Needs (コマリゴト) and Offers (デキルコト) that can be answered. All filters that are given must
/// hold. Pages are stable while new posts arrive. A member does not see posts of those whom they
/// block, or who block them (C12).
#[utoipa::path(
    get, path = "/board", tag = "posts", operation_id = "read_board",
    extensions(("x-summary-ja" = json!("掲示板を見る"))),
    security((), ("bearer" = [])),
    params(BoardFilters, PageQuery, When),
    responses(
        (status = 200, description = "A page of the board", body = List<PostAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        PublicProblems,
    )
)]
pub(crate) async fn read_board(
    State(read): State<ReadApi>,
    Anyone(viewer): Anyone,
    Query(filters): Query<BoardFilters>,
    Query(page): Query<PageQuery>,
    Query(when): Query<When>,
) -> Result<Shown<List<PostAnswer>>, Problem> {
    let query = filters.query(page.part()?)?;
    Ok(Shown(read.board(&viewer, query, when.into()).await?))
}
