//! Where a local socket is reached, however long the path of its folder is.
//!
//! The address of a Unix socket holds 107 bytes of path (unix(7)); a folder may have more. Linux
//! reaches an open folder under `/proc/self/fd`, so that the socket is bound and connected to by a
//! short path, and stands in the folder all the same.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

/// Longest path that the address of a socket holds on every system, in bytes: what macOS has.
const PATH_BYTES_MAX: usize = 103;

/// A path to a socket that is short enough, for as long as this lives.
#[derive(Debug)]
pub struct SocketPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketPath {
    /// The path to the socket of this name in a folder that is there.
    ///
    /// # Errors
    /// Where the folder cannot be opened, or its path is too long for this system.
    pub fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self {
                path,
                _folder: None,
            });
        }
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        if !path.exists() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the path of the data folder is longer than a socket can have here \
                     ({PATH_BYTES_MAX} bytes with the socket's name): give the folder by a shorter \
                     path, or by a symbolic link"
                ),
            ));
        }
        Ok(Self {
            path: path.join(name),
            _folder: Some(folder),
        })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
