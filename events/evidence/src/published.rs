//! Checking a published log (C2SP tlog-tiles): every bundle of entries and every tile leads to the
//! root that was signed.

use std::collections::VecDeque;

use meguri_proofs::{
    Builder, Bundle, Checkpoint, Note, OpenError, Piece, Published, Tile, Tree, VerifierKey,
};

use crate::finding::{Code, Report};

/// A published log being checked: it says which file it wants next, and is given it. Where the
/// files are, and how they are fetched, it does not know.
#[derive(Debug)]
pub struct Check {
    tree: Tree,
    report: Report,
    builder: Builder,
    bundles: u64,
    tiles: VecDeque<Piece>,
    is_broken: bool,
}

impl Check {
    /// Begins with the checkpoint of the log.
    ///
    /// # Errors
    /// The report, where there is nothing more to check.
    pub fn begin(checkpoint: &[u8], key: Option<&VerifierKey>) -> Result<Self, Box<Report>> {
        let mut report = Report::default();
        let Some(tree) = signed_tree(checkpoint, key, &mut report) else {
            return Err(Box::new(report));
        };
        Ok(Self {
            tree,
            report,
            builder: Builder::default(),
            bundles: 0,
            tiles: VecDeque::new(),
            is_broken: false,
        })
    }

    /// The file that [`Check::give`] takes next; none once everything was looked at.
    pub fn wants(&self) -> Option<Published> {
        match self.tiles.front() {
            Some(Piece::Tile(tile, _)) => return Some(Published::Tile(*tile)),
            Some(Piece::Bundle(bundle, _)) => return Some(Published::Bundle(*bundle)),
            None => {}
        }
        if self.is_broken {
            return None;
        }
        let next = Tile::in_tree(0, self.bundles, self.tree.size)?;
        next.bundle().map(Published::Bundle)
    }

    /// Looks at the file that is wanted; `None` where it is not there.
    pub fn give(&mut self, bytes: Option<&[u8]>) {
        let Some(wanted) = self.wants() else { return };
        if bytes.is_none() {
            self.report.find(Code::MissingFile, wanted.to_string());
        }
        match (wanted, self.tiles.pop_front()) {
            (Published::Tile(_), Some(piece)) => {
                if bytes.is_some_and(|bytes| bytes != piece.bytes()) {
                    self.report.find(Code::TileDiffers, piece.path());
                }
            }
            (Published::Bundle(bundle), _) => self.entries(bundle, bytes),
            (Published::Tile(_), None) => {}
        }
    }

    fn entries(&mut self, bundle: Bundle, bytes: Option<&[u8]>) {
        let entries = bytes.map(|bytes| bundle.decode(bytes));
        let Some(Ok(entries)) = entries else {
            // Without these entries nothing behind them can be hashed.
            self.is_broken = true;
            if entries.is_some() {
                self.report.find(Code::Malformed, bundle.to_string());
            }
            return;
        };
        self.bundles += 1;
        for entry in entries {
            let pieces = self.builder.push(entry);
            let pieces = pieces.expect("INVARIANT: it was read from a bundle, so it fits into one");
            let tiles = pieces
                .into_iter()
                .filter(|piece| matches!(piece, Piece::Tile(..)));
            self.tiles.extend(tiles);
        }
        if self.builder.tree().size == self.tree.size {
            let edge = self.builder.edge().into_iter();
            self.tiles
                .extend(edge.filter(|piece| matches!(piece, Piece::Tile(..))));
            if self.builder.tree() != self.tree {
                self.report.find(Code::RootDiffers, "checkpoint");
            }
        }
    }

    /// What was found, when nothing more is wanted.
    pub fn finish(self) -> Report {
        self.report
    }
}

/// The tree that a signed checkpoint speaks of; none where it is no checkpoint, which is found.
/// Where the key did not sign it that is found, and the rest can be checked by it all the same.
pub(crate) fn signed_tree(
    checkpoint: &[u8],
    key: Option<&VerifierKey>,
    report: &mut Report,
) -> Option<Tree> {
    const NAME: &str = "checkpoint";
    let note = Note::parse(checkpoint).ok();
    let said = note
        .as_ref()
        .and_then(|note| note.text().parse::<Checkpoint>().ok());
    let (Some(note), Some(said)) = (note, said) else {
        report.find(Code::BadCheckpoint, NAME);
        return None;
    };
    match key.map(|key| Checkpoint::open(&note, key)) {
        None => report.doubt(Code::NoKey, "key"),
        Some(Ok(_)) => {}
        Some(Err(OpenError::Signature(_))) => report.find(Code::BadSignature, NAME),
        Some(Err(OpenError::Origin { .. })) => report.find(Code::OtherLog, NAME),
        Some(Err(OpenError::Checkpoint(_))) => report.find(Code::BadCheckpoint, NAME),
    }
    report.told.log = Some((said.origin().to_owned(), said.tree().size));
    Some(*said.tree())
}
