//! The board: open Needs and Offers, newest first, with filters.

use axum::extract::State;
use meguri_engine::AsOf;
use meguri_events::Prefecture;
use meguri_http::{Problem, Problems, Query, kinds};
use meguri_views::board::BoardQuery;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::block::Reader;
use crate::freshness::Seen;
use crate::list::List;
use crate::names::Names;
use crate::post::PostAnswer;
use crate::views::{View, refusal};
use crate::{ReadApi, codes, freshness, list};

/// Longest text to look for, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// What to show of the board. All filters that are given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
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
    /// Most entries of the page.
    #[serde(default = "list::limit_default", deserialize_with = "list::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "freshness::as_of")]
    #[param(schema_with = codes::as_of)]
    as_of: Option<AsOf>,
}

impl BoardFilters {
    fn query(&self) -> Result<BoardQuery, Problem> {
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
            kind: codes::filter("kind", self.kind.as_deref())?,
            category: codes::filter("category", self.category.as_deref())?,
            prefecture: self.prefecture,
            mode: codes::filter("mode", self.mode.as_deref())?,
            tag: self.tag.clone(),
            text: self.text.clone(),
            author: None,
            not_authors: Vec::new(),
            after: list::cursor(self.cursor.as_deref())?,
            limit: self.limit,
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
    params(BoardFilters),
    responses(
        (status = 200, description = "A page of the board", body = List<PostAnswer>,
            headers(("meguri-position" = u64, description = "Position the answer has seen"))),
        (status = 401, description = "An access token that is unknown, revoked or expired",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn read_board(
    State(api): State<ReadApi>,
    reader: Reader,
    Query(filters): Query<BoardFilters>,
) -> Result<Seen<List<PostAnswer>>, Problem> {
    let mut query = filters.query()?;
    let hidden = api.hidden_from(reader, filters.min_position).await?;
    query.not_authors = hidden.members().to_vec();
    let seen = api
        .views(
            &[View::Board],
            &[View::Profiles],
            filters.min_position,
            filters.as_of,
        )
        .await?;
    let page = seen.board().list(&query).await.map_err(refusal)?;
    let names = Names::of(&api, page.items.iter().map(|post| post.author)).await?;
    Ok(Seen::at(
        seen.position(),
        List::of(page, |post| PostAnswer::of(post, &names)),
    ))
}
