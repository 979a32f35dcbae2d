//! `meguri dictionary`: build what search cuts Japanese text by.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use meguri_engine::ViewSettings;
use meguri_search::Analyzer;
use meguri_search::dictionary::{SOURCES, build};

use crate::command_line::DictionaryCommand;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;

/// Name of the dictionary's folder in the data folder.
pub const FOLDER: &str = "dictionary";

/// Where the dictionary is looked for.
pub fn folder(settings: &Settings) -> PathBuf {
    settings.data.value.join(FOLDER)
}

/// The same views, searched by the dictionary if there is one.
///
/// # Errors
/// [`Failure::Analyzer`] where there is one that cannot be used.
pub fn searching(settings: &Settings, mut how: ViewSettings) -> Result<ViewSettings, Failure> {
    let folder = folder(settings);
    if folder.exists() {
        let analyzer = Analyzer::with_dictionary(&folder, &[])?;
        how.views = how.views.searching_by(&analyzer);
        tracing::info!(dictionary = %folder.display(), "search knows words and their readings");
    } else {
        tracing::warn!(
            "no dictionary is installed: search does not know how words are read; \
             `meguri dictionary build` builds one"
        );
    }
    Ok(how)
}

/// Does what was asked, also beside a running server, which uses it when it starts again.
pub async fn run(
    settings: &Settings,
    command: &DictionaryCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let DictionaryCommand::Build { from, to } = command;
    let from = from.clone().unwrap_or_else(|| SOURCES.into());
    let to = to.clone().unwrap_or_else(|| folder(settings));
    let begun = Instant::now();
    let target = to.clone();
    let built = tokio::task::spawn_blocking(move || build(&from, &target));
    built
        .await
        .map_err(|error| Failure::Runtime(error.into()))??;
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(out, "{} is built in {seconds:.1} s.", to.display()).map_err(to_stdout)
}
