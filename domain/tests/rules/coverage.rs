//! No rule without a test, and no event of mutual help with a price.

use std::collections::BTreeSet;
use std::path::Path;

use meguri_events::{Event, KeyClass};

/// The numbers at the end of a test's name: `…_h05_h08` covers both.
fn rules_of(name: &str) -> Vec<u32> {
    name.rsplit('_')
        .map_while(|part| part.strip_prefix('h').filter(|digits| digits.len() == 2))
        .map_while(|digits| digits.parse().ok())
        .collect()
}

fn tested_rules(source: &str) -> Vec<u32> {
    let mut lines = source.lines().map(str::trim);
    let mut rules = Vec::new();
    while lines.by_ref().any(|line| line == "#[test]") {
        let name = lines
            .next()
            .and_then(|line| line.strip_prefix("fn "))
            .unwrap_or_default();
        rules.extend(rules_of(name.split('(').next().unwrap_or_default()));
    }
    rules
}

#[test]
fn every_rule_of_mutual_help_has_a_test_with_its_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut tested = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        tested.extend(tested_rules(
            &std::fs::read_to_string(file.unwrap().path()).unwrap(),
        ));
    }
    let missing: Vec<u32> = (1..=27)
        .chain([30, 44])
        .filter(|n| !tested.contains(n))
        .collect();
    assert!(missing.is_empty(), "no test for H{missing:02?}");
}

#[test]
fn rule_numbers_are_read_from_the_end_of_a_name() {
    assert_eq!(rules_of("thanks_twice_is_refused_h19"), [19]);
    assert_eq!(rules_of("one_open_exchange_h05_h08"), [8, 5]);
    assert_eq!(rules_of("h19_is_not_at_the_end"), [] as [u32; 0]);
}

#[test]
fn no_event_of_mutual_help_carries_a_charge_h30() {
    let money = [
        "amount", "charge", "cost", "currency", "fee", "money", "pay", "price", "sum", "yen",
    ];
    // An erasure names classes of keys, one of which is that of money: no event of mutual help
    // has a section of that class.
    let classes: Vec<_> = KeyClass::ALL.iter().map(|class| class.code()).collect();
    for description in Event::descriptions() {
        let open = description.open.iter();
        let open = open
            .map(|field| (field.name, field.shape.replace(&classes.join("|"), "class")))
            .collect::<Vec<_>>();
        let open = open
            .iter()
            .flat_map(|(name, shape)| [*name, shape.as_str()]);
        let sealed = description.sealed.iter().flat_map(|section| {
            assert_ne!(section.class, "money", "{}", description.event_type);
            section
                .fields
                .iter()
                .map(|(name, _)| *name)
                .chain([section.name])
        });
        for name in open.chain(sealed).chain([description.event_type]) {
            let name = name.to_ascii_lowercase();
            let words = name.split(|c: char| !c.is_ascii_alphabetic());
            assert!(
                words
                    .into_iter()
                    .all(|word| !money.iter().any(|money| word.starts_with(money))),
                "{}: {name}",
                description.event_type
            );
        }
    }
}
