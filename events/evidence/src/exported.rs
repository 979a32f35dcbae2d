//! A log that was exported with its proofs, one JSON object a line: what its lines are, and how
//! each is checked by what was signed.

use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_proofs::{Hash, Proof, ProofError, Tree, VerifierKey, leaf, node};
use serde_json::json;

use crate::event::Header;
use crate::finding::{Code, Report};
use crate::form::hmac;
use crate::json;
use crate::published::signed_tree;

/// The longest line, in bytes: the first has a signed note of at most a million.
pub const LINE_BYTES_MAX: usize = 2 << 20;

/// The first line: the signed checkpoint that all others are proven by.
///
/// Where these are all events from one position on, it has what is left of the tree over the
/// events before them: `u64` big-endian of how many, and the roots of the perfect subtrees, largest
/// first. Where they are some, each has an inclusion path of its own.
pub fn first_line(checkpoint: &str, before: Option<&[u8]>) -> String {
    let line = match before {
        Some(before) => json!({"checkpoint": checkpoint, "tree": STANDARD.encode(before)}),
        None => json!({"checkpoint": checkpoint}),
    };
    line.to_string() + "\n"
}

/// An event as it is exported.
#[derive(Debug, Clone, Copy)]
pub struct Exported<'a> {
    /// Where it stands in the log, from 1.
    pub position: u64,
    /// Its header, byte for byte, and the bytes under which it was hashed; none where it was
    /// redacted.
    pub whole: Option<(&'a str, &'a [u8; 32])>,
    /// The bytes that the tree is made of.
    pub entry: &'a [u8; 33],
    /// Its inclusion path, where it is not one of all events from one position on ([`first_line`]).
    pub proof: Option<&'a Proof>,
}

impl Exported<'_> {
    /// The line of the event.
    pub fn line(&self) -> String {
        let position = self.position;
        let proof = self.proof.map_or_else(String::new, |proof| {
            let text = proof.to_string();
            let hashes: Vec<String> = text.lines().map(|line| format!("\"{line}\"")).collect();
            format!(",\"proof\":[{}]", hashes.join(","))
        });
        if let Some((header, blind)) = self.whole {
            let blind = STANDARD.encode(blind);
            format!(
                "{{\"position\":{position}{proof},\"blind\":\"{blind}\",\"header\":{header}}}\n"
            )
        } else {
            let entry = STANDARD.encode(self.entry);
            format!("{{\"position\":{position}{proof},\"entry\":\"{entry}\",\"header\":null}}\n")
        }
    }
}

/// An exported log being checked, line by line: however long it is, little of it is in memory.
#[derive(Debug)]
pub struct ExportCheck {
    tree: Tree,
    /// The tree over all events so far; none where each has a proof of its own.
    grown: Option<Grown>,
    report: Report,
    /// The position of the last event.
    last: u64,
    at: String,
}

impl ExportCheck {
    /// Begins with the first line.
    ///
    /// # Errors
    /// The report, where there is nothing more to check.
    pub fn begin(line: &[u8], key: Option<&VerifierKey>) -> Result<Self, Box<Report>> {
        let mut report = Report::default();
        let read = json::read(line);
        let field = |name| read.as_ref().and_then(|read| read.get(name)?.as_str());
        let grown = field("tree").map(Grown::parse);
        let (Some(checkpoint), None | Some(Some(_))) = (field("checkpoint"), &grown) else {
            report.find(Code::Malformed, "line 1");
            return Err(Box::new(report));
        };
        let tree = signed_tree(checkpoint.as_bytes(), key, &mut report);
        let Some(tree) = tree else {
            return Err(Box::new(report));
        };
        let grown = grown.flatten();
        let mut check = Self {
            tree,
            last: grown.as_ref().map_or(0, |grown| grown.size),
            grown,
            report,
            at: String::new(),
        };
        check.compare();
        Ok(check)
    }

    /// Looks at the next line.
    pub fn line(&mut self, line: &[u8]) {
        let Some(read) = Line::parse(line) else {
            let at = format!("after position {}", self.last);
            self.report.find(Code::Malformed, at);
            return;
        };
        let position = read.position;
        let name = format!("position {position}");
        if position <= self.last {
            self.report.find(Code::PositionGap, &name);
            return;
        }
        if let Some(header) = read.header {
            match Header::parse(header) {
                Some(header) if header.at < self.at => self.report.find(Code::TimeOrder, &name),
                Some(header) => self.at = header.at,
                None => self.report.find(Code::BadHeader, &name),
            }
        }
        let before = std::mem::replace(&mut self.last, position);
        self.prove(&read, before, &name);
    }

    fn prove(&mut self, read: &Line<'_>, before: u64, name: &str) {
        let (position, leaf) = (read.position, leaf(&read.entry));
        let found = match (&mut self.grown, &read.proof) {
            (None, Some(proof)) => match proof.verify_inclusion(&leaf, position - 1, &self.tree) {
                Ok(()) => return,
                Err(ProofError::NoSuchEntry { .. }) => Code::AfterCheckpoint,
                Err(_) => Code::NotIncluded,
            },
            (None, None) | (Some(_), Some(_)) => Code::Malformed,
            (Some(_), None) if position != before + 1 => Code::PositionGap,
            (Some(_), None) if position > self.tree.size => Code::AfterCheckpoint,
            (Some(grown), None) => {
                grown.push(leaf);
                return self.compare();
            }
        };
        self.report.find(found, name);
    }

    /// Where all events are there that were signed, they lead to what was signed.
    fn compare(&mut self) {
        let tree = self.tree;
        let differs = |grown: &Grown| grown.size == tree.size && grown.root() != tree.root;
        if self.grown.as_ref().is_some_and(differs) {
            self.report.find(Code::RootDiffers, "checkpoint");
        }
    }

    /// What was found, after the last line.
    pub fn finish(mut self) -> Report {
        let size = self.tree.size;
        let cut = self.grown.as_ref().filter(|grown| grown.size != size);
        if let Some(grown) = cut {
            let missing = format!("position {}", grown.size.saturating_add(1));
            self.report.find(Code::PositionGap, missing);
        }
        self.report
    }
}

/// One line, as it was read.
struct Line<'l> {
    position: u64,
    entry: [u8; 33],
    header: Option<&'l [u8]>,
    proof: Option<Proof>,
}

impl<'l> Line<'l> {
    /// Reads a line that has exactly the form of [`Exported::line`].
    fn parse(line: &'l [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"position\":")?.strip_suffix(b"}\n")?;
        let (number, mut rest) = rest.split_at(rest.iter().position(|byte| *byte == b',')?);
        let number = std::str::from_utf8(number).ok()?;
        let position: u64 = number.parse().ok()?;
        if position == 0 || position.to_string() != number {
            return None;
        }
        let mut proof = None;
        if let Some(behind) = rest.strip_prefix(b",\"proof\":[") {
            let (hashes, behind) = behind.split_at(behind.iter().position(|byte| *byte == b']')?);
            proof = Some(read_proof(std::str::from_utf8(hashes).ok()?)?);
            rest = &behind[1..];
        }
        let (entry, header) = if let Some(behind) = rest.strip_prefix(b",\"entry\":\"") {
            let (entry, behind) = behind.split_at_checked(44)?;
            (behind == b"\",\"header\":null").then_some(())?;
            (STANDARD.decode(entry).ok()?.try_into().ok()?, None)
        } else {
            let (blind, behind) = rest.strip_prefix(b",\"blind\":\"")?.split_at_checked(44)?;
            let header = behind.strip_prefix(b"\",\"header\":")?;
            let blind: [u8; 32] = STANDARD.decode(blind).ok()?.try_into().ok()?;
            let mut entry = [1; 33];
            entry[1..].copy_from_slice(&hmac(&blind, header));
            (entry, Some(header))
        };
        Some(Self {
            position,
            entry,
            header,
            proof,
        })
    }
}

fn read_proof(hashes: &str) -> Option<Proof> {
    let mut text = String::new();
    for hash in hashes.split(',').filter(|_| !hashes.is_empty()) {
        text.push_str(hash.strip_prefix('"')?.strip_suffix('"')?);
        text.push('\n');
    }
    text.parse().ok()
}

/// The tree over the first events: enough to go on and to tell its root (RFC 6962, section 2.1).
#[derive(Debug)]
struct Grown {
    size: u64,
    /// The roots of the perfect subtrees, largest first, one for each one bit of `size`.
    subtrees: Vec<Hash>,
}

impl Grown {
    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (size, subtrees) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(*size);
        let (subtrees, rest) = subtrees.as_chunks::<32>();
        let complete = u32::try_from(subtrees.len()) == Ok(size.count_ones());
        let is_one = complete && rest.is_empty() && i64::try_from(size).is_ok();
        is_one.then(|| Self {
            size,
            subtrees: subtrees.to_vec(),
        })
    }

    fn push(&mut self, leaf: Hash) {
        let complete = self.size.trailing_ones() as usize;
        let kept = self.subtrees.len() - complete;
        let right = self.subtrees.drain(kept..).rev();
        let hash = right.fold(leaf, |hash, left| node(&left, &hash));
        self.subtrees.push(hash);
        self.size += 1;
    }

    fn root(&self) -> Hash {
        let mut smallest_first = self.subtrees.iter().rev();
        let Some(smallest) = smallest_first.next() else {
            return Tree::EMPTY.root;
        };
        smallest_first.fold(*smallest, |right, left| node(left, &right))
    }
}
