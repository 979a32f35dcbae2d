//! The dictionary: built once from the sources that Debian's `mecab-ipadic` installs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lindera::dictionary::{DictionaryBuilder, Metadata, load_fs_dictionary};
use sha2::{Digest, Sha256};

/// Where the package `mecab-ipadic` of Debian and Ubuntu puts the sources.
pub const SOURCES: &str = "/usr/share/mecab/dic/ipadic";
/// Holds the hash of all other files of a built dictionary, in hexadecimal.
const HASH_FILE: &str = "sha256";

/// Why there is no dictionary.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// The sources are not there: install them.
    #[error("{0} holds no sources of a dictionary (no matrix.def)")]
    NoSources(PathBuf),
    /// The sources are not what they should be.
    #[error("the dictionary cannot be built: {0}")]
    Build(String),
    /// A file cannot be written or read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Builds the dictionary of the sources in `sources` as the folder `target`, about 46 MB, and
/// returns its hash. An earlier one is replaced when the new one is whole; whoever has that open
/// keeps it.
pub fn build(sources: &Path, target: &Path) -> Result<[u8; 32], DictionaryError> {
    if !sources.join("matrix.def").is_file() {
        return Err(DictionaryError::NoSources(sources.to_owned()));
    }
    let beside = |what: &str| {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{what}-{}", std::process::id()));
        target.with_file_name(name)
    };
    let (building, former) = (beside("building"), beside("former"));
    let built = build_in(sources, &building).and_then(|hash| {
        if target.exists() {
            rename(target, &former)?;
        }
        rename(&building, target)?;
        Ok(hash)
    });
    for folder in [&building, &former] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(at(folder))?;
        }
    }
    built
}

fn build_in(sources: &Path, folder: &Path) -> Result<[u8; 32], DictionaryError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let metadata = Metadata {
        name: "ipadic".to_owned(),
        encoding: "EUC-JP".to_owned(),
        normalize_details: true,
        ..Metadata::default()
    };
    let refused = |error: lindera::error::LinderaError| DictionaryError::Build(error.to_string());
    let builder = DictionaryBuilder::new(metadata);
    builder.build_dictionary(sources, folder).map_err(refused)?;
    load_fs_dictionary(folder).map_err(refused)?;
    let hash = hash_of_files(folder)?;
    let file = folder.join(HASH_FILE);
    fs::write(
        &file,
        hex::encode(hash)
            + "
",
    )
    .map_err(at(&file))?;
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let synced = fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(at(&path))?;
    }
    Ok(hash)
}

/// The hash that was taken when the dictionary in `folder` was built.
pub fn hash(folder: &Path) -> Result<[u8; 32], DictionaryError> {
    let file = folder.join(HASH_FILE);
    let text = fs::read_to_string(&file).map_err(at(&file))?;
    let mut hash = [0; 32];
    let decoded = hex::decode_to_slice(text.trim_end(), &mut hash);
    decoded.map_err(|error| DictionaryError::File {
        path: file,
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    })?;
    Ok(hash)
}

/// One hash of every file in a folder, by its name and content.
fn hash_of_files(folder: &Path) -> Result<[u8; 32], DictionaryError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        paths.push(entry.map_err(at(folder))?.path());
    }
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let content = fs::read(&path).map_err(at(&path))?;
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(&content));
    }
    Ok(hash.finalize().into())
}

fn rename(from: &Path, to: &Path) -> Result<(), DictionaryError> {
    fs::rename(from, to).map_err(at(to))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DictionaryError {
    move |source| DictionaryError::File {
        path: path.to_owned(),
        source,
    }
}
