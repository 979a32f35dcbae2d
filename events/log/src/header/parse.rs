//! Reading headers: in the one form in which the log writes them, and failing that as any JSON.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Header, HeaderError, SealedRef};
use crate::{
    clock::Timestamp,
    stream::{Position, Version},
};

/// Reads a header.
pub(crate) fn parse(text: &str, position: Position) -> Result<Header<'_>, HeaderError> {
    if let Some(header) = as_written(text) {
        return Ok(header);
    }
    serde_json::from_str(text).map_err(|source| HeaderError { position, source })
}

/// Stream, version and type, which stand at the front of every header.
pub(crate) fn place(text: &str) -> Option<(&str, Version, &str)> {
    let mut rest = Rest(text);
    rest.after(r#"{"id":""#)?;
    rest.0 = rest.0.get(36..)?;
    rest.place()
}

/// What is not read yet of a header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Goes past this text, if it comes next.
    fn after(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// The plain text up to the next quote, and goes past that. Plain text needs no unescaping.
    fn quoted(&mut self) -> Option<&'a str> {
        let (text, rest) = self.0.split_once('"')?;
        self.0 = rest;
        (!text.contains('\\')).then_some(text)
    }

    /// A number, which goes as far as there are digits.
    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        let end = self.0.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        digits.parse().ok()
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.quoted()?.parse().ok()
    }

    fn place(&mut self) -> Option<(&'a str, Version, &'a str)> {
        self.after(r#"","stream":""#)?;
        let stream = self.quoted()?;
        self.after(r#","version":"#)?;
        let version = Version::new(self.number()?);
        self.after(r#","type":""#)?;
        Some((stream, version, self.quoted()?))
    }

    /// A field that may be absent.
    #[expect(clippy::option_option, reason = "absent is well, malformed is not")]
    fn optional<T>(&mut self, name: &str, read: fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.after(name) {
            Some(()) => read(self).map(Some),
            None => Some(None),
        }
    }

    /// The last two fields: open data up to the list of sealed sections, if there is one.
    fn data_and_sealed(self) -> Option<(&'a str, Vec<SealedRef<'a>>)> {
        if self.0.ends_with(r#""}]}"#)
            && let Some(start) = self.0.rfind(r#","sealed":[{"section":""#)
        {
            let (data, list) = self.0.split_at_checked(start)?;
            // Where data itself ends in something of that name, the list does not end the header.
            if let Some(sealed) = Rest(list).sealed().filter(|_| is_object(data)) {
                return Some((data, sealed));
            }
        }
        let data = self.0.strip_suffix('}')?;
        is_object(data).then(|| (data, Vec::new()))
    }

    fn sealed(mut self) -> Option<Vec<SealedRef<'a>>> {
        let mut sealed = Vec::with_capacity(2);
        self.after(r#","sealed":["#)?;
        loop {
            self.after(r#"{"section":""#)?;
            let section = self.quoted()?;
            self.after(r#","key":""#)?;
            let key = self.quoted()?;
            self.after(r#","commitment":""#)?;
            let commitment = self.quoted()?;
            sealed.push(SealedRef {
                section,
                key,
                commitment,
            });
            match self.0 {
                "}]}" => return Some(sealed),
                _ => self.after("},")?,
            }
        }
    }
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}')
}

fn as_written(text: &str) -> Option<Header<'_>> {
    let mut rest = Rest(text);
    rest.after(r#"{"id":""#)?;
    let (id, after_id) = rest.0.split_at_checked(36)?;
    rest.0 = after_id;
    let (stream, version, event_type) = rest.place()?;
    rest.after(r#","schema":"#)?;
    let schema = rest.number()?;
    rest.after(r#","at":""#)?;
    let at: Timestamp = rest.quoted()?.parse().ok()?;
    rest.after(r#","actor":""#)?;
    let actor = rest.quoted()?;
    let acting_for = rest.optional(r#","acting_for":""#, Rest::quoted)?;
    let correlation = rest.optional(r#","correlation":""#, Rest::uuid)?;
    let causation = rest.optional(r#","causation":""#, Rest::uuid)?;
    let policy = rest.optional(r#","policy":"#, Rest::number)?;
    rest.after(r#","data":"#)?;
    let (data, sealed) = rest.data_and_sealed()?;
    let id = id.parse().ok()?;
    Some(Header {
        id,
        stream,
        version,
        event_type,
        schema,
        at,
        actor,
        acting_for,
        correlation,
        causation,
        policy,
        data,
        sealed,
    })
}

/// A JSON value as it stands.
pub(super) fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    <&RawValue>::deserialize(deserializer).map(RawValue::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-0000-7000-8000-000000000001";

    fn header(middle: &str, data: &str, sealed: &str) -> String {
        let start =
            format!(r#"{{"id":"{ID}","stream":"exchange-1","version":7,"type":"ThanksSent""#);
        let when = r#","schema":2,"at":"2026-11-21T07:02:03.123456Z","actor":"member-1""#;
        format!(r#"{start}{when}{middle},"data":{data}{sealed}}}"#)
    }

    fn both_ways(text: &str) -> Option<String> {
        let json: Header<'_> = serde_json::from_str(text).unwrap();
        let json = format!("{json:?}");
        assert_eq!(
            format!("{:?}", parse(text, Position::ZERO).unwrap()),
            json,
            "{text}"
        );
        let written = as_written(text).map(|header| format!("{header:?}"));
        assert!(
            written.is_none() || written.as_ref() == Some(&json),
            "{text}"
        );
        written
    }

    #[test]
    fn what_the_log_writes_is_read_the_quick_way_and_means_the_same() {
        let all = format!(
            r#","acting_for":"member-2","correlation":"{ID}","causation":"{ID}","policy":3"#
        );
        let one =
            r#","sealed":[{"section":"words","key":"member-1/message/1","commitment":"aA=="}]"#;
        let two = concat!(
            r#","sealed":[{"section":"words","key":"member-1/message/1","commitment":"aA=="},"#,
            r#"{"section":"mail","key":"member-1/contact/1","commitment":"bB=="}]"#
        );
        let tricky = [
            "{}",
            r#"{"a":{"b":"},{\"sealed\":[{\"section\":\""}}"#,
            r#"{"a":1,"sealed":[{"section":"s","key":"k","commitment":"c"}]}"#,
            r#"{"a":{},"sealed":[{"section":"s","key":"k","commitment":"c"}]}"#,
            r#"{"sealed":[{"section":"s"}],"text":"𝄞 \u001e \" \\"}"#,
        ];
        for middle in ["", &all] {
            for data in tricky {
                for sealed in ["", one, two] {
                    let text = header(middle, data, sealed);
                    assert!(both_ways(&text).is_some(), "{text}");
                    assert_eq!(
                        place(&text),
                        Some(("exchange-1", Version::new(7), "ThanksSent"))
                    );
                }
            }
        }
    }

    #[test]
    fn other_json_of_the_same_meaning_is_read_too() {
        let written = header("", r#"{"a":1}"#, "");
        for text in [
            written.replace(r#","version""#, r#", "version""#),
            written.replace(
                r#""version":7,"type":"ThanksSent""#,
                r#""type":"ThanksSent","version":7"#,
            ),
            written.replace('}', "} "),
        ] {
            assert_eq!(both_ways(&text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let written = header("", "{}", "");
        for text in [
            "",
            "{}",
            &written[..written.len() - 1],
            &written.replace("0192f0c1", "0192f0cx"),
            &written.replace("2026", "20x6"),
            &written.replace(":7", ":-7"),
        ] {
            assert!(parse(text, Position::ZERO).is_err(), "{text}");
        }
    }
}
