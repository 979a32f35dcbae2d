//! How events are declared, and the one enum over all of them.

use serde::Serialize;

use crate::claim::ClaimEvent;
use crate::encoding::{DecodeError, EncodeError, Encoded, Opened, Stored};
use crate::exchange::ExchangeEvent;
use crate::member::MemberEvent;
use crate::post::PostEvent;

/// Everything that can have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To a member.
    Member(MemberEvent),
    /// To a Need or an Offer.
    Post(PostEvent),
    /// In an exchange.
    Exchange(ExchangeEvent),
    /// To a claim on something that only one may hold.
    Claim(ClaimEvent),
}

/// Names of all event types. They are the storage format and never change.
pub const TYPES: &[&str] = &ALL_TYPES;

const ALL_TYPES: [&str;
    MemberEvent::TYPES.len()
        + PostEvent::TYPES.len()
        + ExchangeEvent::TYPES.len()
        + ClaimEvent::TYPES.len()] = join([
    MemberEvent::TYPES,
    PostEvent::TYPES,
    ExchangeEvent::TYPES,
    ClaimEvent::TYPES,
]);

const fn join<const N: usize>(groups: [&[&'static str]; 4]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut next, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[next] = groups[group][index];
            index += 1;
            next += 1;
        }
        group += 1;
    }
    all
}

impl Event {
    /// Name of the event's type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Member(event) => event.type_name(),
            Self::Post(event) => event.type_name(),
            Self::Exchange(event) => event.type_name(),
            Self::Claim(event) => event.type_name(),
        }
    }

    /// Schema number under which [`Event::encode`] writes it.
    pub fn schema(&self) -> u32 {
        match self {
            Self::Member(event) => event.schema(),
            Self::Post(event) => event.schema(),
            Self::Exchange(event) => event.schema(),
            Self::Claim(event) => event.schema(),
        }
    }

    /// The event as the log takes it. A section that is erased has no plaintext any more and is
    /// left out: what is encoded are new events.
    ///
    /// # Errors
    /// None for any event that the domain has decided.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        match self {
            Self::Member(event) => event.encode(),
            Self::Post(event) => event.encode(),
            Self::Exchange(event) => event.encode(),
            Self::Claim(event) => event.encode(),
        }
    }

    /// Reads an event back, of the current schema number or an older one. Fields and sections it
    /// does not know are passed over; they stay in the log, whose bytes nobody touches.
    ///
    /// # Errors
    /// [`DecodeError`] when type or schema number are unknown or the bytes malformed.
    pub fn decode(
        event_type: &str,
        schema: u32,
        data: &str,
        sections: &[(&str, Opened<'_>)],
    ) -> Result<Self, DecodeError> {
        let stored = Stored {
            event_type,
            schema,
            data,
            sections,
        };
        if let Some(event) = ExchangeEvent::decode(&stored) {
            return event.map(Self::Exchange);
        }
        if let Some(event) = PostEvent::decode(&stored) {
            return event.map(Self::Post);
        }
        if let Some(event) = MemberEvent::decode(&stored) {
            return event.map(Self::Member);
        }
        if let Some(event) = ClaimEvent::decode(&stored) {
            return event.map(Self::Claim);
        }
        Err(DecodeError::UnknownType {
            event_type: event_type.to_owned(),
        })
    }

    /// What every event of every schema number looks like, oldest schema first.
    pub fn descriptions() -> Vec<Description> {
        [
            MemberEvent::descriptions(),
            PostEvent::descriptions(),
            ExchangeEvent::descriptions(),
            ClaimEvent::descriptions(),
        ]
        .concat()
    }
}

/// What an event looks like: committed as `catalog.json`, so that a change of shape is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Name of the type.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// Schema number.
    pub schema: u32,
    /// What it tells.
    pub meaning: String,
    /// Fields of the open data.
    pub open: Vec<OpenField>,
    /// Sealed sections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedSection>,
}

/// A field of an event's open data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenField {
    /// Its name.
    pub name: &'static str,
    /// What its values look like.
    pub shape: String,
    /// What it tells.
    pub meaning: String,
}

/// A sealed section of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedSection {
    /// Its name.
    pub name: &'static str,
    /// Retention class of the key.
    pub class: &'static str,
    /// The open field that names the member whose key seals it.
    pub subject: &'static str,
    /// Whether it may be absent.
    pub optional: bool,
    /// The fields of its plaintext and what their values look like; written as an object.
    #[serde(serialize_with = "as_object")]
    pub fields: Vec<(&'static str, &'static str)>,
    /// What it tells.
    pub meaning: String,
}

fn as_object<S: serde::Serializer>(
    fields: &[(&'static str, &'static str)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().copied())
}

/// One type of event. Implemented by [`event!`] only.
pub(crate) trait Fact: Sized {
    /// Name of the type.
    const NAME: &'static str;
    /// Current schema number.
    const SCHEMA: u32;

    /// The event as the log takes it.
    fn encode(&self) -> Result<Encoded, EncodeError>;

    /// Reads the current schema, or an older one through its upcasts.
    fn decode(stored: &Stored<'_>) -> Result<Self, DecodeError>;

    /// Descriptions of all schema numbers, oldest first.
    fn describe(into: &mut Vec<Description>);
}

/// Declares a type of event: its name, its schema number, what is open and what is sealed.
///
/// `from older::Type` names the struct of the schema number before, from which `From` converts:
/// that conversion is the upcast. Sealed fields tell the class and the subject of their key.
macro_rules! event {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $name:ident, schema $schema:literal $(, from $older:ty)?;
        open { $( $(#[doc = $open_doc:literal])+ $open:ident: $open_type:ty, )+ }
        $(sealed {
            $( $(#[doc = $sealed_doc:literal])+
            $sealed:ident: $sealed_type:ty => $class:ident of $subject:ident, )+
        })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $open_doc])+ pub $open: $open_type, )+
            $($( $(#[doc = $sealed_doc])+ pub $sealed: $sealed_type, )+)?
        }

        impl $crate::event::Fact for $name {
            const NAME: &'static str = stringify!($name);
            const SCHEMA: u32 = $schema;

            fn encode(&self) -> Result<$crate::Encoded, $crate::EncodeError> {
                #[derive(serde::Serialize)]
                struct Data<'a> {
                    $( $open: $crate::open::Writing<'a, $open_type>, )+
                }
                let open = Data { $( $open: $crate::open::Writing(&self.$open), )+ };
                let data = serde_json::to_string(&open)
                    .map_err(|source| $crate::EncodeError { part: "data", source })?;
                #[allow(unused_mut, reason = "not every event has a sealed section")]
                let mut sections = Vec::new();
                $($(
                    let name = stringify!($sealed);
                    if let Some(plaintext) =
                        $crate::sealed::SealedField::plaintext(&self.$sealed, name)?
                    {
                        let subject = $crate::MemberId::stream(self.$subject);
                        let class = $crate::KeyClass::$class.code();
                        sections.push($crate::Section { name, subject, class, plaintext });
                    }
                )+)?
                Ok($crate::Encoded { event_type: Self::NAME, schema: Self::SCHEMA, data, sections })
            }

            fn decode(
                stored: &$crate::encoding::Stored<'_>,
            ) -> Result<Self, $crate::DecodeError> {
                #[derive(serde::Deserialize)]
                struct Data {
                    $( #[serde(deserialize_with = "crate::open::read")] $open: $open_type, )+
                }
                if stored.schema != Self::SCHEMA {
                    return event!(@older stored $(, $older)?);
                }
                let data: Data = serde_json::from_str(stored.data)
                    .map_err(|error| stored.malformed_data(&error))?;
                Ok(Self {
                    $( $open: data.$open, )+
                    $($(
                        $sealed: $crate::sealed::SealedField::decode(stored, stringify!($sealed))?,
                    )+)?
                })
            }

            fn describe(into: &mut Vec<$crate::Description>) {
                $( <$older as $crate::event::Fact>::describe(into); )?
                into.push($crate::Description {
                    event_type: Self::NAME,
                    schema: Self::SCHEMA,
                    meaning: concat!($($doc),+).trim().to_owned(),
                    open: vec![$( $crate::OpenField {
                        name: stringify!($open),
                        shape: <$open_type as $crate::Open>::shape(),
                        meaning: concat!($($open_doc),+).trim().to_owned(),
                    }, )+],
                    sealed: vec![$($( $crate::SealedSection {
                        name: stringify!($sealed),
                        class: $crate::KeyClass::$class.code(),
                        subject: stringify!($subject),
                        optional: <$sealed_type as $crate::sealed::SealedField>::OPTIONAL,
                        fields: <$sealed_type as $crate::sealed::SealedField>::fields(
                            stringify!($sealed),
                        ),
                        meaning: concat!($($sealed_doc),+).trim().to_owned(),
                    }, )+)?],
                });
            }
        }
    };
    (@older $stored:ident) => { Err($stored.unknown_schema()) };
    (@older $stored:ident, $older:ty) => {
        <$older as $crate::event::Fact>::decode($stored).map(Self::from)
    };
}

/// Declares the enum over the events of one kind of stream.
macro_rules! events {
    (
        $(#[doc = $doc:literal])+
        pub enum $group:ident in $whole:ident { $($name:ident),+ $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each case is told by the struct of its name")]
        pub enum $group {
            $( $name($name), )+
        }

        impl $group {
            /// Names of the types.
            pub const TYPES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Name of the event's type.
            pub fn type_name(&self) -> &'static str {
                match self { $( Self::$name(_) => stringify!($name), )+ }
            }

            /// Schema number under which it is written.
            pub fn schema(&self) -> u32 {
                match self { $( Self::$name(_) => <$name as $crate::event::Fact>::SCHEMA, )+ }
            }

            pub(crate) fn encode(&self) -> Result<$crate::Encoded, $crate::EncodeError> {
                match self { $( Self::$name(event) => $crate::event::Fact::encode(event), )+ }
            }

            /// `None` for a type of another group.
            pub(crate) fn decode(
                stored: &$crate::encoding::Stored<'_>,
            ) -> Option<Result<Self, $crate::DecodeError>> {
                match stored.event_type {
                    $( stringify!($name) => {
                        Some(<$name as $crate::event::Fact>::decode(stored).map(Self::$name))
                    } )+
                    _ => None,
                }
            }

            pub(crate) fn descriptions() -> Vec<$crate::Description> {
                let mut descriptions = Vec::new();
                $( <$name as $crate::event::Fact>::describe(&mut descriptions); )+
                descriptions
            }
        }

        $(
            impl From<$name> for $group {
                fn from(event: $name) -> Self {
                    Self::$name(event)
                }
            }

            impl From<$name> for $crate::Event {
                fn from(event: $name) -> Self {
                    $crate::Event::$whole(event.into())
                }
            }
        )+

        impl From<$group> for $crate::Event {
            fn from(event: $group) -> Self {
                $crate::Event::$whole(event)
            }
        }
    };
}
