//! The vocabulary of a community: words that its search keeps whole, and groups of words that it
//! takes for each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most characters of a word and of its reading.
const WORD_CHARS_MAX: usize = 30;

/// The one stream of the vocabulary.
pub const VOCABULARY_STREAM: &str = "vocabulary-search";

/// A text is not a word, or not a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct WordError {
    /// What was expected.
    pub expected: &'static str,
}

/// Declares a text that is a word of a language, and so short that it tells of nobody.
macro_rules! word {
    ($(#[doc = $doc:literal])+ $name:ident, $shape:literal, $expected:literal, $good:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                let good: fn(char) -> bool = $good;
                let short = (1..=WORD_CHARS_MAX).contains(&text.chars().count());
                if short && text.trim() == text && text.chars().all(good) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(WordError { expected: $expected })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        crate::open::open_as_serde!($name, $shape);
    };
}

word!(
    /// A word of the vocabulary, as it is written. It stands in the open: the vocabulary is the
    /// community's, and belongs to no person whose key could be destroyed.
    VocabularyWord,
    "word",
    "a word of 1 to 30 letters and digits; within it `ー・-+#.&'` and spaces",
    |c| c.is_alphanumeric() || "ー・-+#.&' ".contains(c)
);

word!(
    /// How a word is read, in kana.
    Reading,
    "kana",
    "a reading of 1 to 30 kana",
    |c| matches!(c, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー')
);

event! {
    /// An operator added a word that search keeps whole, or gave it another reading.
    pub struct VocabularyWordAdded, schema 1;
    open {
        /// The word.
        word: VocabularyWord,
        /// How it is read, if that is known.
        reading: Option<Reading>,
    }
}

event! {
    /// An operator removed a word from the vocabulary.
    pub struct VocabularyWordRemoved, schema 1;
    open {
        /// The word.
        word: VocabularyWord,
    }
}

event! {
    /// An operator said which words search takes for each other (つながり). The event holds the
    /// whole group.
    pub struct SynonymsGrouped, schema 1;
    open {
        /// The number of the group, from 1.
        group: u32,
        /// Its words.
        words: Vec<VocabularyWord>,
    }
}

event! {
    /// An operator dissolved a group of synonyms.
    pub struct SynonymsUngrouped, schema 1;
    open {
        /// The number of the group.
        group: u32,
    }
}

events! {
    /// What can happen to the vocabulary.
    pub enum VocabularyEvent in Vocabulary {
        VocabularyWordAdded, VocabularyWordRemoved, SynonymsGrouped, SynonymsUngrouped
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_word_is_short_and_on_one_line_and_a_reading_is_kana() {
        for good in [
            "推し活",
            "C++",
            "PayPay",
            "Wi-Fi",
            "子ども食堂",
            "パン・ケーキ",
        ] {
            assert_eq!(good.parse::<VocabularyWord>().unwrap().as_str(), good);
        }
        for bad in ["", " 推し", "推し\n活", "090@docomo", &"長".repeat(31)] {
            assert!(bad.parse::<VocabularyWord>().is_err(), "{bad}");
        }
        assert!("おしかつ".parse::<Reading>().is_ok());
        assert!("オシカツー".parse::<Reading>().is_ok());
        assert!("推し".parse::<Reading>().is_err());
    }
}
