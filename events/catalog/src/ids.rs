//! Typed ids of what events speak of, and the streams they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Category of claim streams. Their names are keyed hashes, so a claim has no id of its own.
pub const CLAIM_CATEGORY: &str = "claim";

/// A text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a {expected}")]
pub struct IdError {
    /// The category that was expected, such as `member`.
    pub expected: &'static str,
}

/// A UUID in its one spelling: lower case, with hyphens. Others name the same (RFC 9562, 4), and
/// would make several names of one stream.
fn canonical(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.hyphenated().to_string() == text).then_some(uuid)
}

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident in $category:literal) => {
        $(#[doc = $doc])+
        ///
        /// Text and JSON form: the bare UUID. In the log (stream names, event data) it is written
        /// with its category in front, as every other reference there.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Category of the stream, and prefix of the id in the log.
            pub const CATEGORY: &'static str = $category;

            /// The id with this UUID.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID alone.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Name of the stream: `<category>-<uuid>`.
            pub fn stream(self) -> String {
                format!(concat!($category, "-{}"), self.0)
            }

            /// Reads the name of a stream of this category; `None` for any other.
            pub fn from_stream(stream: &str) -> Option<Self> {
                let uuid = stream.strip_prefix(concat!($category, "-"))?;
                canonical(uuid).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                canonical(text).map(Self).ok_or(IdError { expected: $category })
            }
        }
    };
}

id!(
    /// A member of the community.
    MemberId in "member"
);
id!(
    /// A Need (コマリゴト).
    NeedId in "need"
);
id!(
    /// An Offer (デキルコト).
    OfferId in "offer"
);
id!(
    /// One act of help between two members, with its room.
    ExchangeId in "exchange"
);

impl MemberId {
    /// Name of the stream that says who opened this member's sealed text: `access-<uuid>`.
    pub fn access_stream(self) -> String {
        format!("access-{}", self.0)
    }

    /// Name of the stream that says which new posts this member was told of: `match-<uuid>`.
    pub fn match_stream(self) -> String {
        format!("match-{}", self.0)
    }

    /// Name of the stream that says whether one of these two members blocks the other (C12):
    /// `block-<uuid>_<uuid>`, the same whoever of them is asked for it.
    pub fn block_stream(self, other: Self) -> String {
        format!("block-{}_{}", self.0.min(other.0), self.0.max(other.0))
    }

    /// Whether a stream is that of blocks between this member and another.
    pub fn is_of_block_stream(self, stream: &str) -> bool {
        let pair = stream.strip_prefix("block-");
        let pair = pair.and_then(|pair| pair.split_once('_'));
        pair.is_some_and(|(one, other)| [one, other].contains(&self.to_string().as_str()))
    }
}

/// A Need or an Offer. Text and JSON form: `need-<uuid>` or `offer-<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PostId {
    /// Something a member needs help with.
    Need(NeedId),
    /// Something a member can do for others.
    Offer(OfferId),
}

impl PostId {
    /// The id without its category.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Need(need) => need.uuid(),
            Self::Offer(offer) => offer.uuid(),
        }
    }

    /// Name of the post's stream.
    pub fn stream(self) -> String {
        self.to_string()
    }

    /// Reads the name of a stream of a Need or an Offer; `None` for any other.
    pub fn from_stream(stream: &str) -> Option<Self> {
        NeedId::from_stream(stream)
            .map(Self::Need)
            .or_else(|| OfferId::from_stream(stream).map(Self::Offer))
    }
}

impl From<NeedId> for PostId {
    fn from(need: NeedId) -> Self {
        Self::Need(need)
    }
}

impl From<OfferId> for PostId {
    fn from(offer: OfferId) -> Self {
        Self::Offer(offer)
    }
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Need(need) => write!(f, "{}-{need}", NeedId::CATEGORY),
            Self::Offer(offer) => write!(f, "{}-{offer}", OfferId::CATEGORY),
        }
    }
}

impl FromStr for PostId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::from_stream(text).ok_or(IdError {
            expected: "need or offer",
        })
    }
}

impl Serialize for PostId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PostId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
