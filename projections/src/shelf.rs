//! The folders of one view: which is live, which came before it, and which is being built.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::Log;
use serde::{Deserialize, Serialize};

use crate::{
    store::{StoreError, ViewFile},
    view::AnyView,
};

/// The file that names the live folder. It is replaced as a whole, so that at any moment it names
/// either the old folder or the new one.
const CURRENT: &str = "current";

/// All folders of one view, `<views>/<name>/<version>-<fingerprint>[.<rebuild>]/`.
pub(crate) struct Shelf {
    dir: PathBuf,
    view: Arc<dyn AnyView>,
    readers: u32,
}

/// What [`CURRENT`] says.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    live: String,
    previous: Option<String>,
}

impl Shelf {
    pub(crate) fn open(views: &Path, view: Arc<dyn AnyView>, readers: u32) -> io::Result<Self> {
        let dir = views.join(view.name());
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, view, readers })
    }

    /// The live file, where there is one of today's fingerprint and of this log. Where the live one
    /// is of another release, or damaged, the one before it is live again, if that is sound.
    pub(crate) async fn live(&self, log: &Log) -> Result<Option<ViewFile>, StoreError> {
        let Current { live, previous } = self.current();
        for folder in [Some(&live), previous.as_ref()].into_iter().flatten() {
            if self.number(folder).is_none() {
                continue;
            }
            let there = self.dir.join(folder).is_dir();
            if let Some(file) = if there {
                self.sound(folder, log).await?
            } else {
                None
            } {
                if *folder == live {
                    self.sweep()?;
                } else {
                    self.make_live(folder)?;
                }
                return Ok(Some(file));
            }
            self.discard(folder)?;
        }
        Ok(None)
    }

    /// A file to build into: one that was begun and not finished, or a new one.
    pub(crate) async fn unfinished(&self, log: &Log) -> Result<ViewFile, StoreError> {
        if let Some(begun) = self.begun()? {
            if let Some(file) = self.sound(&begun, log).await? {
                return Ok(file);
            }
            self.discard(&begun)?;
        }
        self.fresh().await
    }

    /// An empty file beside all others; one that was begun and not finished is given up.
    pub(crate) async fn fresh(&self) -> Result<ViewFile, StoreError> {
        while let Some(begun) = self.begun()? {
            self.discard(&begun)?;
        }
        let folder = self.next()?;
        Ok(ViewFile::open(&self.dir, &folder, self.view.schema(), self.readers).await?)
    }

    /// Makes this folder the live one, and removes all but the one that was live before.
    pub(crate) fn make_live(&self, folder: &str) -> io::Result<()> {
        let before = self.current().live;
        let previous = self.dir.join(&before).is_dir() && !before.is_empty() && before != folder;
        let current = Current {
            live: folder.to_owned(),
            previous: previous.then_some(before),
        };
        let beside = self.dir.join("current.new");
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string(&current)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.dir.join(CURRENT))?;
        File::open(&self.dir)?.sync_all()?;
        self.sweep()?;
        Ok(())
    }

    /// Removes every folder but the live one and the one before it.
    fn sweep(&self) -> io::Result<()> {
        let Current { live, previous } = self.current();
        for folder in self.folders()? {
            if folder != live && Some(&folder) != previous.as_ref() {
                fs::remove_dir_all(self.dir.join(folder))?;
            }
        }
        Ok(())
    }

    /// Removes a folder that is of no use, if it is there. If it was live, nothing is now.
    fn discard(&self, folder: &str) -> io::Result<()> {
        if self.current().live == folder {
            fs::remove_file(self.dir.join(CURRENT))?;
        }
        match fs::remove_dir_all(self.dir.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The file in this folder, unless it is damaged or of another log.
    async fn sound(&self, folder: &str, log: &Log) -> Result<Option<ViewFile>, StoreError> {
        match ViewFile::open(&self.dir, folder, self.view.schema(), self.readers).await {
            Ok(file) if file.is_of(log).await? => Ok(Some(file)),
            Ok(_) => {
                tracing::warn!(
                    view = self.view.name(),
                    folder,
                    "of another log, built anew"
                );
                Ok(None)
            }
            Err(error) if is_damaged(&error) => {
                tracing::warn!(view = self.view.name(), folder, %error, "damaged, built anew");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A folder of today's fingerprint that never became live.
    fn begun(&self) -> io::Result<Option<String>> {
        let Current { live, previous } = self.current();
        let mut folders = self.folders()?.into_iter();
        Ok(folders.find(|folder| {
            let taken = *folder == live || Some(folder) == previous.as_ref();
            !taken && self.number(folder).is_some()
        }))
    }

    fn current(&self) -> Current {
        // A pointer that cannot be read points nowhere: the view is built anew.
        let text = fs::read(self.dir.join(CURRENT)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// All folders, oldest build first.
    fn folders(&self) -> io::Result<Vec<String>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.extend(entry.file_name().into_string());
            }
        }
        folders.sort_by_key(|folder| self.number(folder));
        Ok(folders)
    }

    fn stem(&self) -> String {
        format!("{}-{}", self.view.version(), self.view.fingerprint())
    }

    /// Which build of today's fingerprint a folder is; none where it is of another fingerprint.
    fn number(&self, folder: &str) -> Option<u32> {
        match folder.strip_prefix(&self.stem())?.strip_prefix('.') {
            Some(number) => number.parse().ok(),
            None => (folder == self.stem()).then_some(1),
        }
    }

    fn next(&self) -> io::Result<String> {
        let folders = self.folders()?;
        Ok(
            match folders
                .iter()
                .filter_map(|folder| self.number(folder))
                .max()
            {
                Some(number) => format!("{}.{}", self.stem(), number + 1),
                None => self.stem(),
            },
        )
    }
}

/// Whether the file is no database, or one without what every view has.
fn is_damaged(error: &sqlx::Error) -> bool {
    const SQLITE_CORRUPT: &str = "11";
    const SQLITE_NOTADB: &str = "26";
    if matches!(error, sqlx::Error::RowNotFound) {
        return true;
    }
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
}
