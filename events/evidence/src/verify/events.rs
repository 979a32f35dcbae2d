//! The events of a bundle: their entries, their places in the tree, and what of them is disclosed.

use std::collections::{BTreeMap, BTreeSet};

use meguri_proofs::{Proof, ProofError, Tree, leaf};

use crate::event::Header;
use crate::files::Files;
use crate::finding::{Code, Report};
use crate::form::{commitment, from_line, hmac};
use crate::names::{EventFile, Folder, Part, event};

/// The events of a bundle, as far as they could be read.
pub(crate) type Events = BTreeMap<(Folder, u64), Seen>;

/// An event of a bundle.
pub(crate) enum Seen {
    /// Its header and which of its sections are disclosed.
    Whole(Box<Header>, BTreeSet<String>),
    /// Redacted: only the entry is there, if it can be read.
    Redacted(Option<[u8; 33]>),
    /// Its header cannot be read, which was found.
    Unreadable,
}

/// Reads all events and checks each for itself.
pub(super) fn read(files: &Files, tree: Option<&Tree>, report: &mut Report) -> Events {
    let mut parts: BTreeMap<(Folder, u64), Vec<Part<'_>>> = BTreeMap::new();
    for (name, _) in files.iter() {
        if let Some(file) = EventFile::parse(name) {
            parts
                .entry((file.folder, file.position))
                .or_default()
                .push(file.part);
        }
    }
    let mut events = Events::new();
    for ((folder, position), parts) in parts {
        let at = Event {
            files,
            name: event(folder, position),
            position,
            report,
        };
        events.insert((folder, position), at.read(&parts, tree));
    }
    events
}

/// One event being read.
struct Event<'a> {
    files: &'a Files,
    name: String,
    position: u64,
    report: &'a mut Report,
}

impl<'a> Event<'a> {
    fn read(mut self, parts: &[Part<'_>], tree: Option<&Tree>) -> Seen {
        let redacted = parts.contains(&Part::Entry) && !parts.contains(&Part::Header);
        if redacted {
            self.nothing_else(parts);
            let entry = self.line("entry");
            self.place(entry, tree);
            return Seen::Redacted(entry);
        }
        if parts.contains(&Part::Entry) {
            self.extra("entry");
        }
        let header = self.required("header");
        let blind = self.line("blind");
        let entry = header.zip(blind).map(|(header, blind)| {
            let mut entry = [1; 33];
            entry[1..].copy_from_slice(&hmac(&blind, header));
            entry
        });
        self.place(entry, tree);
        let Some(header) = header else {
            return Seen::Unreadable;
        };
        let Some(header) = Header::parse(header) else {
            self.report.find(Code::BadHeader, &self.name);
            return Seen::Unreadable;
        };
        let disclosed = self.disclosed(&header, parts);
        Seen::Whole(Box::new(header), disclosed)
    }

    /// Whatever else lies beside a redacted event is proven by nothing.
    fn nothing_else(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            match part {
                Part::Entry | Part::Proof => {}
                Part::Header => self.extra("header"),
                Part::Blind => self.extra("blind"),
                Part::Plaintext(section) => self.extra(&format!("{section}.json")),
                Part::Salt(section) => self.extra(&format!("{section}.salt")),
            }
        }
    }

    fn extra(&mut self, part: &str) {
        let name = format!("{}.{part}", self.name);
        self.report.find(Code::ExtraFile, name);
    }

    /// A file that has to be there.
    fn required(&mut self, part: &str) -> Option<&'a [u8]> {
        let name = format!("{}.{part}", self.name);
        let found = self.files.get(&name);
        if found.is_none() {
            self.report.find(Code::MissingFile, name);
        }
        found
    }

    /// A file that has to be there, with so many bytes in base64.
    fn line<const N: usize>(&mut self, part: &str) -> Option<[u8; N]> {
        let read = from_line(self.required(part)?);
        if read.is_none() {
            self.malformed(part);
        }
        read
    }

    fn malformed(&mut self, part: &str) {
        let name = format!("{}.{part}", self.name);
        self.report.find(Code::Malformed, name);
    }

    /// Is this entry where it is said to be?
    fn place(&mut self, entry: Option<[u8; 33]>, tree: Option<&Tree>) {
        let Some(text) = self.required("proof") else {
            return;
        };
        let text = std::str::from_utf8(text).ok();
        let Some(proof) = text.and_then(|text| text.parse::<Proof>().ok()) else {
            self.malformed("proof");
            return;
        };
        let (Some(entry), Some(tree)) = (entry, tree) else {
            return;
        };
        match proof.verify_inclusion(&leaf(&entry), self.position - 1, tree) {
            Ok(()) => {}
            Err(ProofError::NoSuchEntry { .. }) => {
                self.report.find(Code::AfterCheckpoint, &self.name);
            }
            Err(_) => self.report.find(Code::NotIncluded, &self.name),
        }
    }

    /// The sections that are disclosed; each is what was committed to, or that is found.
    fn disclosed(&mut self, header: &Header, parts: &[Part<'_>]) -> BTreeSet<String> {
        let sections = parts.iter().filter_map(|part| match part {
            Part::Plaintext(section) | Part::Salt(section) => Some(*section),
            Part::Header | Part::Blind | Part::Entry | Part::Proof => None,
        });
        let sections: BTreeSet<&str> = sections.collect();
        // A section that is listed twice is the first of them; no log has one.
        for section in &sections {
            let (json, salt) = (format!("{section}.json"), format!("{section}.salt"));
            let (plaintext, salted) = (self.required(&json), self.required(&salt));
            let listed = header.sealed.iter().find(|it| it.section == *section);
            let Some(listed) = listed else {
                let name = format!("{}.{section}", self.name);
                self.report.find(Code::UnknownSection, name);
                continue;
            };
            let (Some(plaintext), Some(salted)) = (plaintext, salted) else {
                continue;
            };
            let name = |part: &str| format!("{}.{part}", self.name);
            match from_line(salted) {
                None => self.report.find(Code::Malformed, name(&salt)),
                Some(salt) if commitment(&salt, plaintext) != listed.commitment => {
                    self.report.find(Code::PlaintextDiffers, name(&json));
                }
                Some(_) => {}
            }
        }
        sections.into_iter().map(str::to_owned).collect()
    }
}
