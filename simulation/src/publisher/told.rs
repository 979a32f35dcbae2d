//! What was signed, as far as anybody has seen it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use meguri_log::simulation::Trace;
use meguri_proofs::{Checkpoint, Hash, Note, Tree, VerifierKey, hash_to_base64};

use crate::Wrong;

/// Everything that was seen of one key.
pub(super) struct Told {
    key: VerifierKey,
    /// Whether two trees of one size are not even signed.
    is_strict: bool,
    trace: Arc<dyn Trace>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The one root of each size, and where it was seen first.
    roots: BTreeMap<u64, (Hash, String)>,
    /// What each witness has cosigned last.
    cosigned: BTreeMap<u32, Tree>,
    /// The largest tree that each process has said.
    said: BTreeMap<u32, u64>,
    /// Notes that were looked at: they are seen again and again.
    notes: BTreeMap<String, Option<Tree>>,
    violations: Vec<String>,
}

impl Told {
    pub(super) fn new(key: VerifierKey, is_strict: bool, trace: Arc<dyn Trace>) -> Self {
        Self {
            key,
            is_strict,
            trace,
            seen: Mutex::default(),
        }
    }

    /// A note was seen where it is kept before it is published, or where a witness is asked.
    pub(super) fn sign(&self, place: &str, note: &str) {
        if self.is_strict {
            self.tell(place, note);
        }
    }

    /// A note was published here.
    pub(super) fn tell(&self, place: &str, note: &str) -> Option<Tree> {
        if let Some(tree) = self.seen().notes.get(note) {
            return *tree;
        }
        let tree = self.open(place, note);
        self.seen().notes.insert(note.to_owned(), tree);
        tree
    }

    fn open(&self, place: &str, note: &str) -> Option<Tree> {
        let opened = Note::parse(note).ok();
        let opened = opened.and_then(|note| Checkpoint::open(&note, &self.key).ok());
        let Some(checkpoint) = opened else {
            self.violate(format!("{place} holds no checkpoint of this log"));
            return None;
        };
        let tree = *checkpoint.tree();
        let mut seen = self.seen();
        match seen.roots.get(&tree.size) {
            None => {
                let root = hash_to_base64(&tree.root);
                self.trace
                    .note(None, format_args!("{place}: {} {root}", tree.size));
                seen.roots.insert(tree.size, (tree.root, place.to_owned()));
            }
            Some((root, _)) if *root == tree.root => {}
            Some((_, first)) => {
                let two = format!(
                    "two trees of {} entries are signed: seen first at {first}, then at {place}",
                    tree.size
                );
                drop(seen);
                self.violate(two);
            }
        }
        Some(tree)
    }

    /// A process says that this is what is published.
    pub(super) fn say(&self, process: u32, note: &str) {
        let Some(tree) = self.tell(&format!("process {process}"), note) else {
            return;
        };
        let before = self.seen().said.insert(process, tree.size);
        if before.is_some_and(|before| before > tree.size) {
            self.violate(format!("process {process} went back to {}", tree.size));
        }
    }

    /// A witness has cosigned.
    pub(super) fn cosign(&self, witness: u32, tree: Tree) {
        let before = self.seen().cosigned.insert(witness, tree);
        let follows = |before: Tree| before.size < tree.size || before == tree;
        if !before.is_none_or(follows) {
            let size = tree.size;
            self.violate(format!(
                "witness {witness} cosigned two stories, of {size} entries"
            ));
        }
    }

    pub(super) fn violate(&self, what: String) {
        self.trace.note(None, format_args!("VIOLATION: {what}"));
        self.seen().violations.push(what);
    }

    /// All that was wrong.
    pub(super) fn wrong(&self) -> Vec<Wrong> {
        let seen = self.seen();
        let violations = seen.violations.iter().cloned();
        violations.map(Wrong::Broken).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
