//! One Need (コマリゴト) or Offer (デキルコト), open or closed.

use meguri_events::PostId;
use meguri_views::posts::Post;
use serde::Serialize;
use utoipa::ToSchema;

use crate::names::{Names, Person};
use crate::views::View;
use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer, codes};

/// A Need or an Offer (H01). What its author typed is null once it is erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostAnswer {
    /// The post's id.
    #[schema(format = Uuid)]
    id: String,
    /// `need` (コマリゴト) or `offer` (デキルコト).
    #[schema(schema_with = codes::kind)]
    kind: &'static str,
    /// Version of the post's stream, as in `ETag`; what `If-Match` of an edit names.
    version: u64,
    /// Whether it can be answered.
    #[schema(schema_with = codes::post_status)]
    status: &'static str,
    /// Who posted it.
    author: Person,
    /// What kind of help it is about.
    #[schema(schema_with = codes::category)]
    category: &'static str,
    /// One line that tells what it is about.
    title: Option<String>,
    /// The whole of it.
    description: Option<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// JIS X 0401 code of the prefecture, 1 to 47; null if the author did not tell.
    #[schema(minimum = 1, maximum = 47)]
    prefecture: Option<u8>,
    /// City, ward, town or village.
    city: Option<String>,
    /// Whether help may be given online (H13).
    online: bool,
    /// Whether help may be given by post or in person (H14).
    offline: bool,
    /// 交換不要: nothing is asked in return (H16).
    no_return_needed: bool,
    /// What is wished in return, if anything.
    wished_return: Option<String>,
    /// Degrees north, rounded to 0.01.
    lat: Option<f64>,
    /// Degrees east, rounded to 0.01.
    lon: Option<f64>,
    /// When it was posted, RFC 3339.
    #[schema(format = DateTime)]
    posted_at: String,
    /// When it was edited last, RFC 3339.
    #[schema(format = DateTime)]
    edited_at: Option<String>,
}

impl PostAnswer {
    /// The answer for a row of the board.
    pub(crate) fn of(post: Post, names: &Names) -> Self {
        let id = match post.id {
            PostId::Need(id) => id.uuid(),
            PostId::Offer(id) => id.uuid(),
        };
        let place = post.place();
        Self {
            id: id.to_string(),
            kind: post.kind.code(),
            version: post.version.get(),
            status: if post.open { "open" } else { "closed" },
            author: names.person(post.author),
            category: post.category.code(),
            title: post.title,
            description: post.description,
            tags: post.tags.0,
            prefecture: post.prefecture.map(meguri_events::Prefecture::code),
            city: post.city,
            online: post.online,
            offline: post.offline,
            no_return_needed: post.no_return_needed,
            wished_return: post.wished_return,
            lat: place.map(|place| place.lat),
            lon: place.map(|place| place.lon),
            posted_at: post.posted_at.to_string(),
            edited_at: post.edited_at.map(|at| at.to_string()),
        }
    }
}

impl ReadApi {
    /// A post, open or closed (H01). That of a member who is hidden is not there (C12).
    pub async fn post(
        &self,
        viewer: &Viewer,
        id: PostId,
        fresh: Freshness,
    ) -> Result<Seen<PostAnswer>, AnswerError> {
        let hidden = viewer.hidden(self, fresh).await?;
        let seen = self.views(&[View::Board], &[View::Profiles], fresh).await?;
        let post = seen.board().post(id).await?;
        if hidden.contains(&post.author) {
            return Err(AnswerError::NOT_FOUND);
        }
        let names = Names::of(self, [post.author]).await?;
        let version = post.version.get();
        let answer = PostAnswer::of(post, &names);
        Ok(Seen::versioned(seen.position(), version, answer))
    }
}
