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
    let explained = redactions(&whole, events, report);
    let streams = without_gaps(&events_only, &explained, events, report);
    about(&events_only, streams, expected, report);
    let tell = explained.values().map(|it| it.told_at).collect();
    sections(&events_only, &erasures, tell, report);
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
            Seen::Redacted(_) | Seen::Unreadable => None,
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

/// A redacted event, as another one tells of it.
struct Explained {
    stream: String,
    version: u64,
    told_at: u64,
}

/// The redacted events of which a later event of their stream tells, by where they stand. Of the
/// others nothing can be told.
fn redactions(
    whole: &[Placed<'_>],
    events: &Events,
    report: &mut Report,
) -> BTreeMap<u64, Explained> {
    let mut explained = BTreeMap::new();
    for ((folder, position), seen) in events {
        let Seen::Redacted(entry) = seen else {
            continue;
        };
        let entry = entry.map(|entry| hex(&entry));
        let says = whole.iter().find_map(|it| {
            let said = it.header.redaction()?;
            let is_so = said.position == *position && Some(&said.entry) == entry.as_ref();
            (is_so && it.position > *position).then_some((it.position, said))
        });
        match says {
            Some((told_at, said)) if *folder == Folder::Events => {
                report.told.redacted.push((*position, told_at, said.order));
                let (stream, version) = (said.stream, said.version);
                let one = Explained {
                    stream,
                    version,
                    told_at,
                };
                explained.insert(*position, one);
            }
            Some(_) | None => report.doubt(Code::Redacted, event(*folder, *position)),
        }
    }
    explained
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    digits.collect()
}

/// The last version of each stream. Each has versions 1, 2, 3, … in the order of positions; where
/// one is missing, a redacted event of which nothing is told and that stands between its
/// neighbours takes its place.
fn without_gaps<'e>(
    whole: &[Placed<'e>],
    explained: &'e BTreeMap<u64, Explained>,
    events: &Events,
    report: &mut Report,
) -> BTreeMap<&'e str, u64> {
    let untold = |(folder, position): &(Folder, u64), seen: &Seen| {
        *folder == Folder::Events
            && matches!(seen, Seen::Redacted(_))
            && !explained.contains_key(position)
    };
    let untold = events.iter().filter(|(place, seen)| untold(place, seen));
    let mut untold: BTreeSet<u64> = untold.map(|((_, position), _)| *position).collect();
    let placed = whole.iter();
    let placed = placed.map(|it| (it.position, it.header.stream.as_str(), it.header.version));
    let told = explained.iter();
    let told = told.map(|(position, it)| (*position, it.stream.as_str(), it.version));
    let mut all: Vec<(u64, &str, u64)> = placed.chain(told).collect();
    all.sort_unstable();
    let mut last: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (position, stream, version) in all {
        let (known, before) = last.get(stream).copied().unwrap_or_default();
        let mut expected = known + 1;
        while expected < version
            && let Some(gone) = untold.range(before + 1..position).next().copied()
        {
            untold.remove(&gone);
            expected += 1;
        }
        if version != expected {
            report.find(Code::VersionGap, event(Folder::Events, position));
        }
        last.insert(stream, (version, position));
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

/// Counts sections by what has become of them; an erasure that covers none, and tells of no
/// redaction (`used`), does not belong.
fn sections(
    events: &[Placed<'_>],
    erasures: &[Placed<'_>],
    mut used: BTreeSet<u64>,
    report: &mut Report,
) {
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
