//! What a new version of a view changes: found out before it serves, and told from then on.

use std::{io, path::Path};

use meguri_log::{Position, answered};

use crate::{
    files::{
        changes::{Diff, folder_of},
        compare::TableDiff,
        inspected_file::InspectedFile,
    },
    running::projector::{End, Projector, Trouble},
};

/// The older file is held still for the last so many events only: it cannot tidy up meanwhile.
const HELD_EVENTS_MAX: u64 = 1_000;

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("the older version stands at {older} only, and the new one at {newer} already")]
    Behind { older: Position, newer: Position },
    #[error("the older version stands at {older}, and the log ends at {log}: it has fallen back")]
    Beyond { older: Position, log: Position },
    #[error(transparent)]
    Projector(#[from] Trouble),
    #[error(transparent)]
    Folder(#[from] io::Error),
}

/// What came of bringing two versions to the same position.
enum Met {
    /// Both are there, and the older one is held.
    At(Position, InspectedFile),
    /// The new one came to its end before.
    Never(End),
}

impl Projector {
    /// Where this file takes the place of another version: folds up to where that stands, and
    /// writes down how many rows are equal there, how many are not. A comparison that fails stands
    /// in nobody's way. Answers where folding came to an end.
    pub async fn note_changes(&mut self) -> Option<End> {
        // One that was built before goes on from where it was left: it was compared then.
        let older = self.replaces.take().filter(|_| !self.file.is_built())?;
        let noted = self.note_changes_against(&older).await;
        self.until = None;
        match noted {
            Ok(end) => end,
            Err(unknown) => {
                let view = self.handle.name();
                tracing::warn!(view, %unknown, "what the new version changes is not known");
                None
            }
        }
    }

    async fn note_changes_against(&mut self, older: &Path) -> Result<Option<End>, Unknown> {
        let (position, mut inspected) = match self.meet(older).await? {
            Met::At(position, inspected) => (position, inspected),
            Met::Never(end) => return Ok(Some(end)),
        };
        let newer = self.file.database();
        // Counts and no rows: what people wrote belongs into no status.
        let tables = answered(inspected.changes(&newer))
            .await
            .map_err(Trouble::from)?;
        let changes = Diff {
            view: self.handle.name().to_owned(),
            position,
            here: folder_of(newer),
            there: folder_of(older.to_owned()),
            tables,
        };
        tracing::info!(
            view = changes.view,
            before = changes.there,
            now = changes.here,
            %position,
            equal = changes.tables.iter().map(TableDiff::equal).sum::<u64>(),
            differing = changes.tables.iter().map(TableDiff::differing).sum::<u64>(),
            "compared with the version that it takes the place of"
        );
        self.file.keep_changes(&changes)?;
        Ok(None)
    }

    /// Comes to where the older file stands, which may go on meanwhile.
    async fn meet(&mut self, older: &Path) -> Result<Met, Unknown> {
        loop {
            let mut inspected = answered(InspectedFile::open(older.to_owned()))
                .await
                .map_err(Trouble::from)?;
            answered(inspected.begin()).await.map_err(Trouble::from)?;
            let position = answered(inspected.position())
                .await
                .map_err(Trouble::from)?;
            let here = self.file.position();
            if position < here {
                let (older, newer) = (position, here);
                return Err(Unknown::Behind { older, newer });
            }
            let held = position.get() - here.get() <= HELD_EVENTS_MAX;
            if !held {
                answered(inspected.end()).await.map_err(Trouble::from)?;
            }
            self.until = Some(position);
            match self.catch_up().await {
                End::CaughtUp if self.file.position() < position => {
                    let (older, log) = (position, self.file.position());
                    return Err(Unknown::Beyond { older, log });
                }
                End::CaughtUp => {}
                end @ (End::Poison(_) | End::Mismatch(_) | End::Stopped) => {
                    return Ok(Met::Never(end));
                }
            }
            if held && self.file.position() == position {
                answered(self.file.commit()).await.map_err(Trouble::from)?;
                return Ok(Met::At(position, inspected));
            }
        }
    }
}
