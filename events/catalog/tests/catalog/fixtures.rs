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
    fn file_name(&self) -> String {
        file_name(&self.event_type, self.schema)
    }

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
        Event::decode(&self.event_type, self.schema, self.data.get(), &sections)
            .unwrap_or_else(|error| panic!("{}: {error}", self.file_name()))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn file_name(event_type: &str, schema: u32) -> String {
    format!("{event_type}.v{schema}.json")
}

fn stored() -> BTreeSet<String> {
    std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Every fixture with its sample. That none of the two is missing is a test of its own.
fn pairs() -> Vec<(Fixture, Event)> {
    let stored = stored();
    let fixture = |(schema, event): (u32, Event)| {
        let name = file_name(event.type_name(), schema);
        let path = stored.get(&name).map(|name| folder().join(name))?;
        let text = std::fs::read_to_string(path).unwrap();
        Some((serde_json::from_str(&text).unwrap(), event))
    };
    samples().into_iter().filter_map(fixture).collect()
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
    if std::env::var_os("UPDATE_CATALOG").is_some() {
        write_missing(&samples);
    }
    let stored = stored();
    let described: BTreeSet<String> = Event::descriptions()
        .iter()
        .map(|d| file_name(d.event_type, d.schema))
        .collect();
    let with_sample: BTreeSet<String> = samples
        .iter()
        .map(|(schema, event)| file_name(event.type_name(), *schema))
        .collect();
    let known = |name| format!("{name} is not in the catalog: what was written is read for ever");
    let faults: Vec<String> = (&described - &with_sample)
        .iter()
        .map(|name| format!("{name} has no sample in samples.rs"))
        .chain(
            (&described - &stored)
                .iter()
                .map(|name| format!("{name} is missing")),
        )
        .chain((&(&stored | &with_sample) - &described).iter().map(known))
        .collect();
    let faults = faults.join("\n");
    assert!(
        faults.is_empty(),
        "\n{faults}\n\nsee README.md, \"How to change an event\""
    );
}

fn write_missing(samples: &[(u32, Event)]) {
    for (schema, event) in samples {
        let path = folder().join(file_name(event.type_name(), *schema));
        if *schema == event.schema() && !path.exists() {
            std::fs::write(path, written(&event.encode().unwrap())).unwrap();
        }
    }
}

#[test]
fn every_fixture_decodes_to_its_sample() {
    for (fixture, event) in pairs() {
        assert_eq!(fixture.decode(false), event, "{}", fixture.file_name());
    }
}

#[test]
fn events_of_the_current_schema_encode_to_the_bytes_of_their_fixture() {
    for (fixture, event) in pairs() {
        if fixture.schema != event.schema() {
            continue;
        }
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
    for (fixture, event) in pairs() {
        let erased = fixture.decode(true);
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
fn nothing_that_a_member_typed_stands_in_open_data() {
    // The words of search are the community's, and of a form in which nobody is written about.
    let of_members = |event: &Event| !matches!(event, Event::Vocabulary(_));
    for (_, event) in samples().iter().filter(|(_, event)| of_members(event)) {
        let encoded = event.encode().unwrap();
        assert!(
            encoded.data.is_ascii(),
            "{} shows {}",
            event.type_name(),
            encoded.data
        );
    }
}
