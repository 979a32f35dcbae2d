//! The board: open Needs (コマリゴト) and Offers (デキルコト), newest first (H01-H03).

use meguri_events::{Event, PostId};
use meguri_search::name_form;

use super::posts::{self, Posts, Rewritten, Words};
use meguri_engine::{AnyRows, Decoded, Erasure, FoldError, Rows, View};

use crate::column::table;

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

/// What parts of the words of a post are looked for in.
const BETWEEN: &str = "\u{1f}";

table! {
    /// Title, description and tags of a post, in the form in which words are compared.
    pub struct PostWords in "post_words"
    by {
        /// The post.
        post: PostId,
    }
    with {
        /// They, with a control character between that nobody can type.
        form: String,
    }
}

/// The view.
#[derive(Default)]
pub struct Board {
    posts: Posts,
    tags: Rows<PostTag>,
    words: Rows<PostWords>,
}

impl View for Board {
    type Fact = Event;
    const NAME: &'static str = "board";
    const VERSION: u32 = 5;
    const SCHEMA: &'static str = include_str!("board.sql");
    const WANTS: &'static [&'static str] = &posts::WANTS;

    fn keys(&mut self, fact: &Event) {
        posts::ask(&mut self.posts, fact);
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        if let Some(rewritten) = posts::fold(&mut self.posts, fact, event)? {
            self.find_by(rewritten);
        }
        Ok(())
    }

    fn erase(&mut self, erasure: &Erasure) {
        for rewritten in posts::erase(&mut self.posts, erasure) {
            self.find_by(rewritten);
        }
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        vec![&mut self.posts, &mut self.tags, &mut self.words]
    }
}

impl Board {
    /// Has a post found by what it reads now.
    fn find_by(&mut self, rewritten: Rewritten) {
        let Rewritten {
            post,
            before,
            after,
        } = rewritten;
        let (before, after) = (Forms::of(post, &before), Forms::of(post, &after));
        before.tags.iter().for_each(|tag| self.tags.remove(tag));
        if let Some(words) = &before.words {
            self.words.remove(words);
        }
        after.tags.into_iter().for_each(|tag| self.tags.put(tag));
        if let Some(words) = after.words {
            self.words.put(words);
        }
    }
}

/// The words of a post in the form in which they are compared.
struct Forms {
    tags: Vec<PostTag>,
    words: Option<PostWords>,
}

impl Forms {
    fn of(post: PostId, words: &Words) -> Self {
        let tags: Vec<_> = words.tags.iter().map(|tag| name_form(tag)).collect();
        let text = words.text.as_ref().map(|text| {
            let text = text.iter().map(|text| name_form(text));
            text.chain(tags.iter().cloned()).collect::<Vec<_>>()
        });
        let tags = tags.into_iter().map(|tag| PostTag { tag, post });
        Self {
            tags: tags.collect(),
            words: text.map(|all| PostWords {
                post,
                form: all.join(BETWEEN),
            }),
        }
    }
}
