//! A file system of a few megabytes, which can be filled and emptied.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A file system in memory, mounted for as long as this lives. Mounting takes root, or `sudo` that
/// asks for no password.
#[derive(Debug)]
pub struct SmallDisk {
    mounted: TempDir,
}

impl SmallDisk {
    /// A file system of so many megabytes.
    ///
    /// # Panics
    /// Where nothing can be mounted: such tests fail, they are never skipped.
    pub fn new(megabytes: u32) -> Self {
        let mounted = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={megabytes}m,mode=0777");
        let folder = mounted.path().to_string_lossy().into_owned();
        as_root(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", &folder]);
        Self { mounted }
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        self.mounted.path()
    }

    /// Fills it to the last byte.
    ///
    /// # Panics
    /// Where the file that fills it cannot be made.
    pub fn fill(&self) {
        let filler = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.filler());
        let mut filler = filler.expect("the file that fills the disk");
        for size in [64 * 1024, 4 * 1024, 1] {
            let bytes = vec![1; size];
            let full = loop {
                if let Err(error) = filler.write_all(&bytes) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    /// Gives back all that [`SmallDisk::fill`] has taken.
    ///
    /// # Panics
    /// Where it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the file that fills the disk");
    }

    fn filler(&self) -> PathBuf {
        self.folder().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still have a file open.
        as_root(&["umount", "-l", &self.folder().to_string_lossy()]);
    }
}

fn as_root(words: &[&str]) {
    let is_root =
        std::fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it));
    let mut command = if matches!(is_root, Ok(0)) {
        Command::new(words[0])
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", words[0]]);
        sudo
    };
    let done = command
        .args(&words[1..])
        .output()
        .expect("mount is installed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{words:?} (as root, or by sudo): {said}"
    );
}
