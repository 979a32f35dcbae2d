//! What people are called, where they live, what they ask and say: read from `texts/*.toml`.

use std::ops::Deref;

use meguri_events::Category;
use serde::Deserialize;
use thiserror::Error;

use super::dice::Dice;
use super::story::Side;

/// A text file of the demo is not right. It is part of the program, so a test finds this first.
#[derive(Debug, Error)]
#[error("the demo's {file}: {source}")]
pub struct TextsError {
    file: &'static str,
    source: toml::de::Error,
}

/// Everything that is said.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) needs: Choices<PostTexts>,
    pub(super) offers: Choices<PostTexts>,
    pub(super) talk: Talk,
    pub(super) people: People,
    pub(super) cities: Choices<City>,
}

/// Things to choose from: at least one.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<T>")]
pub(super) struct Choices<T>(Vec<T>);

impl<T> TryFrom<Vec<T>> for Choices<T> {
    type Error = &'static str;

    fn try_from(things: Vec<T>) -> Result<Self, Self::Error> {
        if things.is_empty() {
            Err("nothing to choose from")
        } else {
            Ok(Self(things))
        }
    }
}

impl<T> Deref for Choices<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Choices<T> {
    /// One of them, by chance.
    pub(super) fn pick(&self, dice: &mut Dice) -> &T {
        self.at(dice.below(self.0.len() as u64))
    }

    /// The one at a place; counting goes round.
    pub(super) fn at(&self, place: u64) -> &T {
        let place = place % (self.0.len() as u64);
        // INVARIANT: place < len, and len > 0 by construction.
        &self.0[usize::try_from(place).unwrap_or_default()]
    }
}

/// Which ways of helping suit a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ways {
    Online,
    Offline,
    Both,
}

/// The words of a Need or an Offer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostTexts {
    pub(super) category: Category,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    #[serde(rename = "mode")]
    pub(super) ways: Ways,
    /// Can be settled by sending something.
    #[serde(default, rename = "post")]
    pub(super) by_post: bool,
    /// What is going to be done, as terms put it.
    pub(super) what: String,
}

/// What is said in an exchange, by occasion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Talk {
    pub(super) apply: Choices<String>,
    pub(super) request: Choices<String>,
    pub(super) helped_asks: Choices<String>,
    pub(super) helper_asks: Choices<String>,
    pub(super) helped_answers: Choices<String>,
    pub(super) helper_answers: Choices<String>,
    pub(super) helped_agrees: Choices<String>,
    pub(super) helper_agrees: Choices<String>,
    pub(super) helped_cancels: Choices<String>,
    pub(super) helper_cancels: Choices<String>,
    pub(super) progress: Choices<String>,
    pub(super) finish: Choices<String>,
    pub(super) helped_thanks: Choices<String>,
    pub(super) helper_thanks: Choices<String>,
    pub(super) evaluation: Choices<String>,
    pub(super) abort: Choices<String>,
    pub(super) return_wish: Choices<String>,
    pub(super) changed_when: Choices<String>,
    pub(super) changed_what: Choices<String>,
    pub(super) edit_note: Choices<String>,
}

/// Names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    /// Kanji and romaji.
    pub(super) family: Choices<(String, String)>,
    /// Kanji, romaji and kana.
    pub(super) given: Choices<(String, String, String)>,
    /// What may stand before a name.
    pub(super) epithet: Choices<String>,
}

/// A city.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct City {
    /// JIS X 0401: 1 (Hokkaido) to 47 (Okinawa).
    pub(super) prefecture: u8,
    pub(super) name: String,
    pub(super) lat: f64,
    pub(super) lon: f64,
}

#[derive(Deserialize)]
struct Needs {
    need: Choices<PostTexts>,
}

#[derive(Deserialize)]
struct Offers {
    offer: Choices<PostTexts>,
}

#[derive(Deserialize)]
struct Places {
    city: Choices<City>,
}

impl Texts {
    /// The Needs, or the Offers.
    pub(super) fn of(&self, side: Side) -> &Choices<PostTexts> {
        match side {
            Side::Need => &self.needs,
            Side::Offer => &self.offers,
        }
    }

    /// Reads the files, which are part of the program.
    pub(super) fn load() -> Result<Self, TextsError> {
        Ok(Self {
            needs: read::<Needs>("needs.toml", include_str!("texts/needs.toml"))?.need,
            offers: read::<Offers>("offers.toml", include_str!("texts/offers.toml"))?.offer,
            talk: read("talk.toml", include_str!("texts/talk.toml"))?,
            people: read("people.toml", include_str!("texts/people.toml"))?,
            cities: read::<Places>("places.toml", include_str!("texts/places.toml"))?.city,
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(
    file: &'static str,
    text: &'static str,
) -> Result<T, TextsError> {
    toml::from_str(text).map_err(|source| TextsError { file, source })
}

/// Puts names into the blanks of a text: `{name}`, `{me}`, `{city}`, `{when}`.
pub(super) fn fill(text: &str, blanks: &[(&str, &str)]) -> String {
    blanks.iter().fold(text.to_owned(), |text, (blank, value)| {
        text.replace(blank, value)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_category_has_needs_and_offers_and_every_prefecture_a_city() {
        let texts = Texts::load().unwrap();
        let all: BTreeSet<Category> = Category::ALL.iter().copied().collect();
        for posts in [&texts.needs, &texts.offers] {
            let told: BTreeSet<Category> = posts.iter().map(|post| post.category).collect();
            assert_eq!(told, all);
        }
        let prefectures: BTreeSet<u8> = texts.cities.iter().map(|city| city.prefecture).collect();
        assert_eq!(prefectures, (1..=47).collect());
    }

    #[test]
    fn no_two_members_names_are_the_same() {
        let people = Texts::load().unwrap().people;
        let family: BTreeSet<&str> = people.family.iter().map(|name| name.1.as_str()).collect();
        let given: BTreeSet<&str> = people.given.iter().map(|name| name.1.as_str()).collect();
        assert_eq!(
            (family.len(), given.len()),
            (people.family.len(), people.given.len())
        );
    }

    #[test]
    fn no_blank_is_left_open() {
        let texts = Texts::load().unwrap();
        let known = ["{name}", "{me}", "{city}", "{when}"];
        let blanks = known.map(|blank| (blank, "x"));
        let talk = &texts.talk;
        let said = [
            &talk.apply,
            &talk.request,
            &talk.helped_asks,
            &talk.helper_asks,
            &talk.helped_answers,
            &talk.helper_answers,
            &talk.helped_agrees,
            &talk.helper_agrees,
            &talk.helped_thanks,
            &talk.helper_thanks,
            &talk.progress,
        ];
        for line in said.into_iter().flat_map(|lines| lines.iter()) {
            assert!(!fill(line, &blanks).contains('{'), "{line}");
        }
        for post in texts.needs.iter().chain(texts.offers.iter()) {
            assert!(
                !fill(&post.title, &blanks[2..3]).contains('{'),
                "{}",
                post.title
            );
            assert!(
                !fill(&post.description, &blanks[2..3]).contains('{'),
                "{}",
                post.title
            );
            assert!(!post.what.contains('{'), "{}", post.what);
        }
    }
}
