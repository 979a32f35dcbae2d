//! Proof that events of an older schema number are read through their upcasts, in a chain.
#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::declare::Fact;
use crate::encoding::{DecodeError, Opened, Stored};
use crate::ids::MemberId;
use crate::mode::Mode;
use crate::sealed::Sealed;

mod v1 {
    use super::{MemberId, Sealed};

    event! {
        /// As it was first written.
        pub(super) struct Greeted, schema 1;
        open {
            /// The member who greeted.
            by: MemberId,
        }
        sealed {
            /// The greeting.
            text: Sealed<String> => Message of by,
        }
    }
}

mod v2 {
    use super::{MemberId, Mode, Sealed, v1};

    event! {
        /// Tells how.
        pub(super) struct Greeted, schema 2, from v1::Greeted;
        open {
            /// The member who greeted.
            by: MemberId,
            /// How.
            mode: Mode,
        }
        sealed {
            /// The greeting.
            text: Sealed<String> => Message of by,
        }
    }

    impl From<v1::Greeted> for Greeted {
        fn from(old: v1::Greeted) -> Self {
            Self {
                by: old.by,
                mode: Mode::Online,
                text: old.text,
            }
        }
    }
}

event! {
    /// Names the section better, and counts.
    pub(crate) struct Greeted, schema 3, from v2::Greeted;
    open {
        /// The member who greeted.
        by: MemberId,
        /// How.
        mode: Mode,
        /// How often.
        times: u32,
    }
    sealed {
        /// The greeting.
        greeting: Sealed<String> => Message of by,
    }
}

impl From<v2::Greeted> for Greeted {
    fn from(old: v2::Greeted) -> Self {
        Self {
            by: old.by,
            mode: old.mode,
            times: 1,
            greeting: old.text,
        }
    }
}

/// Schema 2 in the release that reads it and writes schema 1 still.
mod ahead {
    use super::{MemberId, Mode, Sealed, v1};

    event! {
        /// Tells how.
        pub(super) struct Greeted, schema 2, from v1::Greeted, written as v1::Greeted;
        open {
            /// The member who greeted.
            by: MemberId,
            /// How.
            mode: Mode,
        }
        sealed {
            /// The greeting.
            text: Sealed<String> => Message of by,
        }
    }

    impl From<v1::Greeted> for Greeted {
        fn from(old: v1::Greeted) -> Self {
            Self {
                by: old.by,
                mode: Mode::Online,
                text: old.text,
            }
        }
    }

    impl From<Greeted> for v1::Greeted {
        fn from(new: Greeted) -> Self {
            Self {
                by: new.by,
                text: new.text,
            }
        }
    }
}

const DATA: &str = r#"{"by":"member-00000000-0000-0000-0000-000000000007"}"#;

fn stored<'a>(schema: u32, data: &'a str, sections: &'a [(&'a str, Opened<'a>)]) -> Stored<'a> {
    Stored {
        event_type: "Greeted",
        schema,
        data,
        sections,
    }
}

fn greeted(greeting: Sealed<String>) -> Greeted {
    let by = MemberId::new(uuid::Uuid::from_u128(7));
    Greeted {
        by,
        mode: Mode::Online,
        times: 1,
        greeting,
    }
}

#[test]
fn the_oldest_schema_is_read_through_every_upcast() {
    let sections = [("text", Opened::Plain(r#"{"text":"こんにちは"}"#.as_bytes()))];
    let event = Greeted::decode(&stored(1, DATA, &sections)).unwrap();
    assert_eq!(event, greeted(Sealed::Known("こんにちは".to_owned())));
}

#[test]
fn an_erased_section_stays_erased_through_upcasts() {
    let event = Greeted::decode(&stored(1, DATA, &[("text", Opened::Erased)])).unwrap();
    assert_eq!(event, greeted(Sealed::Erased));
}

#[test]
fn the_newest_schema_is_what_is_written() {
    let encoded = greeted(Sealed::Known("やあ".to_owned())).encode().unwrap();
    assert_eq!((encoded.event_type, encoded.schema), ("Greeted", 3));
    let sections = [("greeting", Opened::Plain(&encoded.sections[0].plaintext))];
    let event = Greeted::decode(&stored(3, &encoded.data, &sections)).unwrap();
    assert_eq!(event, greeted(Sealed::Known("やあ".to_owned())));
}

#[test]
fn a_schema_can_be_read_by_a_release_that_goes_on_writing_the_one_before() {
    let data = DATA.replace('}', r#","mode":"in_person"}"#);
    let sections = [("text", Opened::Plain(r#"{"text":"やあ"}"#.as_bytes()))];
    let event = ahead::Greeted::decode(&stored(2, &data, &sections)).unwrap();
    assert_eq!(event.mode, Mode::InPerson);
    assert_eq!((ahead::Greeted::SCHEMA, ahead::Greeted::WRITTEN), (2, 1));
    let encoded = event.encode().unwrap();
    assert_eq!((encoded.schema, encoded.data.as_str()), (1, DATA));
    assert_eq!(
        encoded.sections[0].plaintext,
        r#"{"text":"やあ"}"#.as_bytes()
    );
}

#[test]
fn a_schema_newer_than_this_release_is_refused() {
    let unknown = DecodeError::UnknownSchema {
        event_type: "Greeted".to_owned(),
        schema: 4,
    };
    assert_eq!(Greeted::decode(&stored(4, DATA, &[])), Err(unknown));
}

#[test]
fn every_schema_number_is_described_oldest_first() {
    let mut descriptions = Vec::new();
    Greeted::describe(&mut descriptions);
    let schemas: Vec<u32> = descriptions
        .iter()
        .map(|description| description.schema)
        .collect();
    assert_eq!(schemas, [1, 2, 3]);
    assert!(
        descriptions
            .iter()
            .all(|description| description.event_type == "Greeted")
    );
}
