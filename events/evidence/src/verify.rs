//! Checking a bundle; `verify.py` does the same, in the same order, with the same words.

mod events;

use std::collections::{BTreeSet, HashMap};

use meguri_proofs::{Checkpoint, Note, OpenError, Tree, VerifierKey};

use crate::files::{BUNDLE_FILES_MAX, ERASURES_MAX, Files, NotABundle};
use crate::finding::{Code, Report};
use crate::form::sum;
use crate::names::{ALWAYS, EventFile, Folder, SUMS};
use crate::relation;

pub(crate) use events::{Events, Seen};

/// What the reader knows from elsewhere than the bundle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The key of the log. Without it a bundle can only be consistent in itself.
    pub key: Option<&'a VerifierKey>,
    /// The stream that the bundle is to be about.
    pub stream: Option<&'a str>,
}

/// Checks the zip of a bundle, and all that it says.
pub fn verify_zip(zip: &[u8], expected: Expected<'_>) -> Report {
    match Files::from_zip(zip) {
        Ok(files) => verify(&files, expected),
        Err(NotABundle::NotCanonical) => Report::finding(Code::NotCanonical, "zip"),
        Err(error @ (NotABundle::NoZip | NotABundle::Name(_) | NotABundle::TooLarge)) => {
            Report::unreadable(error.to_string())
        }
    }
}

/// Checks all that a bundle says.
pub fn verify(files: &Files, expected: Expected<'_>) -> Report {
    verify_beside(files, Vec::new(), expected)
}

/// Checks all that an unpacked bundle says, in whose folder these lay beside its files: links,
/// pipes, folders, whatever is no plain file. They are named, and were not opened.
pub fn verify_beside(files: &Files, others: Vec<String>, expected: Expected<'_>) -> Report {
    let mut report = Report::default();
    for other in others {
        report.find(Code::NotAFile, other);
    }
    if erasures(files) > ERASURES_MAX {
        return Report::unreadable(NotABundle::TooLarge.to_string());
    }
    names(files, &mut report);
    sums(files, &mut report);
    let own = own_key(files, expected.key, &mut report);
    let tree = checkpoint(files, expected.key.or(own.as_ref()), &mut report);
    let events = events::read(files, tree.as_ref(), &mut report);
    relation::check(files, &events, expected.stream, &mut report);
    if expected.key.is_none() {
        report.doubt(Code::NoKey, "key");
    }
    report
}

/// How many events there are in `erasures/`.
fn erasures(files: &Files) -> usize {
    let events = files.iter().filter_map(|(name, _)| EventFile::parse(name));
    let erasures = events.filter(|it| it.folder == Folder::Erasures);
    let mut positions: Vec<u64> = erasures.map(|it| it.position).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.len()
}

/// Is every file one that a bundle has, and is none missing that each has?
fn names(files: &Files, report: &mut Report) {
    for (name, _) in files.iter() {
        let known = name == SUMS || ALWAYS.contains(&name);
        if !known && EventFile::parse(name).is_none() {
            report.find(Code::ExtraFile, name);
        }
    }
    for name in ALWAYS {
        if files.get(name).is_none() {
            report.find(Code::MissingFile, name);
        }
    }
}

/// Is every file the one that is listed?
fn sums(files: &Files, report: &mut Report) {
    let Some(list) = files.get(SUMS) else {
        report.find(Code::MissingFile, SUMS);
        return;
    };
    let Some(listed) = std::str::from_utf8(list).ok().and_then(read_sums) else {
        report.find(Code::BadSums, SUMS);
        return;
    };
    let mut sums: HashMap<&str, String> = HashMap::new();
    for (digest, name) in &listed {
        let Some(bytes) = files.get(name) else {
            report.find(Code::MissingFile, *name);
            continue;
        };
        if sums.entry(name).or_insert_with(|| sum(bytes)) != digest {
            report.find(Code::SumDiffers, *name);
        }
    }
    let listed: BTreeSet<&str> = listed.into_iter().map(|(_, name)| name).collect();
    for (name, _) in files.iter() {
        if name != SUMS && !listed.contains(name) {
            report.find(Code::ExtraFile, name);
        }
    }
}

/// Lines of a sum in 64 digits, two spaces and a name.
fn read_sums(text: &str) -> Option<Vec<(&str, &str)>> {
    let lines = text.strip_suffix('\n')?.split('\n');
    if lines.clone().count() > BUNDLE_FILES_MAX {
        return None;
    }
    let lines = lines.map(|line| {
        let (digest, name) = line.split_once("  ")?;
        let digits = digest
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        (digest.len() == 64 && digits && !name.is_empty()).then_some((digest, name))
    });
    lines.collect()
}

/// The key in the bundle, which says nothing of itself.
fn own_key(files: &Files, given: Option<&VerifierKey>, report: &mut Report) -> Option<VerifierKey> {
    let text = std::str::from_utf8(files.get("key")?).unwrap_or_default();
    let key = text.strip_suffix('\n').and_then(|text| text.parse().ok());
    match (&key, given) {
        (None, _) => report.find(Code::BadKey, "key"),
        (Some(own), Some(given)) if own != given => report.find(Code::OtherKey, "key"),
        (Some(_), _) => {}
    }
    key
}

/// The tree that the checkpoint speaks of. Where the key did not sign it that is found, and the
/// rest is checked by it all the same: so more is told.
fn checkpoint(files: &Files, key: Option<&VerifierKey>, report: &mut Report) -> Option<Tree> {
    const NAME: &str = "checkpoint";
    let note = Note::parse(files.get(NAME)?).ok();
    let said = note
        .as_ref()
        .and_then(|note| note.text().parse::<Checkpoint>().ok());
    let (Some(note), Some(said)) = (note, said) else {
        report.find(Code::BadCheckpoint, NAME);
        return None;
    };
    if let Some(key) = key {
        match Checkpoint::open(&note, key) {
            Ok(_) => {}
            Err(OpenError::Signature(_)) => report.find(Code::BadSignature, NAME),
            Err(OpenError::Origin { .. }) => report.find(Code::OtherLog, NAME),
            Err(OpenError::Checkpoint(_)) => report.find(Code::BadCheckpoint, NAME),
        }
    }
    report.told.log = Some((said.origin().to_owned(), said.tree().size));
    Some(*said.tree())
}
