//! The catalog of the product's facts, as the engine asks for it.

use std::sync::{Arc, LazyLock};

use meguri_events::{Description, Event, MemberEvent, Opened, RedactionEvent, TYPES};
use meguri_log::{Header, OpenedEvent, Position, SectionContent};

use crate::column::Column as _;
use meguri_engine::{Deletion, Erasure, Fact, Facts, Reach, TYPES_MAX, Types};

const _: () = assert!(TYPES.len() <= TYPES_MAX, "a set has a bit for every type");

/// All types of the catalog.
static ALL: LazyLock<Types> = LazyLock::new(|| {
    Types::new(TYPES, |event_type| match event_type {
        "MemberLeft" => Reach::Far,
        "MemberErased" => Reach::Erases,
        _ => Reach::Keys,
    })
});

/// The facts of the product.
pub(crate) struct Catalog;

impl Facts for Catalog {
    fn types(&self) -> &Types {
        &ALL
    }

    fn shapes(&self) -> Vec<(&'static str, String)> {
        let descriptions = Event::descriptions();
        let shapes = descriptions.iter().map(|it| (it.event_type, shape(it)));
        shapes.collect()
    }

    fn decode(&self, event: &OpenedEvent<'_>) -> Result<Arc<Fact>, String> {
        let sections = event.sections.iter();
        let sections: Vec<_> = sections
            .map(|it| (it.name.as_str(), opened(&it.content)))
            .collect();
        Ok(Arc::new(decode(&event.header, &sections)?))
    }

    fn erasure(&self, fact: &Fact, position: Position) -> Option<Erasure> {
        let Event::Member(MemberEvent::MemberErased(erased)) = fact.downcast_ref()? else {
            return None;
        };
        Some(Erasure {
            position,
            subject: erased.member.to_cell(),
            classes: erased.keys.iter().map(|keys| keys.class.code()).collect(),
        })
    }

    fn deletion_types(&self) -> &'static [&'static str] {
        &["MemberErased", "KeysDestroyed", "EventRedacted"]
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "these are the events that delete"
    )]
    fn deletion(&self, event: &Header<'_>) -> Result<Deletion, String> {
        Ok(match decode(event, &[])? {
            Event::Member(MemberEvent::MemberErased(_)) => Deletion::Announced,
            Event::Member(MemberEvent::KeysDestroyed(destroyed)) => {
                let keys = destroyed.keys.iter();
                Deletion::Keys {
                    subject: destroyed.member.stream(),
                    last: keys.map(|keys| (keys.class.code(), keys.last)).collect(),
                }
            }
            Event::Redaction(RedactionEvent::EventRedacted(redacted)) => Deletion::Event {
                position: Position::new(redacted.position),
                event_type: redacted.event_type.to_string(),
            },
            _ => return Err("it deletes nothing".to_owned()),
        })
    }
}

fn opened(content: &SectionContent) -> Opened<'_> {
    match content {
        SectionContent::Plain(bytes) => Opened::Plain(bytes),
        SectionContent::Erased => Opened::Erased,
    }
}

fn decode(header: &Header<'_>, sections: &[(&str, Opened<'_>)]) -> Result<Event, String> {
    let event = Event::decode(header.event_type, header.schema, header.data, sections);
    event.map_err(|error| error.to_string())
}

/// Names and shapes of an event's fields, without the words that explain them.
fn shape(event: &Description) -> String {
    let open: Vec<_> = event
        .open
        .iter()
        .map(|field| (field.name, &field.shape))
        .collect();
    let sealed: Vec<_> = event
        .sealed
        .iter()
        .map(|section| (section.name, &section.fields))
        .collect();
    format!("{} {} {open:?} {sealed:?}", event.event_type, event.schema)
}

/// All of these types, one group behind the other.
pub(crate) const fn joined<const N: usize>(groups: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut next, mut group) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[next] = groups[group][index];
            (index, next) = (index + 1, next + 1);
        }
        group += 1;
    }
    assert!(next == N, "as many as there is room for");
    all
}
