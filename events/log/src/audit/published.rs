//! What is published of the log, and kept as a shortcut, against the tree of its entries.

use std::{collections::VecDeque, path::Path};

use meguri_proofs::{Builder, Checkpoint, Hash, Note, Piece, Tile, Tree, VerifierKey, root};

use super::{
    Audit, AuditError,
    event::Checked,
    finding::{Finding, FindingKind, Place},
    store::{StoredCheckpoint, StoredTile},
};
use crate::{frontiers::KEPT_EVERY, log::Log, read::ReadError, stream::Position, tree::Frontier};

/// Tiles and checkpoints that are read at once.
const AT_ONCE: u32 = 64;

/// The tree of the entries so far, and what of the stored is compared next.
pub(super) struct PublishedTree {
    builder: Builder,
    frontier: Frontier,
    /// The first event from which on the tree cannot be told.
    broken: Option<Position>,
    verifier: Option<VerifierKey>,
    checkpoints: VecDeque<StoredCheckpoint>,
    /// The size of the last checkpoint that was read.
    read: u64,
    /// The size of the last checkpoint at the beginning: so far, all tiles are there.
    published: u64,
    outside: Option<Tree>,
    /// Stored tiles by level.
    tiles: Vec<VecDeque<StoredTile>>,
}

impl PublishedTree {
    pub(super) async fn begin(
        log: &Log,
        outside: Option<&Path>,
        audit: &mut Audit<'_>,
    ) -> Result<Self, AuditError> {
        let verifier = log.verifier().await;
        let verifier = verifier.unwrap_or_else(|error| {
            let reason = format!("the key that signs cannot be read: {error}");
            audit.found(Finding::new(Place::Head, FindingKind::Checkpoint, reason));
            None
        });
        let mut tree = Self {
            builder: Builder::default(),
            frontier: Frontier::default(),
            broken: None,
            verifier,
            checkpoints: VecDeque::new(),
            read: 0,
            published: 0,
            outside: None,
            tiles: Vec::new(),
        };
        let published = log.audited().audit_published().await;
        tree.published = published.map_err(ReadError::from)?;
        tree.outside = outside.and_then(|path| tree.outside(path, audit));
        Ok(tree)
    }

    /// The checkpoint that is kept outside of the database.
    fn outside(&self, path: &Path, audit: &mut Audit<'_>) -> Option<Tree> {
        let opened = match std::fs::read(path) {
            Ok(note) => self.opened(&note),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.to_string()),
        };
        let refuse = |reason| Finding::new(Place::Outside, FindingKind::Checkpoint, reason);
        opened.map_err(|reason| audit.found(refuse(reason))).ok()
    }

    /// The tree that a note says, if this log has signed it.
    fn opened(&self, note: &[u8]) -> Result<Tree, String> {
        let verifier = self.verifier.as_ref();
        let verifier = verifier.ok_or("no key is known that signs")?;
        let note = Note::parse(note).map_err(|error| error.to_string())?;
        let opened = Checkpoint::open(&note, verifier).map_err(|error| error.to_string())?;
        Ok(*opened.tree())
    }

    /// Takes in the next event, and compares what its entry completes.
    pub(super) async fn take(
        &mut self,
        log: &Log,
        event: &Checked,
        audit: &mut Audit<'_>,
    ) -> Result<(), AuditError> {
        if self.broken.is_some() {
            return Ok(());
        }
        let next = self.frontier.position().next();
        let pieces = event.entry.filter(|_| event.position == next).map(|entry| {
            self.frontier.push(&entry);
            self.builder.push(&entry)
        });
        let Some(Ok(pieces)) = pieces else {
            self.broken = Some(next);
            return Ok(());
        };
        for piece in pieces {
            if let Piece::Tile(tile, hashes) = piece {
                self.tile(log, tile, &hashes, audit).await?;
            }
        }
        if event.position.get().is_multiple_of(KEPT_EVERY) {
            self.kept_frontier(log, event.position, audit).await?;
        }
        self.checkpoints(log, audit).await
    }

    async fn tile(
        &mut self,
        log: &Log,
        tile: Tile,
        hashes: &[Hash],
        audit: &mut Audit<'_>,
    ) -> Result<(), AuditError> {
        let (level, number) = (tile.level(), tile.index());
        let place = Place::Tile(level, number);
        let Some(stored) = self.stored(log, level, number).await? else {
            if self.frontier.size() <= self.published {
                audit.found(Finding::new(place, FindingKind::Tile, "it is not there"));
            }
            return Ok(());
        };
        let (found, rest) = stored.hashes.as_chunks::<32>();
        if found.len() != hashes.len() || !rest.is_empty() {
            audit.found(Finding::new(
                place,
                FindingKind::Tile,
                "it is not 256 hashes",
            ));
            return Ok(());
        }
        audit.audited.tiles += 1;
        let first = number * hashes.len() as u64;
        for (index, (hash, found)) in (1..).zip(hashes.iter().zip(found)) {
            if hash == found {
                continue;
            }
            let at = first + index;
            audit.found(if level == 0 {
                let reason = format!("its entry is not the one in {place}");
                Finding::at(Position::new(at), FindingKind::Tile, reason)
            } else {
                let reason = format!("its hash {index} is not the tree's");
                Finding::new(place, FindingKind::Tile, reason)
            });
        }
        if stored.root != root(hashes) {
            let reason = "the root that is kept of it is not its own";
            audit.found(Finding::new(place, FindingKind::Tile, reason));
        }
        Ok(())
    }

    /// The stored tile of this level and number, if there is one. They are asked for in order.
    async fn stored(
        &mut self,
        log: &Log,
        level: u8,
        number: u64,
    ) -> Result<Option<StoredTile>, AuditError> {
        let index = usize::from(level);
        if self.tiles.len() <= index {
            self.tiles.resize_with(index + 1, VecDeque::new);
        }
        let tiles = &mut self.tiles[index];
        if tiles.is_empty() {
            let read = log.audited().audit_tiles(level, number, AT_ONCE).await;
            tiles.extend(read.map_err(ReadError::from)?);
        }
        let is_it = |tile: &mut StoredTile| u64::try_from(tile.number) == Ok(number);
        Ok(tiles.pop_front_if(is_it))
    }

    async fn kept_frontier(
        &self,
        log: &Log,
        position: Position,
        audit: &mut Audit<'_>,
    ) -> Result<(), AuditError> {
        let kept = log.store().kept_frontier(position).await;
        let kept = kept.map_err(ReadError::from)?;
        let wrong = kept.is_some_and(|(at, bytes)| {
            // It is a shortcut: where none is kept, nothing is lost.
            at == position && bytes != self.frontier.to_bytes()
        });
        if wrong {
            let place = Place::Frontier(position);
            audit.found(Finding::new(
                place,
                FindingKind::Frontier,
                "it is not the tree's",
            ));
        }
        Ok(())
    }

    /// Compares the checkpoints of this size.
    async fn checkpoints(&mut self, log: &Log, audit: &mut Audit<'_>) -> Result<(), AuditError> {
        let size = self.frontier.size();
        if self.outside.is_some_and(|outside| outside.size == size) {
            let outside = self.outside.take();
            if outside != Some(self.builder.tree()) {
                let reason = "it is signed, and not what the entries make";
                let finding = Finding::new(Place::Outside, FindingKind::Checkpoint, reason);
                audit.found(finding);
            }
        }
        if self.checkpoints.is_empty() && self.read < self.published {
            let read = log.audited().audit_checkpoints(self.read, AT_ONCE).await;
            self.checkpoints = read.map_err(ReadError::from)?.into();
            let last = self.checkpoints.back().map(|last| last.size);
            let last = last.and_then(|size| u64::try_from(size).ok());
            self.read = last.unwrap_or(self.published);
        }
        let reached = |it: &mut StoredCheckpoint| u64::try_from(it.size).is_ok_and(|it| it <= size);
        while let Some(checkpoint) = self.checkpoints.pop_front_if(reached) {
            self.checkpoint(&checkpoint, audit);
        }
        Ok(())
    }

    fn checkpoint(&self, stored: &StoredCheckpoint, audit: &mut Audit<'_>) {
        let tree = self.builder.tree();
        let reason = match self.opened(&stored.note) {
            Err(reason) => reason,
            Ok(said) if i64::try_from(said.size) != Ok(stored.size) || stored.root != said.root => {
                "its size and root are not those of its note".to_owned()
            }
            Ok(said) if said != tree => "it is signed, and not what the entries make".to_owned(),
            Ok(_) => {
                audit.audited.checkpoints += 1;
                return;
            }
        };
        let size = u64::try_from(stored.size).unwrap_or_default();
        let place = Place::Checkpoint(size);
        audit.found(Finding::new(place, FindingKind::Checkpoint, reason));
    }

    /// Finds what was published and is not in the log any more.
    pub(super) async fn finish(self, log: &Log, audit: &mut Audit<'_>) -> Result<(), AuditError> {
        let size = self.frontier.size();
        let mut missing = |place, published: u64| {
            let reason = match self.broken {
                Some(position) => format!("not compared: the tree breaks off at {position}"),
                None => format!("{published} events were published, and the log has {size}"),
            };
            audit.found(Finding::new(place, FindingKind::Checkpoint, reason));
        };
        if self.published > size {
            missing(Place::Checkpoint(self.published), self.published);
        }
        if let Some(outside) = self.outside.filter(|outside| outside.size > 0) {
            missing(Place::Outside, outside.size);
        }
        if self.broken.is_some() {
            return Ok(());
        }
        audit.audited.root = Some(self.frontier.root());
        // What was published meanwhile is true only as far as there are events now.
        let now = log.store().head().await.map_err(ReadError::from)?;
        for (level, width) in (0..8).map(|level| (level, 1_u64 << (8 * (level + 1).min(7)))) {
            let beyond = now.position.get() / width;
            let tiles = log.audited().audit_tiles(level, beyond, 1).await;
            for tile in tiles.map_err(ReadError::from)? {
                let place = Place::Tile(level, u64::try_from(tile.number).unwrap_or_default());
                audit.found(Finding::new(
                    place,
                    FindingKind::Tile,
                    "the log has no such tile",
                ));
            }
        }
        Ok(())
    }
}
