//! The dictionary for tests: built once into cargo's target folder, for all test processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use meguri_search::{Analyzer, UserWord, dictionary};

/// An analyzer with the dictionary. It is built where it is missing, or of another release.
pub(crate) fn analyzer_with(words: &[UserWord]) -> Analyzer {
    let folder = folder();
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if Analyzer::with_dictionary(&folder, &[]).is_err() {
        let sources = Path::new(dictionary::SOURCES);
        let built = dictionary::build(sources, &folder);
        built.expect("the tests need Debian's package mecab-ipadic; `make tools` installs it");
    }
    Analyzer::with_dictionary(&folder, words).unwrap()
}

/// The folder of the dictionary in `target/tmp`.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap();
    let folder = target.join("tmp");
    fs::create_dir_all(&folder).unwrap();
    folder.join("ipadic")
}
