//! What people type: one type for each kind of text, with its limit.

mod characters;
mod error;
mod opaque;

use std::collections::BTreeSet;
use std::fmt;

use meguri_events::composed;
use unicode_normalization::UnicodeNormalization;

use characters::{Forbidden, first_forbidden, is_blank, is_ignorable, shows};
pub use error::{Field, TextError};
pub use opaque::{NotOpaque, opaque_string};

/// Most characters of a nickname.
pub const NICKNAME_CHARS_MAX: usize = 30;
/// Most characters of a post's title.
pub const TITLE_CHARS_MAX: usize = 80;
/// Most characters of a post's description.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Most characters of a tag.
pub const TAG_CHARS_MAX: usize = 30;
/// Most tags of a post.
pub const TAGS_MAX: usize = 10;
/// Most characters of a city's name.
pub const CITY_CHARS_MAX: usize = 50;
/// Most characters of what is wished or done in return.
pub const RETURN_CHARS_MAX: usize = 500;
/// Most characters of what terms say is going to be done.
pub const WHAT_CHARS_MAX: usize = 1_000;
/// Most characters of when terms say it is going to be done.
pub const WHEN_CHARS_MAX: usize = 200;
/// Most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// Most characters of a reason to cancel or abort.
pub const REASON_CHARS_MAX: usize = 500;
/// Most characters of a word of the vocabulary of search.
pub const SEARCH_WORD_CHARS_MAX: usize = 30;
/// Most characters of thanks and of an evaluation.
pub const WORDS_CHARS_MAX: usize = 1_000;

/// A text on one line, trimmed, in NFC; something of it is seen.
fn one_line(typed: &str, field: Field, max: usize) -> Result<String, TextError> {
    taken(composed(typed).trim_matches(is_blank), field, max, false)
}

/// A text that may have several lines, trimmed, in NFC; something of it is seen. All that Unicode
/// has for the end of a line (UAX #14) becomes `\n`.
fn many_lines(typed: &str, field: Field, max: usize) -> Result<String, TextError> {
    let text = composed(typed).replace("\r\n", "\n");
    let line_ends = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = text.replace(line_ends, "\n");
    taken(text.trim_matches(is_blank), field, max, true)
}

fn taken(text: &str, field: Field, max: usize, lines: bool) -> Result<String, TextError> {
    if !text.chars().any(shows) {
        return Err(TextError::Empty { field });
    }
    let chars: Vec<char> = text.chars().take(max + 1).collect();
    if chars.len() > max {
        return Err(TextError::TooLong { field, max });
    }
    match first_forbidden(&chars, lines) {
        None => Ok(text.to_owned()),
        Some((at, forbidden)) => {
            let (found, number) = (chars[at], at + 1);
            Err(match forbidden {
                Forbidden::Control => TextError::ControlCharacter {
                    field,
                    found,
                    number,
                },
                Forbidden::Hidden => TextError::HiddenCharacter {
                    field,
                    found,
                    number,
                },
            })
        }
    }
}

macro_rules! text {
    ($(#[doc = $doc:literal])+ $name:ident, $lines:ident, $field:expr, $max:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes what was typed, trimmed and in NFC.
            ///
            /// # Errors
            /// [`TextError`] when nothing of it is seen, when it is too long, or holds a character
            /// that controls something or shows nothing.
            pub fn parse(typed: &str) -> Result<Self, TextError> {
                $lines(typed, $field, $max).map(Self)
            }

            /// Takes what was typed; nothing, when that is only space.
            ///
            /// # Errors
            /// [`TextError`] as for a text that has to be there.
            pub fn parse_optional(typed: Option<&str>) -> Result<Option<Self>, TextError> {
                typed.filter(|typed| !typed.chars().all(is_blank)).map(Self::parse).transpose()
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Debug for $name {
            /// Does not show the text.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

text!(
    /// What others call a member.
    Nickname, one_line, Field::Nickname, NICKNAME_CHARS_MAX
);
text!(
    /// The title of a post.
    Title, one_line, Field::Title, TITLE_CHARS_MAX
);
text!(
    /// The description of a post.
    Description, many_lines, Field::Description, DESCRIPTION_CHARS_MAX
);
text!(
    /// A word to find a post by.
    Tag, one_line, Field::Tag, TAG_CHARS_MAX
);
text!(
    /// A city, ward, town or village.
    City, one_line, Field::City, CITY_CHARS_MAX
);
text!(
    /// What is wished, or done, in return.
    ReturnText, many_lines, Field::Return, RETURN_CHARS_MAX
);
text!(
    /// What terms say is going to be done.
    WhatText, many_lines, Field::What, WHAT_CHARS_MAX
);
text!(
    /// When terms say it is going to be done.
    WhenText, one_line, Field::When, WHEN_CHARS_MAX
);
text!(
    /// A message in a room.
    MessageText, many_lines, Field::Message, MESSAGE_CHARS_MAX
);
text!(
    /// Why somebody cancels or aborts.
    Reason, many_lines, Field::Reason, REASON_CHARS_MAX
);
text!(
    /// A word of the vocabulary of search.
    SearchWord, one_line, Field::SearchWord, SEARCH_WORD_CHARS_MAX
);
text!(
    /// Thanks, or an evaluation.
    Words, many_lines, Field::Words, WORDS_CHARS_MAX
);

/// A tag as it is compared with others: width, case and what shows nothing make no difference
/// (NFKC, then lower case).
fn form(tag: &str) -> String {
    let seen = tag.nfkc().filter(|c| !is_ignorable(*c));
    seen.flat_map(char::to_lowercase).nfkc().collect()
}

/// The tags of a post: at most [`TAGS_MAX`], none twice, in the order they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// Takes what was typed; empty tags and repetitions are dropped.
    ///
    /// # Errors
    /// [`TextError`] when there are too many tags, or one of them cannot be taken.
    pub fn parse<T: AsRef<str>>(typed: &[T]) -> Result<Self, TextError> {
        let (mut tags, mut forms) = (Vec::new(), BTreeSet::new());
        for tag in typed {
            let tag = tag.as_ref().trim_matches(is_blank);
            let tag = tag.trim_start_matches(['#', '＃']);
            let Some(tag) = Tag::parse_optional(Some(tag))? else {
                continue;
            };
            if !forms.insert(form(tag.as_str())) {
                continue;
            }
            if tags.len() == TAGS_MAX {
                return Err(TextError::TooManyTags { max: TAGS_MAX });
            }
            tags.push(tag);
        }
        Ok(Self(tags))
    }

    /// The tags.
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }
}

impl From<Tags> for Vec<String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().map(String::from).collect()
    }
}
