//! The bytes of every event type and schema number, read for ever.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use meguri_events::{Encoded, Event, Opened};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::samples::samples;

#[derive(Deserialize)]
struct Fixture {
    #[serde(rename = "type")]
    event_type: String,
    schema: u32,
    data: Box<RawValue>,
    sections: Vec<FixtureSection>,
}

#[derive(Deserialize)]
struct FixtureSection {
    name: String,
    subject: String,
    class: String,
    plaintext: Box<RawValue>,
}

impl Fixture {
    fn decode(&self, erased: bool) -> Event {
        let sections: Vec<_> = self
            .sections
            .iter()
            .map(|section| {
                let plain = Opened::Plain(section.plaintext.get().as_bytes());
                (
                    section.name.as_str(),
                    if erased { Opened::Erased } else { plain },
                )
            })
            .collect();
        Event::decode(&self.event_type, self.schema, self.data.get(), &sections).unwrap()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn file_name(event_type: &str, schema: u32) -> String {
    format!("{event_type}.v{schema}.json")
}

fn read(event: &Event, schema: u32) -> Fixture {
    let path = folder().join(file_name(event.type_name(), schema));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; see README.md, \"How to change an event\"",
            path.display()
        )
    });
    serde_json::from_str(&text).unwrap()
}

fn written(encoded: &Encoded) -> String {
    let Encoded {
        event_type,
        schema,
        data,
        sections,
    } = encoded;
    let mut text = format!(
        "{{\n  \"type\": \"{event_type}\",\n  \"schema\": {schema},\n  \"data\": {data},\n"
    );
    text.push_str("  \"sections\": [");
    for (index, section) in sections.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let plaintext = std::str::from_utf8(&section.plaintext).unwrap();
        write!(
            text,
            "{separator}\n    {{\"name\": \"{}\", \"subject\": \"{}\", \"class\": \"{}\",\n     \
             \"plaintext\": {plaintext}}}",
            section.name, section.subject, section.class
        )
        .unwrap();
    }
    text.push_str(if sections.is_empty() {
        "]\n}\n"
    } else {
        "\n  ]\n}\n"
    });
    text
}

/// `UPDATE_CATALOG=1` writes the fixtures that are missing; it never changes one that is there.
#[test]
fn every_type_and_schema_number_has_a_fixture_and_a_sample() {
    let samples = samples();
    for (schema, event) in &samples {
        let path = folder().join(file_name(event.type_name(), *schema));
        if std::env::var_os("UPDATE_CATALOG").is_some() && !path.exists() {
            assert_eq!(
                *schema,
                event.schema(),
                "only the current schema can be written"
            );
            std::fs::write(path, written(&event.encode().unwrap())).unwrap();
        }
    }
    let described: BTreeSet<String> = Event::descriptions()
        .iter()
        .map(|d| file_name(d.event_type, d.schema))
        .collect();
    let with_sample: BTreeSet<String> = samples
        .iter()
        .map(|(schema, event)| file_name(event.type_name(), *schema))
        .collect();
    let stored: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        with_sample, described,
        "samples, against what the catalog describes"
    );
    assert_eq!(
        stored, described,
        "fixtures, against what the catalog describes"
    );
}

#[test]
fn every_fixture_decodes_to_its_sample() {
    for (schema, event) in samples() {
        let fixture = read(&event, schema);
        assert_eq!(fixture.event_type, event.type_name());
        assert_eq!(fixture.schema, schema);
        assert_eq!(fixture.decode(false), event, "{}", event.type_name());
    }
}

#[test]
fn events_of_the_current_schema_encode_to_the_bytes_of_their_fixture() {
    for (schema, event) in samples() {
        if schema != event.schema() {
            continue;
        }
        let fixture = read(&event, schema);
        let encoded = event.encode().unwrap();
        assert_eq!(encoded.data, fixture.data.get());
        assert_eq!(
            encoded.sections.len(),
            fixture.sections.len(),
            "{}",
            event.type_name()
        );
        for (section, stored) in encoded.sections.iter().zip(&fixture.sections) {
            assert_eq!(section.name, stored.name);
            assert_eq!(section.subject, stored.subject);
            assert_eq!(section.class, stored.class);
            assert_eq!(
                std::str::from_utf8(&section.plaintext).unwrap(),
                stored.plaintext.get()
            );
        }
    }
}

#[test]
fn every_fixture_decodes_when_its_keys_are_destroyed() {
    for (schema, event) in samples() {
        let erased = read(&event, schema).decode(true);
        assert_eq!(erased.type_name(), event.type_name());
        assert!(
            erased.encode().unwrap().sections.is_empty(),
            "{}",
            event.type_name()
        );
        assert_eq!(erased.encode().unwrap().data, event.encode().unwrap().data);
    }
}

#[test]
fn nothing_that_was_typed_stands_in_open_data() {
    for (_, event) in samples() {
        let encoded = event.encode().unwrap();
        assert!(
            encoded.data.is_ascii(),
            "{} shows {}",
            event.type_name(),
            encoded.data
        );
    }
}
