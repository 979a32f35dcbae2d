//! Where a publisher begins: at the tree that was signed last, if everything agrees on it and it is
//! certain that nothing was signed since.

use meguri_proofs::{Builder, Bundle, Checkpoint, Hash, Note, Tile, Tree};

use super::{
    LastSigned, PublishState, Refusal, SignedCheckpoint,
    place::Standing,
    refusal::KeptIn,
    store::Press,
    worker::{Stop, Worker, failed},
};
use crate::stream::Position;

impl Worker {
    /// The tree that was signed last: by this key, and the same in the database, in the files
    /// outside of it, by the entries and by the tiles. Nobody has signed a larger one since.
    pub(super) async fn resume(
        &self,
        press: &mut dyn Press,
    ) -> Result<(Builder, Option<SignedCheckpoint>), Stop> {
        let turn = self.outside.turn().await.map_err(Stop::Failed)?;
        let stored = self.stored().await?;
        let mut last = stored.clone();
        for (kept_in, note) in self.kept_notes().await? {
            let found = self.agreed(&note, kept_in).await?;
            let known = last.as_ref().map_or(0, |last| last.tree.size);
            if found.tree.size > known {
                last = Some(found);
            }
        }
        self.nothing_later(last.as_ref()).await?;
        self.settle(last.as_ref()).await?;
        let builder = match &stored {
            Some(stored) => self.builder(&stored.tree).await?,
            None => Builder::default(),
        };
        let Some(last) = last else {
            return Ok((builder, None));
        };
        let in_database = builder.tree().size;
        let builder = self.reach(press, builder, &last.tree).await?;
        // What was signed and not published before a crash, is now.
        let last = if last.tree.size > in_database {
            self.completed(last).await?
        } else {
            last
        };
        self.outside.write(&last.note).await.map_err(Stop::Failed)?;
        if last.tree.size > in_database && !press.keep_checkpoint(in_database, &last).await? {
            return Err(failed("another process has published meanwhile"));
        }
        drop(turn);
        self.tell(last.clone(), PublishState::Publishing);
        Ok((builder, Some(last)))
    }

    /// Every note that this log is said to have signed last, apart from what the database has
    /// published.
    async fn kept_notes(&self) -> Result<Vec<(KeptIn, Vec<u8>)>, Stop> {
        let mut notes = Vec::new();
        if let Some(note) = self.log.published().signed().await? {
            notes.push((KeptIn::Database, note.into_bytes()));
        }
        for (kept_in, note) in self.outside.read().await.map_err(Stop::Failed)? {
            notes.extend(note.map(|note| (kept_in, note)));
        }
        if let Some((path, note)) = self.place.last().map_err(Stop::Failed)? {
            notes.push((KeptIn::File(path), note.into_bytes()));
        }
        if let Some(LastSigned::Checkpoint(note)) = &self.last_signed {
            notes.push((KeptIn::Given, note.clone()));
        }
        Ok(notes)
    }

    /// The last checkpoint of the database, once it is found to be true.
    async fn stored(&self) -> Result<Option<SignedCheckpoint>, Stop> {
        let Some(stored) = self.log.published().last_checkpoint().await? else {
            return Ok(None);
        };
        let found = self.agreed(stored.note.as_bytes(), KeptIn::Database);
        let found = found.await?;
        if found.tree != stored.tree {
            let reason = "its size and root are not those of its note".into();
            let kept_in = KeptIn::Database;
            return Err(Stop::Refused(Refusal::Foreign { kept_in, reason }));
        }
        Ok(Some(stored))
    }

    /// A note as the checkpoint that it is, once the log is found to agree with it.
    async fn agreed(&self, note: &[u8], kept_in: KeptIn) -> Result<SignedCheckpoint, Stop> {
        let foreign = |reason| {
            let kept_in = kept_in.clone();
            Stop::Refused(Refusal::Foreign { kept_in, reason })
        };
        let text = std::str::from_utf8(note).map_err(|error| foreign(error.to_string()))?;
        let note = Note::parse(text).map_err(|error| foreign(error.to_string()))?;
        let opened = Checkpoint::open(&note, &self.signer.verifier());
        let tree = *opened.map_err(|error| foreign(error.to_string()))?.tree();
        self.agrees(&tree, kept_in).await?;
        Ok(SignedCheckpoint {
            tree,
            note: text.to_owned(),
        })
    }

    /// Is a tree that was signed still what the entries say?
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

    /// Makes sure that nobody has signed more of this log than the last checkpoint that is known
    /// here: no witness has seen more, and the log is where it was when it signed last; or somebody
    /// has said so.
    async fn nothing_later(&self, last: Option<&SignedCheckpoint>) -> Result<(), Stop> {
        let mut witnessed = false;
        if let Some(last) = last
            && self.cosigning.is_asked_for()
        {
            let checkpoint = self.checkpoint(last.tree)?;
            let asked = self.cosigning.nothing_later(&self.log, &checkpoint, last);
            witnessed = asked.await?;
        }
        let standing = self.place.standing(&self.log).await;
        let Standing::Moved {
            was,
            is,
            shares_files,
        } = standing.map_err(Stop::Failed)?
        else {
            return Ok(());
        };
        // A file elsewhere is read before each signature, also by what this one may be a copy of.
        let shared = shares_files && last.is_some();
        if witnessed || shared || self.last_signed.is_some() {
            tracing::info!(was, is, "the log was moved, and nothing was signed since");
            return Ok(());
        }
        Err(Stop::Refused(Refusal::Moved { was, is }))
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
        reached(builder, tree)
    }

    /// Goes on from there to a larger tree, and keeps the tiles on the way.
    async fn reach(
        &self,
        press: &mut dyn Press,
        mut builder: Builder,
        tree: &Tree,
    ) -> Result<Builder, Stop> {
        self.grow(press, &mut builder, tree.size).await?;
        reached(builder, tree)
    }
}

/// The builder, if the tiles have led it to this tree.
fn reached(builder: Builder, tree: &Tree) -> Result<Builder, Stop> {
    if builder.tree() == *tree {
        return Ok(builder);
    }
    let size = tree.size;
    Err(Stop::Refused(Refusal::Tiles { size }))
}
