//! How the events of a bundle belong together: their order, what it is about, what led to it, and
//! which closed sections were erased.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::event::{ErasedKeys, Header, Redaction, Sealed, names};
use crate::files::Files;
use crate::finding::{Code, Report};
use crate::names::{Folder, event};
use crate::verify::{Events, Seen};

/// Checks what no event says for itself.
pub(crate) fn check(files: &Files, events: &Events, expected: Option<&str>, report: &mut Report) {
    let whole = events.iter().filter_map(|event| Placed::of(files, event));
    let whole: Vec<Placed<'_>> = whole.collect();
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
    /// The header as it stands there.
    bytes: &'e [u8],
    disclosed: &'e BTreeSet<String>,
}

impl<'e> Placed<'e> {
    fn of(
        files: &'e Files,
        ((folder, position), seen): (&'e (Folder, u64), &'e Seen),
    ) -> Option<Self> {
        let (folder, position) = (*folder, *position);
        match seen {
            Seen::Whole(header, disclosed) => Some(Self {
                folder,
                position,
                header,
                bytes: files.get(&format!("{}.header", event(folder, position)))?,
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
    // What is said of each position, and where.
    let mut tellers: HashMap<u64, Vec<(u64, &Redaction)>> = HashMap::new();
    for it in whole {
        if let Some(said) = &it.header.redaction {
            let all = tellers.entry(said.position).or_default();
            all.push((it.position, said));
        }
    }
    let mut explained = BTreeMap::new();
    for ((folder, position), seen) in events {
        let Seen::Redacted(entry) = seen else {
            continue;
        };
        let entry = entry.map(|entry| hex(&entry));
        let mut all = tellers.get(position).into_iter().flatten();
        let says =
            all.find(|(told_at, said)| told_at > position && entry.as_ref() == Some(&said.entry));
        match says {
            Some((told_at, said)) if *folder == Folder::Events => {
                let (told_at, order) = (*told_at, said.order.clone());
                report.told.redacted.push((*position, told_at, order));
                let (stream, version) = (said.stream.clone(), said.version);
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
    let led = events
        .iter()
        .filter(|it| causes.contains(it.header.id.as_str()));
    let mut related: HashSet<String> = led.map(|it| it.header.stream.clone()).collect();
    for it in own() {
        let spoken_of = names(it.bytes).into_iter();
        related.extend(spoken_of.filter(|name| streams.contains_key(name.as_str())));
    }
    for stream in streams.keys().filter(|stream| !related.contains(**stream)) {
        report.find(Code::UnrelatedEvent, *stream);
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
    let erasing = erasures
        .iter()
        .map(|it| (it.position, ErasedKeys::of(it.bytes)));
    let erasing: Vec<(u64, ErasedKeys)> = erasing.collect();
    // Where each key is said to be destroyed: the keys of a bundle are few.
    let mut destroyed: HashMap<&str, Vec<u64>> = HashMap::new();
    for it in events {
        for Sealed { section, key, .. } in &it.header.sealed {
            let at = destroyed.entry(key).or_insert_with(|| {
                let of_key = erasing.iter().filter(|(_, keys)| keys.has(key));
                of_key.map(|(position, _)| *position).collect()
            });
            if it.disclosed.contains(section) {
                report.told.disclosed += 1;
            } else if let Some(erasure) = at.iter().find(|at| **at > it.position) {
                used.insert(*erasure);
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
