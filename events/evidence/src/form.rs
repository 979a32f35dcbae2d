//! Small forms that the files of a bundle have: base64 lines, sums, HMAC.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// HMAC-SHA256 (RFC 2104).
pub(crate) fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A key that is shorter than a block of the hash is filled up with zeros.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mac = Hmac::<Sha256>::new(&block.into());
    mac.chain_update(message).finalize().into_bytes().into()
}

/// SHA-256 in hexadecimal digits, as `sha256sum` writes it.
pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
            text
        })
}

/// Base64 on a line of its own.
pub(crate) fn line(bytes: &[u8]) -> String {
    STANDARD.encode(bytes) + "\n"
}

/// Undoes [`line`] where it holds exactly so many bytes; none for anything else.
pub(crate) fn from_line<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    STANDARD
        .decode(text.strip_suffix(b"\n")?)
        .ok()?
        .try_into()
        .ok()
}

/// The commitment to a plaintext, as headers have it.
pub(crate) fn commitment(salt: &[u8; 32], plaintext: &[u8]) -> String {
    STANDARD.encode(hmac(salt, plaintext))
}
