//! Why something cannot be read, and where it stands: serde's failures in both languages.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use meguri_read_api::Sentence;

use crate::{Problem, kinds};

/// Most characters of a name that are said again to the client who sent it.
const NAME_CHARS_MAX: usize = 60;

/// Why something cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputError {
    /// Names of fields and numbers of entries, the innermost first.
    at: Vec<Step>,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Entry(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    /// It has to be there.
    Missing,
    /// Nothing of this name is known; what is known may be meant.
    Unknown { meant: Option<String> },
    /// It is there more than once.
    Repeated,
    /// It is nested deeper than anything is.
    TooDeep,
    /// It is something else.
    NotA(Shape),
    /// A whole number beyond these.
    OutOfRange { min: i128, max: i128 },
    /// What the type says that is read, in both languages or in English alone.
    Said { ja: Option<String>, en: String },
}

/// What something should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Flag,
    Whole,
    Number,
    Text,
    List,
    Object,
    Nothing,
    Choice,
}

impl Shape {
    const fn ja(self) -> &'static str {
        match self {
            Self::Flag => " true か false ",
            Self::Whole => "整数",
            Self::Number => "数値",
            Self::Text => "文字列",
            Self::List => "配列",
            Self::Object => "オブジェクト",
            Self::Nothing => " null ",
            Self::Choice => "決められた値のひとつ",
        }
    }

    const fn en(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List => "an array",
            Self::Object => "an object",
            Self::Nothing => "null",
            Self::Choice => "one of the known values",
        }
    }
}

impl InputError {
    const fn new(fault: Fault) -> Self {
        Self {
            at: Vec::new(),
            fault,
        }
    }

    /// It should have another shape.
    pub(super) const fn not_a(shape: Shape) -> Self {
        Self::new(Fault::NotA(shape))
    }

    /// A whole number that its type cannot hold.
    pub(super) const fn out_of_range(min: i128, max: i128) -> Self {
        Self::new(Fault::OutOfRange { min, max })
    }

    /// A name that nobody knows here; one of these may be meant.
    pub(super) fn unknown<'a>(name: &str, mut known: impl Iterator<Item = &'a str>) -> Self {
        let meant = known.find(|it| it.eq_ignore_ascii_case(name));
        let meant = meant.map(ToOwned::to_owned);
        Self::new(Fault::Unknown { meant }).in_field(name)
    }

    /// A name that is there more than once.
    pub(super) fn repeated(name: &str) -> Self {
        Self::new(Fault::Repeated).in_field(name)
    }

    /// Percent-encoding that encodes nothing, or no UTF-8.
    pub(super) fn not_encoded() -> Self {
        Self::new(Fault::Said {
            ja: Some("% の符号化が正しくありません".to_owned()),
            en: "the percent-encoding is broken".to_owned(),
        })
    }

    /// An id in another spelling than its own.
    pub(super) fn not_canonical() -> Self {
        Self::new(Fault::Said {
            ja: Some("ID は小文字とハイフンの形で指定してください".to_owned()),
            en: "an id is written in lower case, with its hyphens".to_owned(),
        })
    }

    /// Lists and objects in each other, deeper than anything that is taken.
    pub(super) const fn too_deep() -> Self {
        Self::new(Fault::TooDeep)
    }

    /// The failure as one of what stands in this field.
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.at.push(Step::Name(name.to_owned()));
        self
    }

    /// The failure as one of what stands at this place of a list, counted from 0.
    pub(super) fn in_entry(mut self, number: usize) -> Self {
        self.at.push(Step::Entry(number));
        self
    }

    /// Where it stands: `tags[3]`; nothing for the whole.
    fn place(&self) -> Option<String> {
        let mut place = String::new();
        for step in self.at.iter().rev() {
            match step {
                Step::Name(name) => {
                    let dot = if place.is_empty() { "" } else { "." };
                    place.push_str(dot);
                    // Nothing of a name turns the sentence around, or hides in it.
                    let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
                    let name = if name.is_empty() { "?" } else { name };
                    let shown = name.chars().take(NAME_CHARS_MAX);
                    place.extend(shown.map(|c| if plain(c) { c } else { '?' }));
                }
                Step::Entry(number) => place.extend(["[", &number.to_string(), "]"]),
            }
        }
        (!place.is_empty()).then_some(place)
    }

    /// The sentence for people.
    pub(crate) fn sentence(&self) -> Sentence {
        let place = self.place();
        let ja = place.as_deref().unwrap_or("本文");
        let en = place.as_deref().unwrap_or("the body");
        match &self.fault {
            Fault::Missing => Sentence::new(
                format!("{ja} を指定してください"),
                format!("{en} is missing"),
            ),
            Fault::Unknown { meant: None } => Sentence::new(
                format!("{ja} という項目はありません"),
                format!("{en} is not known here"),
            ),
            Fault::Unknown { meant: Some(meant) } => Sentence::new(
                format!("{ja} という項目はありません（{meant} のことですか）"),
                format!("{en} is not known here; is {meant} meant?"),
            ),
            Fault::Repeated => Sentence::new(
                format!("{ja} が二度指定されています"),
                format!("{en} is given more than once"),
            ),
            Fault::TooDeep => {
                Sentence::new("本文の入れ子が深すぎます", "the body is nested too deeply")
            }
            Fault::NotA(shape) => Sentence::new(
                format!("{ja} は{}で指定してください", shape.ja()),
                format!("{en} has to be {}", shape.en()),
            ),
            Fault::OutOfRange { min, max } => Sentence::new(
                format!("{ja} は{min}から{max}までの整数で指定してください"),
                format!("{en} has to be a whole number from {min} to {max}"),
            ),
            Fault::Said {
                ja: Some(said),
                en: said_en,
            } => Sentence::new(format!("{ja}: {said}"), format!("{en}: {said_en}")),
            Fault::Said { ja: None, en: said } => Sentence::new(
                format!("{ja} の値が正しくありません"),
                format!("{en}: {said}"),
            ),
        }
    }

    /// The problem for a body: valid JSON, but not what the route takes.
    pub(crate) fn of_body(&self) -> Problem {
        self.problem(kinds::INVALID_BODY)
    }

    /// The problem for a query.
    pub(crate) fn of_query(&self) -> Problem {
        self.problem(kinds::BAD_REQUEST)
    }

    fn problem(&self, kind: crate::Kind) -> Problem {
        let Sentence { ja, en } = self.sentence();
        Problem::new(kind).detail(ja, en)
    }
}

impl Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl std::error::Error for InputError {}

impl de::Error for InputError {
    /// A type that knows both languages shows a [`Sentence`], whose `{:#}` is the Japanese.
    fn custom<T: Display>(said: T) -> Self {
        let (en, ja) = (said.to_string(), format!("{said:#}"));
        let ja = Some(ja).filter(|ja| !ja.is_ascii());
        Self::new(Fault::Said { ja, en })
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::not_a(Shape::Choice)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(name, known.iter().copied())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Fault::Missing).in_field(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::repeated(name)
    }
}

impl InputError {
    /// What a type says that it expects, in both languages or in English alone. The value itself
    /// is not said: it may be somebody's password.
    fn expected(expected: &dyn Expected) -> Self {
        let (en, ja) = (format!("expected {expected}"), format!("{expected:#}"));
        let ja = Some(ja).filter(|ja| !ja.is_ascii());
        let ja = ja.map(|ja| format!("{ja}を指定してください"));
        Self::new(Fault::Said { ja, en })
    }

    /// The failure; or, of a type that expects more than any of these numbers, what that is.
    pub(super) fn or_expected(self, numbers: &str, expected: &dyn Expected) -> Self {
        if expected.to_string() == numbers {
            self
        } else {
            Self::expected(expected)
        }
    }
}
