//! How events are declared: `event!` for a type, `events!` for all of one kind of stream.

use crate::description::Description;
use crate::encoding::{DecodeError, EncodeError, Encoded, Stored};

/// One type of event. Implemented by [`event!`] only.
pub(crate) trait Fact: Sized {
    /// Name of the type.
    const NAME: &'static str;
    /// The schema number of this struct.
    const SCHEMA: u32;
    /// The schema number that events are written with.
    const WRITTEN: u32;

    /// The event as the log takes it.
    fn encode(&self) -> Result<Encoded, EncodeError>;

    /// The event as the log takes it with the schema number of this struct.
    fn encode_this(&self) -> Result<Encoded, EncodeError>;

    /// Reads the current schema, or an older one through its upcasts.
    fn decode(stored: &Stored<'_>) -> Result<Self, DecodeError>;

    /// Descriptions of all schema numbers, oldest first.
    fn describe(into: &mut Vec<Description>);
}

/// Declares a type of event: its name, its schema number, what is open and what is sealed.
///
/// `from older::Type` names the struct of the schema number before, from which `From` converts:
/// that conversion is the upcast. `written as older::Type` goes on writing that number, into which
/// `From` converts back: for the release that can read a number before there is one that writes it.
/// Sealed fields tell the class and the subject of their key.
macro_rules! event {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $name:ident, schema $schema:literal
            $(, from $older:ty)? $(, written as $written:ty)?;
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

        impl $crate::declare::Fact for $name {
            const NAME: &'static str = stringify!($name);
            const SCHEMA: u32 = $schema;
            const WRITTEN: u32 = event!(@written Self $(, $written)?);

            fn encode(&self) -> Result<$crate::Encoded, $crate::EncodeError> {
                event!(@encode self $(, $written)?)
            }

            fn encode_this(&self) -> Result<$crate::Encoded, $crate::EncodeError> {
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
                $( <$older as $crate::declare::Fact>::describe(into); )?
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
    (@written $this:ty) => { <$this as $crate::declare::Fact>::SCHEMA };
    (@written $this:ty, $written:ty) => { <$written as $crate::declare::Fact>::SCHEMA };
    (@encode $event:expr) => { $crate::declare::Fact::encode_this($event) };
    (@encode $event:expr, $written:ty) => {
        $crate::declare::Fact::encode_this(&<$written>::from($event.clone()))
    };
    (@older $stored:ident) => { Err($stored.unknown_schema()) };
    (@older $stored:ident, $older:ty) => {
        <$older as $crate::declare::Fact>::decode($stored).map(Self::from)
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
                match self { $( Self::$name(_) => <$name as $crate::declare::Fact>::WRITTEN, )+ }
            }

            pub(crate) fn encode(&self) -> Result<$crate::Encoded, $crate::EncodeError> {
                match self { $( Self::$name(event) => $crate::declare::Fact::encode(event), )+ }
            }

            /// `None` for a type of another group.
            pub(crate) fn decode(
                stored: &$crate::encoding::Stored<'_>,
            ) -> Option<Result<Self, $crate::DecodeError>> {
                match stored.event_type {
                    $( stringify!($name) => {
                        Some(<$name as $crate::declare::Fact>::decode(stored).map(Self::$name))
                    } )+
                    _ => None,
                }
            }

            pub(crate) fn descriptions() -> Vec<$crate::Description> {
                let mut descriptions = Vec::new();
                $( <$name as $crate::declare::Fact>::describe(&mut descriptions); )+
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
