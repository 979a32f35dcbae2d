//! Search: open Needs and Offers by what is written in them, where they are, and what they offer.

mod answer;
mod vocabulary;

use serde::Serialize;
use utoipa::ToSchema;

use crate::names::Names;
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer};

pub use answer::SearchResult;
pub use meguri_views::search::{SearchKey, SearchNear, SearchQuery, SearchSort};
pub use vocabulary::VocabularyAnswer;

/// Words that may be meant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestions {
    /// The words, those that stand in most posts first.
    items: Vec<String>,
}

impl ReadApi {
    /// The open posts that fit, without those of members who are hidden (C12).
    pub async fn search(
        &self,
        viewer: &Viewer,
        mut query: SearchQuery,
        fresh: Freshness,
    ) -> Result<Seen<SearchResult>, AnswerError> {
        query.not_authors = viewer.hidden(self, fresh).await?.to_vec();
        let seen = self
            .views(&[View::Search], &[View::Profiles], fresh)
            .await?;
        let answer = seen.search().search(&query).await?;
        let names = Names::of(self, answer.posts.iter().map(|found| found.post.author)).await?;
        Ok(Seen::at(seen.position(), SearchResult::of(answer, &names)))
    }

    /// Words of open posts that begin so, or whose reading does. They are nobody's: nothing of them
    /// is hidden.
    pub async fn suggestions(
        &self,
        typed: String,
        limit: u32,
        fresh: Freshness,
    ) -> Result<Seen<Suggestions>, AnswerError> {
        let seen = self.views(&[View::Search], &[], fresh).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = seen.search().suggest(typed, limit).await?;
        Ok(Seen::at(seen.position(), Suggestions { items }))
    }
}
