//! What was found, as clients read it.

use meguri_views::{search::FoundPost, search::Part, search::PostFacets, search::SearchAnswer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::codes;
use crate::names::Names;
use crate::post::PostAnswer;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResult {
    /// How many posts fit, exactly.
    total: u64,
    /// Nothing fits `q` as it is: these posts fit a corrected text, or most of its words.
    relaxed: bool,
    /// `q` with what is found in place of what was mistyped.
    did_you_mean: Option<String>,
    /// The posts of this page.
    items: Vec<FoundItem>,
    /// Pass it as `cursor` to go on; null at the end.
    #[schema(pattern = "^s(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$")]
    next: Option<String>,
    /// How the posts that fit are spread.
    facets: FacetsAnswer,
}

/// A post that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundItem {
    /// The post.
    post: PostAnswer,
    /// Its title, cut into what fits and what does not.
    title: Vec<PartAnswer>,
    /// The part of its description where something fits, cut likewise.
    excerpt: Vec<PartAnswer>,
    /// How far it is from the middle of `near`, in metres; places are rounded to a kilometre.
    metres: Option<u32>,
}

/// A part of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PartAnswer {
    /// As it was typed.
    text: String,
    /// Whether it is what was searched for, in whatever writing.
    fits: bool,
}

/// How many posts there are of each; values without a post are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FacetsAnswer {
    /// Needs and Offers.
    kind: Vec<KindCount>,
    /// By category.
    category: Vec<CategoryCount>,
    /// By prefecture; posts that name none are not counted.
    prefecture: Vec<PrefectureCount>,
    /// Online.
    online: u64,
    /// By post or in person.
    offline: u64,
    /// 交換不要: nothing is asked in return.
    no_return_needed: u64,
}

/// How many Needs or Offers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindCount {
    /// Which.
    #[schema(schema_with = codes::kind)]
    value: &'static str,
    /// How many.
    count: u64,
}

/// How many of a category.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryCount {
    /// Which.
    #[schema(schema_with = codes::category)]
    value: &'static str,
    /// How many.
    count: u64,
}

/// How many of a prefecture.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PrefectureCount {
    /// JIS X 0401 code.
    #[schema(minimum = 1, maximum = 47)]
    value: u8,
    /// How many.
    count: u64,
}

impl SearchResult {
    pub(crate) fn of(answer: SearchAnswer, names: &Names) -> Self {
        let items = answer.posts.into_iter().map(|found| item(found, names));
        Self {
            total: answer.total,
            relaxed: answer.relaxed,
            did_you_mean: answer.did_you_mean,
            items: items.collect(),
            next: answer.next.map(|key| key.to_string()),
            facets: facets(&answer.facets),
        }
    }
}

fn item(found: FoundPost, names: &Names) -> FoundItem {
    FoundItem {
        title: found.title.into_iter().map(part).collect(),
        excerpt: found.excerpt.into_iter().map(part).collect(),
        metres: found.metres,
        post: PostAnswer::of(found.post, names),
    }
}

fn part(Part { text, fits }: Part) -> PartAnswer {
    PartAnswer { text, fits }
}

fn facets(facets: &PostFacets) -> FacetsAnswer {
    let kinds = facets.kinds.iter().map(|&(kind, count)| KindCount {
        value: kind.code(),
        count,
    });
    let categories = facets.categories.iter();
    let categories = categories.map(|&(category, count)| CategoryCount {
        value: category.code(),
        count,
    });
    let prefectures = facets.prefectures.iter();
    let prefectures = prefectures.map(|&(prefecture, count)| PrefectureCount {
        value: prefecture.code(),
        count,
    });
    FacetsAnswer {
        kind: kinds.collect(),
        category: categories.collect(),
        prefecture: prefectures.collect(),
        online: facets.online,
        offline: facets.offline,
        no_return_needed: facets.no_return_needed,
    }
}
