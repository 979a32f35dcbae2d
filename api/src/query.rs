//! What queries have in common: which page, how fresh, as of when; and how they are read.

use std::borrow::Cow;

use meguri_http::{Problem, kinds};
use meguri_read_api::list::{LIMIT_DEFAULT, LIMIT_MAX, Part};
use meguri_read_api::{AsOf, Freshness, POSITION_MAX, Position, Sentence, Timestamp, codes};
use serde::{Deserialize, Deserializer, de};
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Most entries of the page.
    #[serde(default = "limit_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^p(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
}

impl PageQuery {
    /// The part of the list.
    ///
    /// # Errors
    /// 400 for a cursor that no page has given out.
    pub(crate) fn part(&self) -> Result<Part, Problem> {
        let after = self.cursor.as_deref().map(str::parse).transpose();
        let after = after.map_err(|_| {
            Problem::new(kinds::BAD_REQUEST).detail(
                "cursor は前のページの next をそのまま渡してください",
                "cursor is `next` of the page before, as it is",
            )
        })?;
        let limit = self.limit;
        Ok(Part { after, limit })
    }
}

/// How fresh an answer has to be.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MinPosition {
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

impl From<MinPosition> for Freshness {
    fn from(MinPosition { min_position }: MinPosition) -> Self {
        Self::at_least(min_position)
    }
}

/// Which moment an answer shows.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct When {
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "as_of")]
    #[param(schema_with = codes::as_of)]
    as_of: Option<AsOf>,
}

impl From<When> for Freshness {
    fn from(when: When) -> Self {
        Self {
            min_position: when.min_position,
            as_of: when.as_of,
        }
    }
}

/// Reads a whole number of a query. `285.0` is one too: JSON Schema does not tell it from `285`.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    whole_number(&text).map(Some).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            format!("0から{POSITION_MAX}までの整数で指定してください"),
            format!("expected a whole number from 0 to {POSITION_MAX}"),
        ))
    })
}

/// A whole number in its one writing: neither a sign nor zeros before it.
fn whole_number(text: &str) -> Option<u64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            digits
        }
        Some(_) | None => text,
    };
    let number: u64 = digits.parse().ok()?;
    (number <= POSITION_MAX && number.to_string() == digits).then_some(number)
}

/// Reads a moment of a query: a position, or a time.
pub(crate) fn as_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AsOf>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    if let Some(position) = whole_number(&text) {
        return Ok(Some(AsOf::Position(Position::new(position))));
    }
    time(&text).map(|at| Some(AsOf::Time(at))).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            "記録の位置か、2026-11-21T16:02:03+09:00 のような日時で指定してください",
            "expected a position, or a time such as 2026-11-21T16:02:03+09:00",
        ))
    })
}

/// Reads a time of a query.
pub(crate) fn since<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    time(&text).map(Some).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            "2026-11-21T16:02:03+09:00 のような日時で指定してください",
            "expected a time such as 2026-11-21T16:02:03+09:00",
        ))
    })
}

/// A time in RFC 3339. The `+` of its offset has become a space where it was not encoded; no time
/// has a space there.
fn time(text: &str) -> Option<Timestamp> {
    const OFFSET: usize = "+09:00".len();
    let sign = text.len().checked_sub(OFFSET)?;
    if text.as_bytes().get(sign) == Some(&b' ') {
        let (at, offset) = text.split_at_checked(sign)?;
        return format!("{at}+{}", offset.trim_start()).parse().ok();
    }
    text.parse().ok()
}

/// Reads `limit`: 1 to [`LIMIT_MAX`].
pub(crate) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let asked = whole(deserializer)?;
    let limit = asked.and_then(|asked| u32::try_from(asked).ok());
    match limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)) {
        Some(limit) => Ok(limit),
        None => Err(de::Error::custom(Sentence::new(
            format!("1から{LIMIT_MAX}までの整数で指定してください"),
            format!("expected a whole number from 1 to {LIMIT_MAX}"),
        ))),
    }
}

/// The limit of a reader who did not ask for one.
pub(crate) fn limit_default() -> u32 {
    LIMIT_DEFAULT
}

/// Reads a filter of the query.
///
/// # Errors
/// 400 where the text is none of the codes.
pub(crate) fn code<T>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.map(str::parse).transpose().map_err(|error| {
        let ja = Some(format!("{error:#}")).filter(|ja| !ja.is_ascii());
        let ja = ja.unwrap_or_else(|| "指定できない値です".to_owned());
        Problem::new(kinds::BAD_REQUEST).detail(
            format!("{name}: {ja}"),
            format!("{name} cannot be read: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[derive(Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "whole")]
        min_position: Option<u64>,
        #[serde(default, deserialize_with = "as_of")]
        as_of: Option<AsOf>,
    }

    fn asked(query: &str) -> Result<Option<u64>, u16> {
        let uri = format!("/?{query}").parse().unwrap();
        axum::extract::Query::<Asked>::try_from_uri(&uri)
            .map(|query| query.0.min_position)
            .map_err(|rejection| rejection.status().as_u16())
    }

    #[test]
    fn a_position_is_a_whole_number_however_json_writes_it() {
        assert_eq!(asked(""), Ok(None));
        assert_eq!(asked("min_position=285"), Ok(Some(285)));
        assert_eq!(asked("min_position=285.0"), Ok(Some(285)));
        for bad in ["", "-1", "+1", "1.5", "1.", "x", "9007199254740992"] {
            assert_eq!(asked(&format!("min_position={bad}")), Err(400), "{bad}");
        }
    }

    #[test]
    fn a_moment_is_a_position_or_a_time_however_its_plus_came_through() {
        let asked = |text: &str| {
            let uri = format!("/?as_of={text}").parse().unwrap();
            let asked = axum::extract::Query::<Asked>::try_from_uri(&uri);
            asked.ok().and_then(|query| query.0.as_of)
        };
        let position = AsOf::Position(Position::new(285));
        assert_eq!(asked("285"), Some(position));
        assert_eq!(asked("285.0"), Some(position));
        let time = AsOf::Time("2026-11-21T07:02:03Z".parse().unwrap());
        for same in [
            "07:02:03Z",
            "16:02:03%2B09:00",
            "16:02:03+09:00",
            "06:02:03-01:00",
        ] {
            assert_eq!(asked(&format!("2026-11-21T{same}")), Some(time), "{same}");
        }
        for bad in [
            "",
            "-1",
            "+1",
            "yesterday",
            "2026-11-21",
            "9007199254740992",
        ] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
