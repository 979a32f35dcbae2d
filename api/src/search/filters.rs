//! What is searched for, as a query string says it.

use std::str::FromStr;

use meguri_events::Prefecture;
use meguri_http::{Problem, kinds};
use meguri_read_api::search::{SearchKey, SearchNear, SearchQuery, SearchSort};
use meguri_read_api::{Timestamp, codes};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::query;

/// Longest text of a query, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// Widest circle, in kilometres.
const KM_MAX: f64 = 500.0;

/// Radius of a circle that is not given, in kilometres.
const KM_DEFAULT: f64 = 10.0;

/// What to search for. All filters that are given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchFilters {
    /// Words, in any of their writings; without them everything is found.
    #[serde(default)]
    #[param(max_length = 100)]
    q: String,
    /// Needs (コマリゴト) or Offers (デキルコト).
    #[param(schema_with = codes::kind)]
    kind: Option<String>,
    /// What kind of help.
    #[param(schema_with = codes::category)]
    category: Option<String>,
    /// JIS X 0401 code of the prefecture.
    #[param(schema_with = codes::prefecture)]
    prefecture: Option<Prefecture>,
    /// City, ward, town or village, in any of its writings.
    #[param(max_length = 100)]
    city: Option<String>,
    /// How help should be possible (H13-H15); `offline` is by post or in person.
    #[param(schema_with = codes::mode_wanted)]
    mode: Option<String>,
    /// A tag, in any of its writings: width, case and kana make no difference.
    #[param(max_length = 100)]
    tag: Option<String>,
    /// 交換不要: only where nothing is asked in return, or only where something is.
    #[param(schema_with = codes::flag)]
    no_return_needed: Option<String>,
    /// Id of the author.
    #[param(format = Uuid)]
    author: Option<String>,
    /// Degrees north and east of the middle of a circle, such as `35.68,139.77`.
    #[param(pattern = r"^-?[0-9]{1,2}(\.[0-9]{1,6})?,-?[0-9]{1,3}(\.[0-9]{1,6})?$")]
    near: Option<String>,
    /// Radius of the circle in kilometres, above 0 and at most 500; 10 if `near` comes alone.
    #[param(schema_with = codes::kilometres)]
    km: Option<String>,
    /// Posted then or later, RFC 3339.
    #[serde(default, deserialize_with = "query::since")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// What comes first: what fits best, the newest, or the nearest (with `near`).
    #[param(schema_with = codes::search_sort)]
    sort: Option<String>,
    /// Most entries of the page.
    #[serde(default = "query::limit_default", deserialize_with = "query::limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
    /// `next` of the page before.
    #[param(pattern = "^s(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$")]
    cursor: Option<String>,
}

impl SearchFilters {
    pub(super) fn query(self) -> Result<SearchQuery, Problem> {
        within("q", &self.q)?;
        for (name, text) in [("city", &self.city), ("tag", &self.tag)] {
            within(name, text.as_deref().unwrap_or_default())?;
        }
        let near = self.near()?;
        let sort = self.sort(near.is_some())?;
        Ok(SearchQuery {
            text: self.q,
            kind: query::code("kind", self.kind.as_deref())?,
            category: query::code("category", self.category.as_deref())?,
            prefecture: self.prefecture,
            city: self.city,
            mode: query::code("mode", self.mode.as_deref())?,
            tag: self.tag,
            no_return_needed: parsed("no_return_needed", self.no_return_needed.as_deref())?,
            author: parsed("author", self.author.as_deref())?,
            not_authors: Vec::new(),
            near,
            since: self.since,
            sort,
            after: parsed::<SearchKey>("cursor", self.cursor.as_deref())?,
            limit: self.limit,
        })
    }

    fn near(&self) -> Result<Option<SearchNear>, Problem> {
        let km = self.km.as_deref().map(|km| {
            let not_a_number = || bad("km", "数値で指定してください", "has to be a number");
            decimal(km).ok_or_else(not_a_number)
        });
        let km = km.transpose()?;
        let Some(near) = &self.near else {
            return match km {
                Some(_) => Err(bad("km", "near と一緒に指定してください", "goes with near")),
                None => Ok(None),
            };
        };
        let not_there = || {
            bad(
                "near",
                "緯度,経度 の形です",
                "is latitude,longitude in degrees",
            )
        };
        let (lat, lon) = near.split_once(',').ok_or_else(not_there)?;
        let number = |text: &str| decimal(text).ok_or_else(not_there);
        let (lat, lon) = (number(lat)?, number(lon)?);
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            return Err(not_there());
        }
        let km = km.unwrap_or(KM_DEFAULT);
        if !(km > 0.0 && km <= KM_MAX) {
            return Err(bad(
                "km",
                "0より大きく500までです",
                "is above 0 and at most 500",
            ));
        }
        Ok(Some(SearchNear { lat, lon, km }))
    }

    fn sort(&self, near: bool) -> Result<SearchSort, Problem> {
        match self.sort.as_deref() {
            None | Some("relevance") => Ok(SearchSort::Relevance),
            Some("newest") => Ok(SearchSort::Newest),
            Some("nearest") if near => Ok(SearchSort::Nearest),
            Some("nearest") => Err(bad(
                "sort",
                "nearest は near と一緒に指定してください",
                "nearest goes with near",
            )),
            Some(_) => Err(bad(
                "sort",
                "relevance, newest, nearest のいずれかです",
                "is relevance, newest or nearest",
            )),
        }
    }
}

/// A text that is not too long.
pub(super) fn within(name: &str, text: &str) -> Result<(), Problem> {
    if text.chars().nth(TEXT_CHARS_MAX).is_none() {
        return Ok(());
    }
    Err(bad(
        name,
        &format!("{TEXT_CHARS_MAX}文字までです"),
        &format!("has at most {TEXT_CHARS_MAX} characters"),
    ))
}

/// A decimal fraction in plain digits: no sign but `-`, no exponent, no zeros before it.
fn decimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let plain = all_digits(whole) && all_digits(fraction);
    let short = whole == "0" || !whole.starts_with('0');
    text.parse().ok().filter(|_| plain && short)
}

fn parsed<T: FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| {
        bad(
            name,
            "の形が正しくありません",
            "has not the form that it should",
        )
    })
}

/// A filter that says nothing.
pub(super) fn bad(name: &str, ja: &str, en: &str) -> Problem {
    Problem::new(kinds::BAD_REQUEST).detail(format!("{name}: {ja}"), format!("{name} {en}"))
}
