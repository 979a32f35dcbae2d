//! The files of the repository, as the tidy checks read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the repository.
pub(crate) struct Source {
    /// Its path from the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The file's name without its folder and what follows the first dot.
    pub(crate) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }
}

/// Every file with one of these extensions, outside of build output and hidden folders.
pub(crate) fn with_extension(extensions: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    collect(root(), extensions, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "data", "node_modules"].contains(&name) {
                collect(&path, extensions, found);
            }
        } else if extensions
            .iter()
            .any(|it| path.extension().is_some_and(|of| of == *it))
        {
            let text = fs::read_to_string(&path).unwrap();
            let path = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// Fails with one line for each thing that is wrong, and with what to do about them.
pub(crate) fn assert_none(wrong: &[String], advice: &str) {
    assert!(wrong.is_empty(), "{advice}:\n  {}\n", wrong.join("\n  "));
}
