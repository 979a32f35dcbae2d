//! What the index of search is made of: open posts, and the words of the vocabulary.

use async_trait::async_trait;
use meguri_events::Prefecture;
use meguri_log::Position;
use meguri_search::{Document, UserWord};
use sqlx::SqliteConnection;

use super::{SynonymGroup, Word, codes};
use meguri_engine::{IndexSource, IndexedRow, TableError, Words, select};

use crate::{column::Column as _, posts::Post};

/// The rows of the view as documents.
pub(super) struct Posts;

#[async_trait]
impl IndexSource for Posts {
    fn word_tables(&self) -> &'static [&'static str] {
        &["word", "synonym_group"]
    }

    async fn words(
        &self,
        rows: &mut SqliteConnection,
        after: Position,
    ) -> Result<Words, TableError> {
        let all: Vec<Word> = select(&mut *rows, "order by word", vec![]).await?;
        let groups: Vec<SynonymGroup> = select(rows, "order by number", vec![]).await?;
        let present = all.iter().filter(|word| word.present);
        let changed = all.iter().filter(|word| word.changed > after);
        Ok(Words {
            whole: present.map(user_word).collect(),
            changed: changed.map(user_word).collect(),
            synonyms: groups.into_iter().map(|group| group.words.0).collect(),
        })
    }

    async fn rows(
        &self,
        rows: &mut SqliteConnection,
        (changed, id): (Position, &str),
        limit: u32,
    ) -> Result<Vec<IndexedRow>, TableError> {
        let rest = "where (changed, id) > (?, ?) order by changed, id limit ?";
        let cells = vec![changed.to_cell(), id.to_owned().to_cell(), limit.to_cell()];
        let posts: Vec<Post> = select(rows, rest, cells).await?;
        Ok(posts.iter().map(indexed).collect())
    }
}

fn user_word(word: &Word) -> UserWord {
    UserWord {
        surface: word.word.clone(),
        reading: word.reading.clone(),
    }
}

/// A post is not to be found where it is closed, or erased.
fn indexed(post: &Post) -> IndexedRow {
    let title = post.title.as_ref().filter(|_| post.open);
    IndexedRow {
        id: post.id.uuid(),
        key: post.id.to_string(),
        changed: post.changed,
        document: title.map(|title| document(post, title)),
    }
}

fn document(post: &Post, title: &str) -> Document {
    Document {
        id: post.id.uuid(),
        kind: codes::of_kind(post.kind),
        category: codes::of_category(post.category),
        prefecture: post.prefecture.map(Prefecture::code),
        city: post.city.clone(),
        online: post.online,
        offline: post.offline,
        no_return_needed: post.no_return_needed,
        author: post.author.uuid(),
        posted: post.posted.get(),
        posted_at: post.posted_at.micros() / 1_000,
        place: post.place().map(|place| (place.lat, place.lon)),
        title: title.to_owned(),
        body: post.description.clone().unwrap_or_default(),
        tags: post.tags.0.clone(),
        row: post.changed.get(),
    }
}
