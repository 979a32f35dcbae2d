//! Deep redaction: an event of which a court order left nothing but its place and its entry.

use crate::plain::plain_text;

/// The bytes of an entry.
const ENTRY_BYTES: usize = 33;

plain_text!(
    /// The stream in which the event stands.
    StreamRef,
    "<category>-<id>",
    "the name of a stream",
    |text| {
        let id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        text.len() <= 128
            && text.split_once('-').is_some_and(|(category, rest)| {
                !category.is_empty()
                    && category.bytes().all(|byte| byte.is_ascii_lowercase())
                    && !rest.is_empty()
                    && rest.bytes().all(id)
            })
    }
);

plain_text!(
    /// The name of a type of event.
    TypeRef,
    "name of a type",
    "the name of a type of event",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
);

plain_text!(
    /// The reference of an order, such as a case number. What the order says stays out of the log:
    /// no key could be destroyed for it.
    OrderRef,
    "reference of an order",
    "the reference of an order, such as 2026-wa-1234: 1 to 64 letters, digits, `-`, `_`, `.` and \
     `/`, at least one of them a digit",
    |text| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        (1..=64).contains(&text.len())
            && text.bytes().all(good)
            && text.bytes().any(|byte| byte.is_ascii_digit())
    }
);

plain_text!(
    /// The entry of an event in the log's tree: 33 bytes, in hexadecimal.
    EntryHex,
    "33 bytes in hexadecimal",
    "33 bytes in hexadecimal, in small letters",
    |text| {
        text.len() == 2 * ENTRY_BYTES
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
);

impl EntryHex {
    /// The entry of these bytes.
    pub fn new(entry: &[u8; ENTRY_BYTES]) -> Self {
        let halves = entry.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digits = halves.filter_map(|half| char::from_digit(u32::from(half), 16));
        Self(digits.collect())
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => byte - b'0',
            _ => byte.wrapping_sub(b'a').wrapping_add(10),
        };
        let mut bytes = [0; ENTRY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(self.0.as_bytes().chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, half| byte << 4 | digit(*half));
        }
        bytes
    }
}

event! {
    /// An event was emptied, as a court ordered: its header, its blind and what was sealed are
    /// gone, and its entry stays in the tree. It is told in the stream of that event.
    pub struct EventRedacted, schema 1;
    open {
        /// Where the event stands.
        position: u64,
        /// Its stream.
        stream: StreamRef,
        /// Its version in the stream.
        version: u64,
        /// Its type.
        event_type: TypeRef,
        /// Its entry.
        entry: EntryHex,
        /// The order, as whoever gave it finds it.
        order: OrderRef,
    }
}

events! {
    /// What a court can order to be done to an event.
    pub enum RedactionEvent in Redaction { EventRedacted }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_entry_comes_back_byte_for_byte() {
        let entry: [u8; ENTRY_BYTES] =
            std::array::from_fn(|index| u8::try_from(index * 7).unwrap());
        let written = EntryHex::new(&entry);
        assert_eq!(written.bytes(), entry);
        assert_eq!(written.as_str().parse::<EntryHex>().unwrap(), written);
        assert!(written.as_str().to_uppercase().parse::<EntryHex>().is_err());
    }

    #[test]
    fn a_sentence_is_no_reference_of_an_order() {
        for good in ["2026-wa-1234", "R8/1234", "7"] {
            assert!(good.parse::<OrderRef>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "because of Hana",
            "Hana",
            "令和8年ワ1234",
            &"1".repeat(65),
        ] {
            assert!(bad.parse::<OrderRef>().is_err(), "{bad}");
        }
    }
}
