//! The other side's posts that fit a post: what somebody offers for what somebody needs.

use std::collections::HashMap;

use meguri_events::{MemberId, PostId};
use meguri_search::{Hit, Mode, Query, name_form};
use uuid::Uuid;

use super::{codes, query::SearchQueries, query::blocking};
use crate::{
    column::Column as _,
    error::QueryError,
    posts::{Post, PostKind},
};

/// Most posts that are weighed.
const WEIGHED: usize = 50;
/// The share of the words of a post, by what they say, that must stand in one that fits its text.
const SHARE: f32 = 0.2;
/// A post fits by so many of text, category and area at least: `一時間` alone fits everything.
const REASONS_MIN: usize = 2;
/// What it counts, where all words count 1.
const SAME_CATEGORY: f32 = 0.6;
const SAME_PREFECTURE: f32 = 0.3;
const SAME_CITY: f32 = 0.2;

/// A post that fits another.
#[derive(Clone, Debug, PartialEq)]
pub struct PostMatch {
    /// The post.
    pub post: Post,
    /// Its text has words in common with the other's.
    pub by_text: bool,
    /// Both are about the same kind of help.
    pub by_category: bool,
    /// Both are in the same prefecture.
    pub by_area: bool,
}

impl PostMatch {
    /// By how many of the three it fits.
    fn holds(&self) -> usize {
        let reasons = [self.by_text, self.by_category, self.by_area];
        reasons.into_iter().filter(|holds| *holds).count()
    }
}

impl SearchQueries {
    /// Open posts of the other kind that fit this one, the best first: by two at least of what
    /// they say, category and area, and in a mode that both allow. Never the author's own, nor
    /// those of `not_authors`.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] where there is no such post, or it is by one of `not_authors`.
    pub async fn matches(
        &self,
        id: PostId,
        not_authors: &[MemberId],
        limit: usize,
    ) -> Result<Vec<PostMatch>, QueryError> {
        let found = self.0.first("where id = ?", vec![id.to_cell()]).await?;
        let post: Post = found.ok_or(QueryError::NotFound)?;
        if not_authors.contains(&post.author) {
            return Err(QueryError::NotFound);
        }
        let Some(title) = &post.title else {
            return Ok(Vec::new());
        };
        let mut query = other_side(&post, not_authors);
        let (searcher, synonyms) = self.0.index()?.searcher();
        let text = format!("{title} {}", post.tags.0.join(" "));
        let near_it = Query {
            category: Some(codes::of_category(post.category)),
            prefecture: post.prefecture.map(meguri_events::Prefecture::code),
            ..query.clone()
        };
        query.text = text;
        query.share = Some(SHARE);
        let found = blocking(move || {
            let by_text = searcher.search(&query, &synonyms)?;
            let by_area = searcher.search(&near_it, &synonyms)?;
            Ok([by_text.hits, by_area.hits])
        });
        let [by_text, by_area] = found.await?;
        let said = said(&by_text);
        let ids = by_text.iter().chain(&by_area).map(|hit| hit.id);
        let others = self.open_posts(ids).await?;
        let weighed = others.into_iter().map(|other| weigh(&post, other, &said));
        let mut weighed: Vec<_> = weighed.collect();
        weighed.retain(|(_, it)| it.holds() >= REASONS_MIN);
        weighed.sort_by(|(one, a), (other, b)| {
            other.total_cmp(one).then(b.post.posted.cmp(&a.post.posted))
        });
        weighed.truncate(limit);
        Ok(weighed.into_iter().map(|(_, found)| found).collect())
    }
}

/// Everything on the other side that can be done in a mode that the post allows.
fn other_side(post: &Post, not_authors: &[MemberId]) -> Query {
    let kind = match post.kind {
        PostKind::Need => PostKind::Offer,
        PostKind::Offer => PostKind::Need,
    };
    let mode = match (post.online, post.offline) {
        (true, false) => Some(Mode::Online),
        (false, true) => Some(Mode::Offline),
        (true, true) | (false, false) => None,
    };
    let not_authors = not_authors.iter().chain([&post.author]);
    Query {
        kind: Some(codes::of_kind(kind)),
        mode,
        not_authors: not_authors.map(|author| author.uuid()).collect(),
        limit: WEIGHED,
        ..Query::default()
    }
}

/// How well each fits the text, from 0 to 1.
fn said(hits: &[Hit]) -> HashMap<Uuid, f32> {
    let score = |hit: &Hit| {
        let bits = u32::try_from(hit.key.rank);
        f32::from_bits(bits.expect("INVARIANT: sorted by relevance, the rank is that of an f32"))
    };
    let best = hits.first().map_or(1.0, score).max(f32::MIN_POSITIVE);
    hits.iter().map(|hit| (hit.id, score(hit) / best)).collect()
}

fn weigh(post: &Post, other: Post, said: &HashMap<Uuid, f32>) -> (f32, PostMatch) {
    let by_text = said.get(&other.id.uuid()).copied();
    let by_category = other.category == post.category;
    let by_area = post.prefecture.is_some() && other.prefecture == post.prefecture;
    let city = |post: &Post| post.city.as_deref().map(name_form);
    let same_city = by_area && post.city.is_some() && city(&other) == city(post);
    let counts = [
        (by_category, SAME_CATEGORY),
        (by_area, SAME_PREFECTURE),
        (same_city, SAME_CITY),
    ];
    let also = counts.into_iter().filter(|(holds, _)| *holds);
    let weight = by_text.unwrap_or(0.0) + also.map(|(_, counts)| counts).sum::<f32>();
    let found = PostMatch {
        post: other,
        by_text: by_text.is_some(),
        by_category,
        by_area,
    };
    (weight, found)
}
