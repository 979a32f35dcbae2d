//! The board: open Needs (コマリゴト) and Offers (デキルコト), newest first (H01-H03).

use meguri_events::PostId;
use meguri_search::name_form;

use super::posts::{self, Posts, Retagged};
use crate::{
    decode::Decoded,
    row::table,
    table::{AnyRows, FoldError, Rows},
    view::View,
};

mod query;

pub use query::{BoardQueries, BoardQuery, ModeWanted};

table! {
    /// A word to find a post by.
    pub struct PostTag in "post_tag"
    by {
        /// The word, in the form in which tags are compared.
        tag: String,
        /// The post.
        post: PostId,
    }
    with {}
}

/// The view.
#[derive(Default)]
pub struct Board {
    posts: Posts,
    tags: Rows<PostTag>,
}

impl View for Board {
    const NAME: &'static str = "board";
    const VERSION: u32 = 4;
    const SCHEMA: &'static str = include_str!("board.sql");
    const WANTS: &'static [&'static str] = &posts::WANTS;

    fn keys(&mut self, event: &Decoded) {
        posts::ask(&mut self.posts, event);
    }

    fn fold(&mut self, event: &Decoded) -> Result<(), FoldError> {
        for Retagged {
            post,
            before,
            after,
        } in posts::fold(&mut self.posts, event)?
        {
            for tag in before {
                let tag = name_form(&tag);
                self.tags.remove(&PostTag { tag, post });
            }
            for tag in after {
                let tag = name_form(&tag);
                self.tags.put(PostTag { tag, post });
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.posts, &mut self.tags]
    }
}
