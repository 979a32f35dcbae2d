//! Why a text cannot be taken as it was typed.

/// What was typed, as the interface calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// A member's user name.
    UserName,
    /// A member's nickname.
    Nickname,
    /// A mail address.
    Mail,
    /// The title of a post.
    Title,
    /// The description of a post.
    Description,
    /// A tag of a post.
    Tag,
    /// A city.
    City,
    /// What is wished or done in return.
    Return,
    /// A place.
    Place,
    /// What terms say is going to be done.
    What,
    /// When terms say it is going to be done.
    When,
    /// A message.
    Message,
    /// A reason to cancel or abort.
    Reason,
    /// A word of the vocabulary of search.
    SearchWord,
    /// Thanks, or an evaluation.
    Words,
}

impl Field {
    /// The name in English.
    pub const fn en(self) -> &'static str {
        match self {
            Self::UserName => "user name",
            Self::Nickname => "nickname",
            Self::Mail => "mail address",
            Self::Title => "title",
            Self::Description => "description",
            Self::Tag => "tag",
            Self::City => "city",
            Self::Return => "return",
            Self::Place => "place",
            Self::What => "what",
            Self::When => "when",
            Self::Message => "message",
            Self::Reason => "reason",
            Self::SearchWord => "word",
            Self::Words => "words",
        }
    }

    /// The name in Japanese.
    pub const fn ja(self) -> &'static str {
        match self {
            Self::UserName => "ユーザー名",
            Self::Nickname => "ニックネーム",
            Self::Mail => "メールアドレス",
            Self::Title => "タイトル",
            Self::Description => "説明",
            Self::Tag => "タグ",
            Self::City => "市区町村",
            Self::Return => "お返し",
            Self::Place => "場所",
            Self::What => "内容",
            Self::When => "日時",
            Self::Message => "メッセージ",
            Self::Reason => "理由",
            Self::SearchWord => "語",
            Self::Words => "ひとこと",
        }
    }
}

/// A text cannot be taken as it was typed. Whoever typed it can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing that is seen.
    #[error("the {} is empty", field.en())]
    Empty {
        /// What was typed.
        field: Field,
    },
    /// Fewer characters than it needs.
    #[error("the {} is shorter than {min} characters", field.en())]
    TooShort {
        /// What was typed.
        field: Field,
        /// Fewest characters.
        min: usize,
    },
    /// More characters than it may have.
    #[error("the {} is longer than {max} characters", field.en())]
    TooLong {
        /// What was typed.
        field: Field,
        /// Most characters.
        max: usize,
    },
    /// NUL, an escape, a change of writing direction, or a line break where there is one line.
    #[error(
        "character {number} of the {}, U+{:04X}, is a control character",
        field.en(), u32::from(*found)
    )]
    ControlCharacter {
        /// What was typed.
        field: Field,
        /// The character.
        found: char,
        /// Which it is, from 1.
        number: usize,
    },
    /// A character that shows nothing where it stands, or something else on every machine.
    #[error(
        "character {number} of the {}, U+{:04X}, shows nothing there",
        field.en(), u32::from(*found)
    )]
    HiddenCharacter {
        /// What was typed.
        field: Field,
        /// The character.
        found: char,
        /// Which it is, from 1.
        number: usize,
    },
    /// Anything but lower-case letters, digits and `_`, or no letter at the start.
    #[error("a user name is made of a-z, 0-9 and _, and starts with a letter")]
    NotAUserName,
    /// A name that could be taken for the house itself.
    #[error("this user name is reserved")]
    ReservedUserName,
    /// Not `somebody@some.where`.
    #[error("this is not a mail address")]
    NotAMailAddress,
    /// More tags than a post may have.
    #[error("a post has at most {max} tags")]
    TooManyTags {
        /// Most tags.
        max: usize,
    },
    /// Not on the globe.
    #[error("latitude lies between -90 and 90, longitude between -180 and 180")]
    NotOnTheGlobe,
}

impl TextError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "empty",
            Self::TooShort { .. } => "too-short",
            Self::TooLong { .. } => "too-long",
            Self::ControlCharacter { .. } => "control-character",
            Self::HiddenCharacter { .. } => "hidden-character",
            Self::NotAUserName => "not-a-user-name",
            Self::ReservedUserName => "reserved-user-name",
            Self::NotAMailAddress => "not-a-mail-address",
            Self::TooManyTags { .. } => "too-many-tags",
            Self::NotOnTheGlobe => "not-on-the-globe",
        }
    }

    /// The refusal in Japanese.
    pub fn ja(&self) -> String {
        match self {
            Self::Empty { field } => format!("{}を入力してください。", field.ja()),
            Self::TooShort { field, min } => {
                format!("{}は{min}文字以上で入力してください。", field.ja())
            }
            Self::TooLong { field, max } => {
                format!("{}は{max}文字以内で入力してください。", field.ja())
            }
            Self::ControlCharacter {
                field,
                found,
                number,
            } => format!(
                "{}の{number}文字目に、使えない制御文字（U+{:04X}）が含まれています。",
                field.ja(),
                u32::from(*found)
            ),
            Self::HiddenCharacter {
                field,
                found,
                number,
            } => format!(
                "{}の{number}文字目に、そこでは表示されない文字（U+{:04X}）が含まれています。",
                field.ja(),
                u32::from(*found)
            ),
            Self::NotAUserName => {
                "ユーザー名は英小文字で始め、英小文字・数字・_ だけで入力してください。".to_owned()
            }
            Self::ReservedUserName => "このユーザー名は使えません。".to_owned(),
            Self::NotAMailAddress => "メールアドレスの形が正しくありません。".to_owned(),
            Self::TooManyTags { max } => format!("タグは{max}個までです。"),
            Self::NotOnTheGlobe => {
                "緯度は-90から90、経度は-180から180の間で入力してください。".to_owned()
            }
        }
    }

    /// What was typed.
    pub const fn field(&self) -> Field {
        match self {
            Self::Empty { field }
            | Self::TooShort { field, .. }
            | Self::TooLong { field, .. }
            | Self::ControlCharacter { field, .. }
            | Self::HiddenCharacter { field, .. } => *field,
            Self::NotAUserName | Self::ReservedUserName => Field::UserName,
            Self::NotAMailAddress => Field::Mail,
            Self::TooManyTags { .. } => Field::Tag,
            Self::NotOnTheGlobe => Field::Place,
        }
    }
}
