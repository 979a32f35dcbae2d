//! The committed description of every event's fields.

use std::collections::BTreeSet;
use std::path::Path;

use meguri_events::{Event, TYPES};
use serde_json::Value;

/// `UPDATE_CATALOG=1` writes the description anew.
#[test]
fn the_committed_description_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog.json");
    let described = serde_json::to_string_pretty(&Event::descriptions()).unwrap() + "\n";
    if std::env::var_os("UPDATE_CATALOG").is_some() {
        std::fs::write(&path, &described).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let differing = differing(&committed, &described);
    assert!(
        committed == described,
        "catalog.json does not tell {differing:?} as the code does; \
         see README.md, \"How to change an event\""
    );
}

/// The events that only one of two descriptions has in this form.
fn differing(one: &str, other: &str) -> BTreeSet<String> {
    let [one, other]: [Vec<Value>; 2] =
        [one, other].map(|text| serde_json::from_str(text).unwrap());
    let only = |these: &[Value], those: &[Value]| -> Vec<String> {
        let missing = these.iter().filter(|event| !those.contains(event));
        missing
            .map(|event| format!("{} v{}", event["type"].as_str().unwrap(), event["schema"]))
            .collect()
    };
    only(&one, &other)
        .into_iter()
        .chain(only(&other, &one))
        .collect()
}

#[test]
fn every_type_is_listed_and_described_once() {
    let listed: BTreeSet<&str> = TYPES.iter().copied().collect();
    assert_eq!(listed.len(), TYPES.len(), "a name is used twice");
    let described: BTreeSet<&str> = Event::descriptions().iter().map(|d| d.event_type).collect();
    assert_eq!(listed, described);
}

#[test]
fn every_sealed_section_names_a_member_of_its_event_as_subject() {
    for description in Event::descriptions() {
        for section in &description.sealed {
            let subject = description
                .open
                .iter()
                .find(|field| field.name == section.subject)
                .unwrap_or_else(|| panic!("{}: {}", description.event_type, section.subject));
            assert_eq!(subject.shape, "member-<uuid>");
        }
    }
}
