//! Events with sealed sections, of many members.

use futures::future::join_all;
use meguri_log::{Append, Log, NewEvent, NewSection, Version};

use crate::{conditional, stream};

const MEMBERS: usize = 20_000;
/// Each member has a key for what they write and one for how they are reached.
pub const KEYS: usize = MEMBERS * 2;

fn section(name: &'static str, class: &'static str, member: usize) -> NewSection {
    NewSection {
        section: name.into(),
        subject: format!("member-0192f0c0-0000-7000-8000-{member:012}"),
        class: class.into(),
        plaintext: br#"{"words":"The gutters are clean, thank you so much!","n":1}"#.to_vec(),
    }
}

/// An event with one section, and every other one with two.
fn event(number: usize) -> NewEvent {
    let mut event = conditional(&stream(number), Version::ZERO).events.remove(0);
    // Neighbours in the log are of different people.
    let member = number * 7_919 % MEMBERS;
    event.sealed = vec![section("words", "message", member)];
    if number.is_multiple_of(2) {
        event.sealed.push(section("mail", "contact", member));
    }
    event
}

/// Appends so many of them, a multiple of 4,000.
///
/// # Panics
/// Where the log does not take them.
pub async fn fill(log: &Log, events: usize) {
    for first in (0..events).step_by(4_000) {
        let appends = (first..first + 4_000).step_by(4).map(|first| {
            log.append(Append {
                events: (first..first + 4).map(event).collect(),
                conditions: Vec::new(),
                ..conditional(&stream(0), Version::ZERO)
            })
        });
        for appended in join_all(appends).await {
            appended.expect("an append");
        }
    }
}
