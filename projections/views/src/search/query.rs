//! What can be searched for.

use meguri_events::{Category, MemberId, NeedId, OfferId, PostId, Prefecture};
use meguri_log::Timestamp;
use meguri_search::{Found, IndexError, Mode, Near, Query, Sort};

use super::{
    SynonymGroup, Word,
    answer::{FoundPost, SearchAnswer},
    codes,
    key::SearchKey,
};
use meguri_engine::ViewReader;

use crate::{
    board::ModeWanted,
    error::QueryError,
    page::within_limits,
    posts::{Post, PostKind},
};
use uuid::Uuid;

pub use meguri_search::{Near as SearchNear, Sort as SearchSort};

/// Searches open posts.
#[derive(Clone, Debug)]
pub struct SearchQueries(pub(crate) ViewReader);

/// What is searched for. What is `None` or empty filters nothing; all filters must hold.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// What somebody typed; without it, everything is found.
    pub text: String,
    /// Needs or Offers.
    pub kind: Option<PostKind>,
    /// What kind of help.
    pub category: Option<Category>,
    /// Where.
    pub prefecture: Option<Prefecture>,
    /// City, in any of its writings.
    pub city: Option<String>,
    /// How help can be given.
    pub mode: Option<ModeWanted>,
    /// A tag, in any of its writings.
    pub tag: Option<String>,
    /// Only where nothing is asked in return, or only where something is.
    pub no_return_needed: Option<bool>,
    /// Who posted it.
    pub author: Option<MemberId>,
    /// Whose posts are not to be found.
    pub not_authors: Vec<MemberId>,
    /// Within a circle.
    pub near: Option<Near>,
    /// Posted then or later.
    pub since: Option<Timestamp>,
    /// What comes first.
    pub sort: Sort,
    /// Where the page before ended.
    pub after: Option<SearchKey>,
    /// Entries of a page, held within 1 and [`PAGE_ITEMS_MAX`](crate::PAGE_ITEMS_MAX).
    pub limit: u32,
}

/// The words that search goes by.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Words that are kept whole.
    pub words: Vec<Word>,
    /// Words that stand for each other.
    pub groups: Vec<SynonymGroup>,
    /// Whether words are cut by a dictionary, and found by their readings.
    pub dictionary: bool,
}

impl SearchQueries {
    /// Open posts that fit, the best first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, QueryError> {
        let limit = usize::try_from(within_limits(query.limit)).unwrap_or(usize::MAX);
        let mut asked = asked(query);
        // One more tells whether there is another page.
        asked.limit = limit + 1;
        let (searcher, synonyms) = self.0.index()?.searcher();
        let analyzer = searcher.analyzer().clone();
        let found = blocking(move || searcher.search(&asked, &synonyms)).await?;
        let next = found.hits.get(limit).and(found.hits.get(limit - 1));
        let next = next.map(|hit| SearchKey(hit.key));
        let posts = self.posts(&found, limit).await?;
        Ok(SearchAnswer::of(found, posts, next, &analyzer))
    }

    /// Words that begin so, or are read so, and stand in open posts: the most frequent first.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn suggest(&self, typed: String, limit: usize) -> Result<Vec<String>, QueryError> {
        let (searcher, _) = self.0.index()?.searcher();
        let words = blocking(move || searcher.suggest(&typed, limit)).await?;
        Ok(words.into_iter().map(|word| word.text).collect())
    }

    /// The words that search goes by.
    ///
    /// # Errors
    /// [`QueryError`] where the view cannot be read.
    pub async fn vocabulary(&self) -> Result<Vocabulary, QueryError> {
        let groups = "where words != '[]' order by number";
        let (searcher, _) = self.0.index()?.searcher();
        Ok(Vocabulary {
            words: self.0.select("where present order by word", vec![]).await?,
            groups: self.0.select(groups, vec![]).await?,
            dictionary: searcher.analyzer().has_dictionary(),
        })
    }

    /// The rows of what was found, in its order. What has been closed since the index was written
    /// is gone at once.
    async fn posts(&self, found: &Found, limit: usize) -> Result<Vec<FoundPost>, QueryError> {
        let hits = found.hits.iter().take(limit);
        let posts = self.open_posts(hits.clone().map(|hit| hit.id)).await?;
        let posts = hits.filter_map(|hit| {
            let post = posts.iter().find(|post| post.id.uuid() == hit.id)?;
            Some(FoundPost::of(post.clone(), hit.metres))
        });
        Ok(posts.collect())
    }

    /// Those of these posts that can be found: open, and not erased.
    pub(super) async fn open_posts(
        &self,
        ids: impl Iterator<Item = Uuid>,
    ) -> Result<Vec<Post>, QueryError> {
        // A document does not say which of the two it is.
        let either = |id| {
            [
                PostId::from(NeedId::new(id)),
                PostId::from(OfferId::new(id)),
            ]
        };
        let mut posts: Vec<Post> = self.0.by_keys::<Post>(ids.flat_map(either)).await?;
        posts.retain(|post| post.open && post.title.is_some());
        Ok(posts)
    }
}

fn asked(query: &SearchQuery) -> Query {
    let mode = |mode| match mode {
        ModeWanted::Online => Mode::Online,
        ModeWanted::Offline => Mode::Offline,
    };
    Query {
        text: query.text.clone(),
        share: None,
        kind: query.kind.map(codes::of_kind),
        category: query.category.map(codes::of_category),
        prefecture: query.prefecture.map(Prefecture::code),
        city: query.city.clone(),
        mode: query.mode.map(mode),
        tag: query.tag.clone(),
        no_return_needed: query.no_return_needed,
        author: query.author.map(MemberId::uuid),
        not_authors: query
            .not_authors
            .iter()
            .map(|author| author.uuid())
            .collect(),
        near: query.near,
        since_ms: query.since.map(|since| since.micros().div_euclid(1_000)),
        sort: query.sort,
        limit: 0,
        after: query.after.map(|SearchKey(key)| key),
    }
}

/// Searching reads files, and takes milliseconds: others go on meanwhile.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, QueryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(QueryError::BrokenOff(error.to_string())),
    }
}
