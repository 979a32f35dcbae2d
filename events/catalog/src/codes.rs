//! Closed sets of words that events carry in the open: a stable code, and labels for people.

/// A text is none of a set's codes. `{}` says so in English, `{:#}` in Japanese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCode {
    /// The codes that are known, separated by `|`.
    pub known: &'static str,
}

impl std::fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if f.alternate() {
            write!(f, "{} のいずれかを指定してください", self.known)
        } else {
            write!(f, "not a known code; one of {} was expected", self.known)
        }
    }
}

impl std::error::Error for UnknownCode {}

/// Declares an enum whose cases have a code for storage and labels for people.
macro_rules! codes {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $( $(#[doc = $case_doc:literal])+
            $case:ident = $code:literal, $ja:literal, $en:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $case_doc])+ $case, )+
        }

        impl $name {
            /// Every case, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];
            const CODES: &'static str = codes!(@join $($code),+);

            /// The code that is stored and sent; it never changes.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$case => $code, )+ }
            }

            /// What the interface shows, in Japanese.
            pub const fn ja(self) -> &'static str {
                match self { $( Self::$case => $ja, )+ }
            }

            /// What the interface shows, in English.
            pub const fn en(self) -> &'static str {
                match self { $( Self::$case => $en, )+ }
            }
        }

        impl std::fmt::Display for $name {
            /// Writes the code.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownCode;

            fn from_str(code: &str) -> Result<Self, $crate::UnknownCode> {
                match code {
                    $( $code => Ok(Self::$case), )+
                    _ => Err($crate::UnknownCode { known: Self::CODES }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Code;
                impl serde::de::Visitor<'_> for Code {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "one of {}", $name::CODES)
                    }

                    fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<$name, E> {
                        code.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Code)
            }
        }

        $crate::open::open_as_serde!($name, $name::CODES);
    };
    (@join $first:literal $(, $rest:literal)*) => { concat!($first $(, "|", $rest)*) };
}
