//! The board: open Needs and Offers, newest first, with filters.

use crate::list::List;
use crate::names::Names;
use crate::post::PostAnswer;
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer};

pub use meguri_views::board::BoardQuery;

impl ReadApi {
    /// A page of the board (H01-H03), without the posts of members who are hidden (C12).
    pub async fn board(
        &self,
        viewer: &Viewer,
        mut query: BoardQuery,
        fresh: Freshness,
    ) -> Result<Seen<List<PostAnswer>>, AnswerError> {
        query.not_authors = viewer.hidden(self, fresh).await?.to_vec();
        let seen = self.views(&[View::Board], &[View::Profiles], fresh).await?;
        let page = seen.board().list(&query).await?;
        let names = Names::of(self, page.items.iter().map(|post| post.author)).await?;
        let posts = List::of(page, |post| PostAnswer::of(post, &names));
        Ok(Seen::at(seen.position(), posts))
    }
}
