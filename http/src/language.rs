//! The reader's language, from `Accept-Language`: Japanese unless English is preferred.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use meguri_read_api::Sentence;

/// A language the product speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// 日本語.
    #[default]
    Japanese,
    /// English.
    English,
}

impl Language {
    /// The language tag: `ja` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// Reads `Accept-Language`; what cannot be read counts as not sent.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut best = (0.0_f32, Self::default());
        for value in headers.get_all(header::ACCEPT_LANGUAGE) {
            for range in value.to_str().unwrap_or_default().split(',') {
                let (tag, weight) = weighted(range);
                let primary = tag.split('-').next().unwrap_or_default();
                let language = match primary.to_ascii_lowercase().as_str() {
                    "ja" => Self::Japanese,
                    "en" => Self::English,
                    _ => continue,
                };
                if weight > best.0 {
                    best = (weight, language);
                }
            }
        }
        best.1
    }
}

impl Language {
    /// A sentence in this language.
    pub(crate) fn of_sentence(self, sentence: &Sentence) -> &str {
        match self {
            Self::Japanese => &sentence.ja,
            Self::English => &sentence.en,
        }
    }
}

fn weighted(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().unwrap_or_default();
    let weight = parts
        .find_map(|part| part.strip_prefix("q="))
        .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
    (tag, weight)
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn asked(value: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
        Language::of(&headers)
    }

    #[test]
    fn japanese_is_spoken_unless_english_is_preferred() {
        assert_eq!(Language::of(&HeaderMap::new()), Language::Japanese);
        assert_eq!(asked("*"), Language::Japanese);
        assert_eq!(asked("fr, de;q=0.5"), Language::Japanese);
        assert_eq!(asked("en-GB,en;q=0.9,ja;q=0.8"), Language::English);
        assert_eq!(asked("en;q=0.3, ja-JP;q=0.8"), Language::Japanese);
        assert_eq!(asked("en;q=0"), Language::Japanese);
        assert_eq!(asked("en;q=nonsense, ja"), Language::Japanese);
    }
}
