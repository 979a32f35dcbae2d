//! Small facts beside the files of views, each with a sum: one that was damaged says nothing.

use std::{fs, io, path::Path};

use meguri_log::Position;
use sha2::{Digest as _, Sha256};

/// Hex digits of the sum behind a text.
const SUM_DIGITS: usize = 16;

/// Writes a text down, in the place of what was there.
pub fn keep(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, format!("{text}\n{}\n", sum(text)))
}

/// The text that was written down; none where there is none, or it was damaged since.
pub fn kept(path: &Path) -> Option<String> {
    let all = fs::read_to_string(path).ok()?;
    let (text, said) = all.strip_suffix('\n')?.rsplit_once('\n')?;
    (said == sum(text)).then(|| text.to_owned())
}

/// Writes a position down.
pub fn keep_position(path: &Path, position: Position) -> io::Result<()> {
    keep(path, &position.to_string())
}

/// The position that was written down; zero where there is none, or it was damaged since.
pub fn position(path: &Path) -> Position {
    let number = kept(path).and_then(|text| text.parse().ok());
    Position::new(number.unwrap_or(0))
}

fn sum(text: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(text));
    digits.truncate(SUM_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_note_of_which_any_bit_has_turned_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        keep_position(&path, Position::new(1_234)).unwrap();
        assert_eq!(position(&path), Position::new(1_234));
        let sound = fs::read(&path).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut damaged = sound.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            assert_eq!(position(&path), Position::ZERO, "bit {bit}");
        }
        for end in 0..sound.len() {
            fs::write(&path, &sound[..end]).unwrap();
            assert_eq!(position(&path), Position::ZERO, "cut after {end}");
        }
    }
}
