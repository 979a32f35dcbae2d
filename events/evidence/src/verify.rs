//! Checking a bundle; `verify.py` does the same, in the same order, with the same words.

mod events;

use std::collections::BTreeSet;

use meguri_proofs::{Checkpoint, Note, OpenError, Tree, VerifierKey};

use crate::files::Files;
use crate::finding::{Code, Report};
use crate::form::sum;
use crate::names::{ALWAYS, EventFile, SUMS};
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

/// Checks all that a bundle says.
pub fn verify(files: &Files, expected: Expected<'_>) -> Report {
    let mut report = Report::default();
    if files.is_ambiguous() {
        report.find(Code::DuplicateFile, "zip");
        return report;
    }
    names(files, &mut report);
    sums(files, &mut report);
    let own = own_key(files, expected.key, &mut report);
    let tree = checkpoint(files, expected.key.or(own.as_ref()), &mut report);
    let events = events::read(files, tree.as_ref(), &mut report);
    relation::check(&events, expected.stream, &mut report);
    if expected.key.is_none() {
        report.doubt(Code::NoKey, "key");
    }
    report
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
    for (digest, name) in &listed {
        match files.get(name) {
            None => report.find(Code::MissingFile, *name),
            Some(bytes) if sum(bytes) != *digest => report.find(Code::SumDiffers, *name),
            Some(_) => {}
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
