//! What a client sends about posts.

use meguri_domain::{
    City, Description, PostContent, PostPatch, ReturnText, Tags, Title, rounded_place,
};
use meguri_events::{Category, Modes, Place, Prefecture};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{CommandError, Refusal, schemas};

/// A Need or an Offer, as its author writes it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    /// One line that tells what it is about.
    #[schema(min_length = 1, max_length = 80, example = "庭の草むしり")]
    pub title: String,
    /// The whole of it.
    #[schema(
        min_length = 1,
        max_length = 4000,
        example = "週末に二時間ほど手伝ってください。"
    )]
    pub description: String,
    /// What kind of help it is about.
    #[schema(schema_with = schemas::category)]
    pub category: Category,
    /// Words to find it by.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub tags: Vec<String>,
    /// JIS X 0401 code of the prefecture.
    #[serde(default)]
    #[schema(schema_with = schemas::prefecture)]
    pub prefecture: Option<Prefecture>,
    /// City, ward, town or village.
    #[serde(default)]
    #[schema(max_length = 50, example = "世田谷区")]
    pub city: Option<String>,
    /// Help may be given online (H13); this, `offline`, or both.
    #[serde(default)]
    #[schema(example = true)]
    pub online: bool,
    /// Help may be given by post or in person (H14, H15).
    #[serde(default)]
    pub offline: bool,
    /// Nothing is asked in return (H16).
    #[serde(default)]
    pub no_return_needed: bool,
    /// What is wished in return.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub wished_return: Option<String>,
    /// Degrees north; kept to 0.01. Goes with `lon`.
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90)]
    pub lat: Option<f64>,
    /// Degrees east; kept to 0.01. Goes with `lat`.
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180)]
    pub lon: Option<f64>,
}

/// What the author changes: a field that is not sent stays, `null` takes it away.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(
    clippy::option_option,
    reason = "keep, take away and replace are three things"
)]
pub struct PostChanges {
    /// One line that tells what it is about.
    #[schema(min_length = 1, max_length = 80)]
    pub title: Option<String>,
    /// The whole of it.
    #[schema(min_length = 1, max_length = 4000)]
    pub description: Option<String>,
    /// What kind of help it is about.
    #[schema(schema_with = schemas::category)]
    pub category: Option<Category>,
    /// Words to find it by; all of them.
    #[schema(max_items = 10)]
    pub tags: Option<Vec<String>>,
    /// JIS X 0401 code of the prefecture.
    #[serde(deserialize_with = "given")]
    #[schema(schema_with = schemas::prefecture)]
    pub prefecture: Option<Option<Prefecture>>,
    /// City, ward, town or village.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub city: Option<Option<String>>,
    /// Help may be given online (H13).
    pub online: Option<bool>,
    /// Help may be given by post or in person (H14, H15).
    pub offline: Option<bool>,
    /// Nothing is asked in return (H16).
    pub no_return_needed: Option<bool>,
    /// What is wished in return.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub wished_return: Option<Option<String>>,
    /// Degrees north; goes with `lon`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<f64>, minimum = -90, maximum = 90)]
    pub lat: Option<Option<f64>>,
    /// Degrees east; goes with `lat`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<f64>, minimum = -180, maximum = 180)]
    pub lon: Option<Option<f64>>,
}

/// Tells a field that is `null` from one that is not there.
#[allow(
    clippy::option_option,
    reason = "keep, take away and replace are three things"
)]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl TryFrom<NewPost> for PostContent {
    type Error = CommandError;

    fn try_from(new: NewPost) -> Result<Self, CommandError> {
        Ok(Self {
            title: Title::parse(&new.title)?,
            description: Description::parse(&new.description)?,
            category: new.category,
            tags: Tags::parse(&new.tags)?,
            prefecture: new.prefecture,
            city: City::parse_optional(new.city.as_deref())?,
            modes: Modes {
                online: new.online,
                offline: new.offline,
            },
            no_return_needed: new.no_return_needed,
            wished_return: ReturnText::parse_optional(new.wished_return.as_deref())?,
            place: place(new.lat, new.lon)?,
        })
    }
}

impl TryFrom<PostChanges> for PostPatch {
    type Error = CommandError;

    fn try_from(changes: PostChanges) -> Result<Self, CommandError> {
        let PostChanges {
            title,
            description,
            tags,
            city,
            wished_return,
            ..
        } = changes;
        let place = match (changes.lat, changes.lon) {
            (None, None) => None,
            (lat, lon) => Some(place(lat.flatten(), lon.flatten())?),
        };
        let city = city
            .map(|city| City::parse_optional(city.as_deref()))
            .transpose()?;
        let wished_return = wished_return
            .map(|wished| ReturnText::parse_optional(wished.as_deref()))
            .transpose()?;
        Ok(Self {
            title: title.as_deref().map(Title::parse).transpose()?,
            description: description.as_deref().map(Description::parse).transpose()?,
            category: changes.category,
            tags: tags.as_deref().map(Tags::parse).transpose()?,
            prefecture: changes.prefecture,
            city,
            online: changes.online,
            offline: changes.offline,
            no_return_needed: changes.no_return_needed,
            wished_return,
            place,
        })
    }
}

fn place(lat: Option<f64>, lon: Option<f64>) -> Result<Option<Place>, CommandError> {
    match (lat, lon) {
        (None, None) => Ok(None),
        (Some(lat), Some(lon)) => Ok(Some(rounded_place(lat, lon)?)),
        (Some(_), None) | (None, Some(_)) => Err(Refusal::half_a_place().into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_field_that_is_not_sent_stays_and_null_takes_it_away() {
        let changes: PostChanges =
            serde_json::from_str(r#"{"city":null,"lat":1,"lon":2}"#).unwrap();
        let Ok(patch) = PostPatch::try_from(changes) else {
            panic!("refused")
        };
        assert_eq!(patch.city, Some(None));
        assert_eq!(patch.wished_return, None);
        assert_eq!(patch.place, Some(Some(Place { lat: 1.0, lon: 2.0 })));
    }

    #[test]
    fn latitude_and_longitude_are_given_together() {
        let changes: PostChanges = serde_json::from_str(r#"{"lat":1}"#).unwrap();
        let Err(CommandError::Refused(refusal)) = PostPatch::try_from(changes) else {
            panic!("taken")
        };
        assert_eq!(refusal.code, "half-a-place");
        assert_eq!(place(None, None), Ok(None));
        assert!(matches!(
            place(Some(91.0), Some(0.0)),
            Err(CommandError::Refused(_))
        ));
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_in_both_languages() {
        let error = CommandError::from(Title::parse(&"長".repeat(81)).unwrap_err());
        let CommandError::Refused(refusal) = error else {
            panic!("{error}")
        };
        assert_eq!(refusal.code, "too-long");
        assert!(refusal.ja.contains("80文字"), "{}", refusal.ja);
        let same: meguri_domain::TextError = Title::parse(&"長".repeat(81)).unwrap_err();
        assert_eq!(refusal.en, same.to_string());
    }
}
