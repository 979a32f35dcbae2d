//! The 47 prefectures of Japan by their JIS X 0401 code.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NAMES: [(&str, &str); 47] = [
    ("北海道", "Hokkaido"),
    ("青森県", "Aomori"),
    ("岩手県", "Iwate"),
    ("宮城県", "Miyagi"),
    ("秋田県", "Akita"),
    ("山形県", "Yamagata"),
    ("福島県", "Fukushima"),
    ("茨城県", "Ibaraki"),
    ("栃木県", "Tochigi"),
    ("群馬県", "Gunma"),
    ("埼玉県", "Saitama"),
    ("千葉県", "Chiba"),
    ("東京都", "Tokyo"),
    ("神奈川県", "Kanagawa"),
    ("新潟県", "Niigata"),
    ("富山県", "Toyama"),
    ("石川県", "Ishikawa"),
    ("福井県", "Fukui"),
    ("山梨県", "Yamanashi"),
    ("長野県", "Nagano"),
    ("岐阜県", "Gifu"),
    ("静岡県", "Shizuoka"),
    ("愛知県", "Aichi"),
    ("三重県", "Mie"),
    ("滋賀県", "Shiga"),
    ("京都府", "Kyoto"),
    ("大阪府", "Osaka"),
    ("兵庫県", "Hyogo"),
    ("奈良県", "Nara"),
    ("和歌山県", "Wakayama"),
    ("鳥取県", "Tottori"),
    ("島根県", "Shimane"),
    ("岡山県", "Okayama"),
    ("広島県", "Hiroshima"),
    ("山口県", "Yamaguchi"),
    ("徳島県", "Tokushima"),
    ("香川県", "Kagawa"),
    ("愛媛県", "Ehime"),
    ("高知県", "Kochi"),
    ("福岡県", "Fukuoka"),
    ("佐賀県", "Saga"),
    ("長崎県", "Nagasaki"),
    ("熊本県", "Kumamoto"),
    ("大分県", "Oita"),
    ("宮崎県", "Miyazaki"),
    ("鹿児島県", "Kagoshima"),
    ("沖縄県", "Okinawa"),
];

/// A code is not that of a prefecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a prefecture is a JIS X 0401 code from 1 to 47")]
pub struct PrefectureError;

/// One of the 47 prefectures. JSON form: its JIS X 0401 code as a number, 1 to 47.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefecture(u8);

impl Prefecture {
    /// The prefecture with this code.
    ///
    /// # Errors
    /// Refuses anything but 1 to 47.
    pub fn from_code(code: u8) -> Result<Self, PrefectureError> {
        if (1..=47).contains(&code) {
            Ok(Self(code))
        } else {
            Err(PrefectureError)
        }
    }

    /// All of them, from north to south.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=47).map(Self)
    }

    /// The JIS X 0401 code, 1 to 47.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The name in Japanese, such as 東京都.
    pub fn ja(self) -> &'static str {
        self.names().0
    }

    /// The name in English, such as Tokyo.
    pub fn en(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        NAMES[usize::from(self.0) - 1]
    }
}

impl fmt::Display for Prefecture {
    /// Writes the code with two digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl FromStr for Prefecture {
    type Err = PrefectureError;

    fn from_str(code: &str) -> Result<Self, PrefectureError> {
        code.parse()
            .map_err(|_| PrefectureError)
            .and_then(Self::from_code)
    }
}

impl Serialize for Prefecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Prefecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl Visitor<'_> for Code {
            type Value = Prefecture;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Code that shows it to people asks for the Japanese with `{:#}`.
                f.write_str(if f.alternate() {
                    "都道府県コード（JIS X 0401、1から47）"
                } else {
                    "the JIS X 0401 code of a prefecture, 1 to 47"
                })
            }

            fn visit_u64<E: Error>(self, code: u64) -> Result<Prefecture, E> {
                let known = u8::try_from(code).ok().map(Prefecture::from_code);
                known
                    .and_then(Result::ok)
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(code), &self))
            }
        }
        deserializer.deserialize_u8(Code)
    }
}

crate::open::open_as_serde!(Prefecture, "JIS X 0401 code, 1 to 47");
