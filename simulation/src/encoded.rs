//! Events of the catalog, as a log takes them.

use std::borrow::Cow;

use meguri_events::Event;
use meguri_log::{NewEvent, NewSection, StreamName, simulation::Random};
use uuid::Uuid;

/// An event that is appended to this stream, under an id that is drawn.
///
/// # Panics
/// Where it holds more text than anybody types here.
pub(crate) fn new_event(random: &Random, stream: &StreamName, event: &Event) -> NewEvent {
    let encoded = event.encode().expect("INVARIANT: its texts are short");
    let sections = encoded.sections.into_iter().map(|section| NewSection {
        section: Cow::Borrowed(section.name),
        subject: section.subject,
        class: Cow::Borrowed(section.class),
        plaintext: section.plaintext,
    });
    let (high, low) = (random.below(u64::MAX), random.below(u64::MAX));
    NewEvent {
        id: Uuid::from_u64_pair(high, low),
        stream: stream.clone(),
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sections.collect(),
    }
}
