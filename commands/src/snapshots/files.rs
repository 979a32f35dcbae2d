//! The files of snapshots: one for each stream, under the fingerprint of the folds that they were
//! made by, so many at most. None of them is needed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use lru::LruCache;
use meguri_log::StreamName;
use sha2::{Digest, Sha256};

use super::Stored;
use crate::snapshot::FOLDS;

/// The folder of the snapshots, in the one that is given.
const FOLDER: &str = "snapshots";
/// Counted up when the form of the files changes.
const FORM: u32 = 1;
/// Files in all; the one that was used longest ago goes. One has about 400 bytes.
const FILES_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
const FILE_BYTES_MAX: u64 = 4_096;
/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".new";

/// The files of one fingerprint.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    /// The names of those that are there, so that nobody looks for others.
    names: Mutex<LruCache<String, ()>>,
    /// Whether it was said that one was thrown away.
    told: AtomicBool,
}

impl Files {
    /// Opens the files of these folds, and removes those of others.
    pub(super) fn open(dir: &Path) -> Option<Self> {
        Self::at_most(FILES_MAX, dir)
    }

    fn at_most(most: NonZeroUsize, dir: &Path) -> Option<Self> {
        let all = dir.join(FOLDER);
        let folder = all.join(fingerprint());
        match tidy(&all, &folder, most) {
            Ok(names) => Some(Self {
                folder,
                names: Mutex::new(names),
                told: AtomicBool::new(false),
            }),
            Err(error) => {
                tracing::warn!(%error, "no snapshots of long streams are kept");
                None
            }
        }
    }

    /// The snapshot of a stream, if there is one, or what is wrong with it.
    pub(super) async fn read(&self, stream: &StreamName) -> Option<Result<Stored, &'static str>> {
        let name = file_name(stream);
        self.names().get(&name)?;
        let path = self.folder.join(name);
        let is_small = |file: fs::Metadata| file.is_file() && file.len() <= FILE_BYTES_MAX;
        if !tokio::fs::metadata(&path).await.is_ok_and(is_small) {
            return Some(Err("its file is gone, or none of ours"));
        }
        let bytes = tokio::fs::read(&path).await.unwrap_or_default();
        Some(match of_bytes(&bytes) {
            Some(stored) if stored.stream == *stream => Ok(stored),
            Some(_) => Err("it is of another stream"),
            None => Err("its file is damaged"),
        })
    }

    /// Writes a snapshot: all of it, or nothing that anybody would believe.
    pub(super) async fn write(&self, stored: &Stored) {
        let name = file_name(&stored.stream);
        let path = self.folder.join(&name);
        if let Err(error) = self.try_write(&path, to_bytes(stored)).await {
            tracing::debug!(%error, "a snapshot cannot be written");
            return;
        }
        let pushed_out = self.names().push(name.clone(), ());
        if let Some((other, ())) = pushed_out.filter(|(other, ())| *other != name) {
            self.remove(&other).await;
        }
    }

    async fn try_write(&self, path: &Path, bytes: Vec<u8>) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let unfinished = path.with_extension(UNFINISHED.trim_start_matches('.'));
        tokio::fs::write(&unfinished, bytes).await?;
        tokio::fs::rename(&unfinished, path).await
    }

    /// Removes a snapshot that is not to be believed, and says so once.
    pub(super) async fn throw_away(&self, stream: &StreamName, wrong: &'static str) {
        let name = file_name(stream);
        self.names().pop(&name);
        self.remove(&name).await;
        metrics::counter!("meguri_snapshots_thrown_away_total").increment(1);
        if self.told.swap(true, Ordering::Relaxed) {
            tracing::debug!(%stream, wrong, "a snapshot is thrown away");
        } else {
            tracing::warn!(
                %stream, wrong,
                "a snapshot is thrown away, and grows back; of others this is not said again"
            );
        }
    }

    async fn remove(&self, name: &str) {
        let removed = tokio::fs::remove_file(self.folder.join(name)).await;
        if let Err(error) = removed.or_else(gone_is_fine) {
            tracing::debug!(%error, "a snapshot cannot be removed");
        }
    }

    fn names(&self) -> MutexGuard<'_, LruCache<String, ()>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        return Ok(());
    }
    Err(error)
}

/// Makes the folder, removes what does not belong into it, and answers what is there, the one that
/// was written last in the end.
fn tidy(all: &Path, folder: &Path, most: NonZeroUsize) -> io::Result<LruCache<String, ()>> {
    // Links are none of ours either.
    if fs::symlink_metadata(all).is_ok_and(|it| !it.is_dir()) {
        fs::remove_file(all)?;
    }
    fs::create_dir_all(all)?;
    for entry in fs::read_dir(all)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        if is_folder && entry.path() != folder {
            tracing::info!("snapshots of other folds are thrown away, and grow back");
            fs::remove_dir_all(entry.path())?;
        } else if !is_folder {
            fs::remove_file(entry.path())?;
        }
    }
    fs::create_dir_all(folder)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if is_file_name(&name) {
            found.push((entry.metadata()?.modified()?, name));
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    found.sort_unstable();
    let mut names = LruCache::new(most);
    for (_, name) in found {
        if let Some((older, ())) = names.push(name, ()) {
            fs::remove_file(folder.join(older))?;
        }
    }
    Ok(names)
}

/// The form of the files and the folds that their snapshots were made by, in 16 hex digits.
fn fingerprint() -> String {
    let mut all = Sha256::new();
    all.update(format!("form {FORM}\n"));
    for (name, fold) in FOLDS {
        all.update(format!("{name} {fold}\n"));
    }
    hex::encode(&all.finalize()[..8])
}

/// One for each stream, whatever is in its name.
fn file_name(stream: &StreamName) -> String {
    hex::encode(&Sha256::digest(stream.as_str())[..16])
}

fn is_file_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|it| it.is_ascii_hexdigit())
}

/// A line of JSON, and a line with the SHA-256 of that and of what it was made by.
fn to_bytes(stored: &Stored) -> Vec<u8> {
    let json = serde_json::to_string(stored);
    let json = json.expect("INVARIANT: numbers, ids and names are always JSON");
    let digest = digest(&json);
    format!("{json}\n{digest}\n").into_bytes()
}

fn of_bytes(bytes: &[u8]) -> Option<Stored> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (json, said) = text.strip_suffix('\n')?.split_once('\n')?;
    let stored = serde_json::from_str(json).ok();
    stored.filter(|_| said == digest(json))
}

fn digest(json: &str) -> String {
    hex::encode(Sha256::digest(format!("{}{json}", fingerprint())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use meguri_log::{Position, Version};
    use uuid::Uuid;

    use super::*;

    fn stored(number: u64) -> Stored {
        Stored {
            stream: format!("exchange-{number}").parse().unwrap(),
            version: Version::new(4_998),
            position: Position::new(123_456),
            event: Uuid::from_u128(7),
            rests_on: [1, 2, 4_998].map(Version::new).to_vec(),
        }
    }

    #[test]
    fn a_file_of_which_any_bit_is_turned_or_any_end_is_missing_says_nothing() {
        let bytes = to_bytes(&stored(1));
        assert_eq!(of_bytes(&bytes), Some(stored(1)));
        for (place, bit) in (0..bytes.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
            let mut turned = bytes.clone();
            turned[place] ^= 1 << bit;
            assert_eq!(of_bytes(&turned), None, "bit {bit} of byte {place}");
        }
        for end in 0..bytes.len() {
            assert_eq!(of_bytes(&bytes[..end]), None, "cut after {end}");
        }
    }

    #[tokio::test]
    async fn of_many_files_those_used_last_are_kept_also_over_a_start() {
        let (dir, most) = (tempfile::tempdir().unwrap(), NonZeroUsize::new(3).unwrap());
        let kept = async |files: &Files| {
            let mut kept = vec![];
            for number in 0..9 {
                if let Some(Ok(found)) = files.read(&stored(number).stream).await {
                    assert_eq!(found, stored(number));
                    kept.push(number);
                }
            }
            kept
        };
        let files = Files::at_most(most, dir.path()).unwrap();
        for number in 0..9 {
            files.write(&stored(number)).await;
            files.read(&stored(0).stream).await;
        }
        assert_eq!(kept(&files).await, [0, 7, 8]);
        assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 3);
        let two = NonZeroUsize::new(2).unwrap();
        let files = Files::at_most(two, dir.path()).unwrap();
        assert_eq!(kept(&files).await, [7, 8], "those written last");
        assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_is_of_other_folds_or_nothing_of_ours_is_thrown_away_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let all = dir.path().join(FOLDER);
        fs::write(&all, "a file in the folder's place").unwrap();
        let files = Files::open(dir.path()).unwrap();
        files.write(&stored(1)).await;
        let other = all.join("0123456789abcdef");
        fs::rename(&files.folder, &other).unwrap();
        fs::write(all.join("note"), "of somebody").unwrap();
        let files = Files::open(dir.path()).unwrap();
        assert!(files.read(&stored(1).stream).await.is_none());
        assert!(!other.exists() && !all.join("note").exists());
        files.write(&stored(1)).await;
        fs::write(
            files
                .folder
                .join(format!("{}.new", file_name(&stored(1).stream))),
            "{",
        )
        .unwrap();
        fs::create_dir(files.folder.join("a")).unwrap();
        let files = Files::open(dir.path()).unwrap();
        assert_eq!(files.read(&stored(1).stream).await, Some(Ok(stored(1))));
        assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 1);
    }

    #[test]
    fn each_fold_says_what_it_leads_to() {
        let folds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/tests/folds");
        for (name, fold) in FOLDS {
            let file = folds.join(format!("{name}.v{fold}.txt"));
            assert!(file.is_file(), "{} is compared by no test", file.display());
        }
    }
}
