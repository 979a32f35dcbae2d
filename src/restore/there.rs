//! What stands where a log is to be restored.

use std::fmt;
use std::path::{Path, PathBuf};

use meguri_log::FileFound;

use crate::storage::LOG_FILE;

/// Files beside a log that hold a part of it until it is brought into the log's own.
const JOURNALS: [&str; 2] = ["-wal", "-journal"];

/// Something stands in the place of the log, and is not written over.
#[derive(Debug)]
pub struct InPlace {
    path: PathBuf,
    found: Found,
}

#[derive(Debug)]
enum Found {
    At(FileFound),
    Journal,
}

/// What stands there; nothing where a log may be restored.
pub(super) fn in_place_of_the_log(data: &Path) -> Option<InPlace> {
    let path = data.join(LOG_FILE);
    let found = FileFound::at(&path);
    if found != FileFound::Nothing {
        return Some(InPlace {
            path,
            found: Found::At(found),
        });
    }
    let journals = JOURNALS.map(|end| data.join(format!("{LOG_FILE}{end}")));
    let journal = journals.into_iter().find(|path| path.exists());
    journal.map(|path| InPlace {
        path,
        found: Found::Journal,
    })
}

impl fmt::Display for InPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.found {
            Found::At(FileFound::Database) => write!(
                out,
                "there is a log already, {path}, and it is never written over: name another folder \
                 with `--data`"
            ),
            Found::At(found) => write!(
                out,
                "{path} {found}, which is no log, and is not written over: move it away, or name \
                 another folder with `--data`"
            ),
            Found::Journal => write!(
                out,
                "{path} is left of a log, may hold the newest of its events, and is not written \
                 over: move it away, or name another folder with `--data`"
            ),
        }
    }
}

impl std::error::Error for InPlace {}
