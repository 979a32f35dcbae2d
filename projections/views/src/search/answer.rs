//! What was found, as it is shown.

use std::ops::Range;

use meguri_events::{Category, Prefecture};
use meguri_search::{Analyzer, Facets, Found, Terms, highlight};

use super::{codes, key::SearchKey};
use crate::posts::{Post, PostKind};

/// Characters of the description that are shown, around what fits.
const EXCERPT_CHARS: usize = 120;
/// Of these, how many stand before the first that fits.
const EXCERPT_BEFORE: usize = 30;

/// What was found.
#[derive(Clone, Debug)]
pub struct SearchAnswer {
    /// How many posts fit.
    pub total: u64,
    /// Those of this page.
    pub posts: Vec<FoundPost>,
    /// How those that fit are spread.
    pub facets: PostFacets,
    /// Nothing fits the text as it is: these fit a corrected one, or most of its words.
    pub relaxed: bool,
    /// The text with what is found in place of what was mistyped.
    pub did_you_mean: Option<String>,
    /// Where to go on; none at the end.
    pub next: Option<SearchKey>,
}

/// A post that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPost {
    /// The post.
    pub post: Post,
    /// How far it is, in metres, where the search was for what is near.
    pub metres: Option<u32>,
    /// Its title, cut where something fits.
    pub title: Vec<Part>,
    /// The part of its description where the most telling fits, cut likewise.
    pub excerpt: Vec<Part>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As it stands there.
    pub text: String,
    /// Whether it is what was searched for.
    pub fits: bool,
}

/// How many posts there are of each. Each list is counted with every filter but its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostFacets {
    /// Needs and Offers.
    pub kinds: Vec<(PostKind, u64)>,
    /// By category.
    pub categories: Vec<(Category, u64)>,
    /// By prefecture.
    pub prefectures: Vec<(Prefecture, u64)>,
    /// Those that can be done online.
    pub online: u64,
    /// Those that can be done by post or in person.
    pub offline: u64,
    /// Those that ask for nothing in return.
    pub no_return_needed: u64,
}

impl SearchAnswer {
    pub(super) fn of(
        found: Found,
        mut posts: Vec<FoundPost>,
        next: Option<SearchKey>,
        analyzer: &Analyzer,
    ) -> Self {
        for post in &mut posts {
            post.mark(analyzer, &found.terms);
        }
        Self {
            total: found.total,
            posts,
            facets: PostFacets::of(&found.facets),
            relaxed: found.relaxed,
            did_you_mean: found.did_you_mean,
            next,
        }
    }
}

impl FoundPost {
    pub(super) fn of(post: Post, metres: Option<u32>) -> Self {
        Self {
            post,
            metres,
            title: Vec::new(),
            excerpt: Vec::new(),
        }
    }

    fn mark(&mut self, analyzer: &Analyzer, terms: &Terms) {
        let title = self.post.title.as_deref().unwrap_or_default();
        let description = self.post.description.as_deref().unwrap_or_default();
        self.title = parts(title, 0..title.len(), &highlight(analyzer, title, terms));
        let marks = highlight(analyzer, description, terms);
        let shown = excerpt(description, marks.first().map_or(0, |mark| mark.start));
        self.excerpt = parts(description, shown, &marks);
    }
}

impl PostFacets {
    fn of(facets: &Facets) -> Self {
        Self {
            kinds: named(&facets.kinds, codes::kind),
            categories: named(&facets.categories, codes::category),
            prefectures: named(&facets.prefectures, |code| Prefecture::from_code(code).ok()),
            online: facets.online,
            offline: facets.offline,
            no_return_needed: facets.no_return_needed,
        }
    }
}

fn named<T>(counts: &[(u8, u64)], name: impl Fn(u8) -> Option<T>) -> Vec<(T, u64)> {
    let named = counts
        .iter()
        .filter_map(|(code, count)| Some((name(*code)?, *count)));
    named.collect()
}

/// Which bytes of a text are shown, so that what stands at `first` is among them.
fn excerpt(text: &str, first: usize) -> Range<usize> {
    let before = text.get(..first).unwrap_or_default();
    let start = before.char_indices().rev().nth(EXCERPT_BEFORE - 1);
    let start = start.map_or(0, |(at, _)| at);
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.char_indices().nth(EXCERPT_CHARS);
    start..end.map_or(text.len(), |(at, _)| start + at)
}

/// A text, as far as it is shown, cut at the marks, which follow one another.
fn parts(text: &str, shown: Range<usize>, marks: &[Range<usize>]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = shown.start;
    let mut put = |range: Range<usize>, fits: bool| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            let text = text.to_owned();
            parts.push(Part { text, fits });
        }
    };
    for mark in marks {
        let (start, end) = (mark.start.max(at), mark.end.min(shown.end));
        if start < end {
            put(at..start, false);
            put(start..end, true);
            at = end;
        }
    }
    put(at..shown.end, false);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: &[Part]) -> String {
        let bracket = |part: &Part| {
            if part.fits {
                format!("[{}]", part.text)
            } else {
                part.text.clone()
            }
        };
        parts.iter().map(bracket).collect()
    }

    #[test]
    fn a_text_is_cut_where_something_fits_and_nothing_is_lost() {
        let text = "引っ越しの手伝い";
        let marks = [0..12, 15..24];
        assert_eq!(joined(&parts(text, 0..24, &marks)), "[引っ越し]の[手伝い]");
        assert_eq!(joined(&parts(text, 0..24, &[])), text);
        assert_eq!(joined(&parts(text, 12..18, &marks)), "の[手]");
    }

    #[test]
    fn what_is_shown_of_a_long_text_begins_shortly_before_what_fits() {
        let text = format!("{}犬の散歩{}", "あ".repeat(200), "い".repeat(200));
        let shown = excerpt(&text, 600);
        assert_eq!(shown.start, 600 - 30 * 3);
        assert_eq!(text[shown].chars().count(), 120);
        assert_eq!(excerpt("短い", 0), 0..6);
    }
}
