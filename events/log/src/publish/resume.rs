//! Where a publisher begins: at the tree that was published last, if everything agrees on it.

use meguri_proofs::{Builder, Bundle, Checkpoint, Hash, Note, Tile, Tree};

use super::{
    PublishState, Refusal, SignedCheckpoint,
    refusal::KeptIn,
    store::Press,
    worker::{Stop, Worker, failed},
};
use crate::stream::Position;

impl Worker {
    /// The tree that was published last: signed by this key, and the same in the database, in the
    /// file outside of it, by the entries and by the tiles.
    pub(super) async fn resume(&self, press: &mut dyn Press) -> Result<Builder, Stop> {
        let stored = self.stored().await?;
        let outside = self.kept_outside().await?;
        let size = |known: &Option<SignedCheckpoint>| known.as_ref().map_or(0, |it| it.tree.size);
        let (in_database, in_file) = (size(&stored), size(&outside));
        let last = if in_file > in_database {
            outside
        } else {
            stored
        };
        let Some(last) = last else {
            return Ok(Builder::default());
        };
        let builder = self.builder(&last.tree).await?;
        if in_file < in_database {
            self.outside
                .write(last.note.clone())
                .await
                .map_err(failed)?;
        }
        // What was signed and not published before a crash, is now.
        if in_file > in_database && !press.keep_checkpoint(in_database, &last).await? {
            return Err(failed("another process has published meanwhile"));
        }
        self.tell(last, PublishState::Publishing);
        Ok(builder)
    }

    /// The last checkpoint of the database, once it is found to be true.
    async fn stored(&self) -> Result<Option<SignedCheckpoint>, Stop> {
        let Some(stored) = self.log.published().last_checkpoint().await? else {
            return Ok(None);
        };
        let tree = self.opened(stored.note.as_bytes(), KeptIn::Database)?;
        if tree != stored.tree {
            let reason = "its size and root are not those of its note".into();
            let kept_in = KeptIn::Database;
            return Err(Stop::Refused(Refusal::Foreign { kept_in, reason }));
        }
        self.agrees(&tree, KeptIn::Database).await?;
        Ok(Some(stored))
    }

    /// The checkpoint of the file outside of the database, once it is found to be true.
    async fn kept_outside(&self) -> Result<Option<SignedCheckpoint>, Stop> {
        let Some(note) = self.outside.read().await.map_err(failed)? else {
            return Ok(None);
        };
        let kept_in = || KeptIn::File(self.outside.path().into());
        let tree = self.opened(&note, kept_in())?;
        self.agrees(&tree, kept_in()).await?;
        Ok(Some(SignedCheckpoint {
            tree,
            // INVARIANT: a note is text, or it would not have opened.
            note: String::from_utf8_lossy(&note).into_owned(),
        }))
    }

    /// The tree that this log says it is in a note.
    fn opened(&self, note: &[u8], kept_in: KeptIn) -> Result<Tree, Stop> {
        let note = Note::parse(note).map_err(|error| error.to_string());
        let opened = note.and_then(|note| {
            let opened = Checkpoint::open(&note, &self.signer.verifier());
            opened.map_err(|error| error.to_string())
        });
        match opened {
            Ok(checkpoint) => Ok(*checkpoint.tree()),
            Err(reason) => Err(Stop::Refused(Refusal::Foreign { kept_in, reason })),
        }
    }

    /// Is a tree that was published still what the entries say?
    async fn agrees(&self, tree: &Tree, kept_in: KeptIn) -> Result<(), Stop> {
        let (published, head) = (tree.size, self.log.head().await?.position.get());
        if published > head {
            return Err(Stop::Refused(Refusal::Shorter {
                head,
                published,
                kept_in,
            }));
        }
        let frontier = self.log.frontier_at(Position::new(published)).await?;
        let found = frontier.root().0;
        if found == tree.root {
            return Ok(());
        }
        Err(Stop::Refused(Refusal::changed(tree, &found, kept_in)))
    }

    /// Goes on from the tiles of a tree.
    async fn builder(&self, tree: &Tree) -> Result<Builder, Stop> {
        let mut edge: Vec<(Tile, Vec<Hash>)> = Vec::new();
        for tile in Tile::edge(tree.size).filter(|tile| tile.level() != 0) {
            edge.push((tile, self.log.load_tile(tile).await?));
        }
        let entries = match Bundle::edge(tree.size) {
            Some(bundle) => self.log.load_bundle(bundle).await?,
            None => Vec::new(),
        };
        let given = |wanted| {
            let found = edge.iter().find(|(tile, _)| *tile == wanted);
            found.map(|(_, hashes)| hashes.as_slice())
        };
        let builder = Builder::resume(tree.size, &entries, given).map_err(failed)?;
        if builder.tree() == *tree {
            return Ok(builder);
        }
        let size = tree.size;
        Err(Stop::Refused(Refusal::Tiles { size }))
    }
}
