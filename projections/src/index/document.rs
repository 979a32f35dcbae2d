//! What of a row is found, and how.

use meguri_events::Prefecture;
use meguri_search::{Document, UserWord, contains};

use crate::views::{posts::Post, search::codes};

/// The document of a post; none where it is not to be found: closed, or erased.
pub(super) fn of(post: &Post) -> Option<Document> {
    let title = post.title.as_ref().filter(|_| post.open)?;
    Some(Document {
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
        title: title.clone(),
        body: post.description.clone().unwrap_or_default(),
        tags: post.tags.0.clone(),
        row: post.changed.get(),
    })
}

/// Whether one of these words stands in a post.
pub(super) fn mentions(post: &Post, words: &[UserWord]) -> bool {
    let texts = [&post.title, &post.description].into_iter().flatten();
    let mut texts = texts.chain(&post.tags.0);
    texts.any(|text| words.iter().any(|word| contains(text, &word.surface)))
}
