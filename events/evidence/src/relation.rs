//! How the events of a bundle belong together: their order, what it is about, what led to it, and
//! which closed sections were erased.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Header, Sealed};
use crate::finding::{Code, Report};
use crate::names::{Folder, event};
use crate::verify::{Events, Seen};

/// Checks what no event says for itself.
pub(crate) fn check(events: &Events, expected: Option<&str>, report: &mut Report) {
    let whole: Vec<Placed<'_>> = events.iter().filter_map(Placed::of).collect();
    let (events_only, erasures): (Vec<_>, Vec<_>) = whole
        .iter()
        .copied()
        .partition(|it| it.folder == Folder::Events);
    in_time(&whole, report);
    let streams = without_gaps(&events_only, events, report);
    about(&events_only, streams, expected, report);
    sections(&events_only, &erasures, report);
}

/// A header and where it stands.
#[derive(Clone, Copy)]
struct Placed<'e> {
    folder: Folder,
    position: u64,
    header: &'e Header,
    disclosed: &'e BTreeSet<String>,
}

impl<'e> Placed<'e> {
    fn of(((folder, position), seen): (&'e (Folder, u64), &'e Seen)) -> Option<Self> {
        match seen {
            Seen::Whole(header, disclosed) => Some(Self {
                folder: *folder,
                position: *position,
                header,
                disclosed,
            }),
            Seen::Redacted | Seen::Unreadable => None,
        }
    }

    fn name(&self) -> String {
        event(self.folder, self.position)
    }
}

/// Time never goes back from one position to the next.
fn in_time(events: &[Placed<'_>], report: &mut Report) {
    let mut events = events.to_vec();
    events.sort_by_key(|it| it.position);
    for pair in events.windows(2) {
        // Moments are written alike, so that they are in the order of their letters.
        if pair[1].header.at < pair[0].header.at {
            report.find(Code::TimeOrder, pair[1].name());
        }
    }
}

/// The last version of each stream. Each has versions 1, 2, 3, … in the order of positions; where
/// one is missing, a redacted event between its neighbours stands for it.
fn without_gaps<'e>(
    whole: &[Placed<'e>],
    events: &Events,
    report: &mut Report,
) -> BTreeMap<&'e str, u64> {
    let mut redacted = BTreeSet::new();
    for ((folder, position), seen) in events {
        if matches!(seen, Seen::Redacted) {
            report.doubt(Code::Redacted, event(*folder, *position));
            if *folder == Folder::Events {
                redacted.insert(*position);
            }
        }
    }
    let mut last: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for it in whole {
        let (version, before) = last
            .get(it.header.stream.as_str())
            .copied()
            .unwrap_or_default();
        let mut expected = version + 1;
        while expected < it.header.version
            && let Some(gone) = redacted.range(before + 1..it.position).next().copied()
        {
            redacted.remove(&gone);
            expected += 1;
        }
        if it.header.version != expected {
            report.find(Code::VersionGap, it.name());
        }
        last.insert(&it.header.stream, (it.header.version, it.position));
    }
    last.into_iter()
        .map(|(stream, (version, _))| (stream, version))
        .collect()
}

/// The bundle is about the stream of its last event. Every other stream is spoken of in it, or
/// one of its events led to one of its events.
fn about(
    events: &[Placed<'_>],
    mut streams: BTreeMap<&str, u64>,
    expected: Option<&str>,
    report: &mut Report,
) {
    let Some(subject) = events.last().map(|it| it.header.stream.as_str()) else {
        report.find(Code::NoEvents, "events");
        return;
    };
    if expected.is_some_and(|expected| expected != subject) {
        report.find(Code::OtherStream, subject);
    }
    let own = || events.iter().filter(|it| it.header.stream == subject);
    let causes: BTreeSet<&str> = own()
        .filter_map(|it| it.header.causation.as_deref())
        .collect();
    let version = streams.remove(subject).unwrap_or_default();
    for stream in streams.keys() {
        let led =
            |it: &Placed<'_>| it.header.stream == *stream && causes.contains(it.header.id.as_str());
        if !own().any(|it| it.header.speaks_of(stream)) && !events.iter().any(led) {
            report.find(Code::UnrelatedEvent, *stream);
        }
    }
    report.told.streams.push((subject.to_owned(), version));
    let others = streams
        .into_iter()
        .map(|(stream, version)| (stream.to_owned(), version));
    report.told.streams.extend(others);
}

/// Counts sections by what has become of them; an erasure that covers none does not belong.
fn sections(events: &[Placed<'_>], erasures: &[Placed<'_>], report: &mut Report) {
    let mut used = BTreeSet::new();
    for it in events {
        for Sealed { section, key, .. } in &it.header.sealed {
            let erasing = |erasure: &&Placed<'_>| {
                erasure.position > it.position && erasure.header.erases(key)
            };
            if it.disclosed.contains(section) {
                report.told.disclosed += 1;
            } else if let Some(erasure) = erasures.iter().find(erasing) {
                used.insert(erasure.position);
                report.told.erased += 1;
            } else {
                report.told.closed += 1;
            }
        }
    }
    for erasure in erasures.iter().filter(|it| !used.contains(&it.position)) {
        report.find(Code::UnrelatedEvent, erasure.name());
    }
}
