//! `meguri audit publish`: the published log as files that any web server can serve.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use meguri_log::Log;
use meguri_proofs::{Bundle, Checkpoint, Note, Published, Tile, Tree, VerifierKey};

use crate::failure::{Failure, to_stdout};

/// Name of the checkpoint's file, which is written last: what it covers is there.
const CHECKPOINT: &str = "checkpoint";

/// Writes everything up to the last checkpoint that is not in the folder yet.
pub(super) async fn run(
    log: &Log,
    folder: &Path,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let key = log.verifier().await?.ok_or(Failure::NeverPublished)?;
    let latest = log.latest_checkpoint().await?;
    let latest = latest.ok_or(Failure::NeverPublished)?;
    let before = already(log, folder, &key, &latest.tree).await?;
    let mut files = 0_u64;
    let tiles = Tile::added(before, latest.tree.size).map(Published::Tile);
    let bundles = Bundle::added(before, latest.tree.size).map(Published::Bundle);
    for piece in tiles.chain(bundles) {
        let path = folder.join(piece.to_string());
        // A file that is there is whole, and none of them ever changes.
        if path.exists() {
            continue;
        }
        let bytes = match piece {
            Published::Tile(tile) => log.tile(tile).await?.as_flattened().to_vec(),
            Published::Bundle(bundle) => log.bundle(bundle).await?,
        };
        write(&path, &bytes)?;
        files += 1;
    }
    write(&folder.join(CHECKPOINT), latest.note.as_bytes())?;
    let size = latest.tree.size;
    let folder = folder.display();
    writeln!(out, "{files} files written to {folder}: {size} events").map_err(to_stdout)
}

/// How many events are in the folder: what its checkpoint says, if the log has grown from there.
async fn already(
    log: &Log,
    folder: &Path,
    key: &VerifierKey,
    latest: &Tree,
) -> Result<u64, Failure> {
    let path = folder.join(CHECKPOINT);
    let note = match fs::read(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(unusable(&path, source)),
    };
    let other = |reason: String| Failure::OtherLog {
        path: path.clone(),
        reason,
    };
    let note = Note::parse(note).map_err(|error| other(error.to_string()))?;
    let checkpoint = Checkpoint::open(&note, key).map_err(|error| other(error.to_string()))?;
    let before = checkpoint.tree();
    let grown = if before.size > latest.size {
        Err(format!(
            "it has {} events, and the log is published up to {}",
            before.size, latest.size
        ))
    } else {
        let proof = log.consistency_proof(before.size, latest.size).await?;
        let grown = proof.verify_consistency(before, latest);
        grown.map_err(|error| error.to_string())
    };
    grown.map_err(other)?;
    Ok(before.size)
}

/// Writes a file beside its place and renames it, so that nobody ever reads half of one.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|source| Failure::Write {
        target: path.display().to_string(),
        source,
    })
}

fn unusable(path: &Path, source: io::Error) -> Failure {
    Failure::Folder {
        path: path.to_owned(),
        source,
    }
}
