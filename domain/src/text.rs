//! What people type: one type for each kind of text, with its limit.

mod error;

use std::fmt;

pub use error::{Field, TextError};

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
/// Most characters of thanks and of an evaluation.
pub const WORDS_CHARS_MAX: usize = 1_000;

/// A text on one line, trimmed, not empty.
fn one_line(typed: &str, field: Field, max: usize) -> Result<String, TextError> {
    let text = typed.trim();
    if text.chars().any(|c| c.is_control() || turns_direction(c)) {
        return Err(TextError::ControlCharacter { field });
    }
    within(text, field, max)
}

/// A text that may have several lines, trimmed, not empty. Line breaks become `\n`.
fn many_lines(typed: &str, field: Field, max: usize) -> Result<String, TextError> {
    let text = typed.trim().replace("\r\n", "\n").replace('\r', "\n");
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(TextError::ControlCharacter { field });
    }
    within(&text, field, max)
}

fn within(text: &str, field: Field, max: usize) -> Result<String, TextError> {
    if text.chars().all(is_invisible) {
        return Err(TextError::Empty { field });
    }
    if text.chars().nth(max).is_some() {
        return Err(TextError::TooLong { field, max });
    }
    Ok(text.to_owned())
}

/// Characters that alone show nothing. Within a text they have uses: emoji are joined by them.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{3164}' | '\u{feff}'
        )
}

/// Characters that make a name read as another one.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! text {
    ($(#[doc = $doc:literal])+ $name:ident, $lines:ident, $field:expr, $max:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes what was typed, trimmed.
            ///
            /// # Errors
            /// [`TextError`] when it is empty, too long or holds control characters.
            pub fn parse(typed: &str) -> Result<Self, TextError> {
                $lines(typed, $field, $max).map(Self)
            }

            /// Takes what was typed; nothing, when that is only space.
            ///
            /// # Errors
            /// [`TextError`] when it is too long or holds control characters.
            pub fn parse_optional(typed: Option<&str>) -> Result<Option<Self>, TextError> {
                typed.filter(|typed| !typed.trim().is_empty()).map(Self::parse).transpose()
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
    /// Thanks, or an evaluation.
    Words, many_lines, Field::Words, WORDS_CHARS_MAX
);

/// The tags of a post: at most [`TAGS_MAX`], none twice, in the order they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// Takes what was typed; empty tags and repetitions are dropped.
    ///
    /// # Errors
    /// [`TextError`] when there are too many tags, or one of them cannot be taken.
    pub fn parse<T: AsRef<str>>(typed: &[T]) -> Result<Self, TextError> {
        let mut tags = Vec::new();
        for tag in typed {
            let tag = tag.as_ref().trim().trim_start_matches(['#', '＃']);
            let Some(tag) = Tag::parse_optional(Some(tag))? else {
                continue;
            };
            if tags.contains(&tag) {
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
