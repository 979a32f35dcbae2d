//! Sealing what a person typed, and opening it as long as the key exists (formats.md, Sealed
//! section).

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    append::{AppendError, NewEvent},
    header::{Header, Sealing},
    recorded::Entry,
    stream::Position,
    vault::{Vault, VaultError},
};

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// A section of an event, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: SectionContent,
}

/// What a sealed section holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionContent {
    /// The UTF-8 JSON object of its fields.
    Plain(Vec<u8>),
    /// Nothing any more: the key was destroyed.
    Erased,
}

/// Why the sections of an event cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenSealError {
    /// The stored bytes are not what was sealed: damaged, or moved from another event.
    #[error("section {section:?} of the event at position {position} is damaged")]
    Damaged {
        /// Where the event stands.
        position: Position,
        /// Which section.
        section: String,
    },
    /// The header cannot be read, so that it is not known what is sealed.
    #[error("{0}")]
    Header(String),
    /// The vault could not be asked; try again later.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// HMAC-SHA256 (RFC 2104).
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The entry of an event: `0x01 ‖ HMAC-SHA256(blind, header)`.
pub(crate) fn entry(blind: &[u8; 32], header: &[u8]) -> Entry {
    let mut entry = [1; 33];
    entry[1..].copy_from_slice(&hmac_sha256(blind, &[header]));
    entry
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::Randomness(error.to_string()))?;
    Ok(bytes)
}

/// What a section's ciphertext is bound to.
fn bound_to(event: Uuid, section: &str, key: &str) -> String {
    format!("{event}/{section}/{key}")
}

/// Seals the sections of an event: what the header lists, and the bytes that are stored.
pub(crate) async fn seal(
    event: &NewEvent,
    vault: &Vault,
) -> Result<(Vec<Sealing>, Vec<u8>), AppendError> {
    let mut listed = Vec::with_capacity(event.sealed.len());
    let mut stored = Vec::new();
    for section in &event.sealed {
        let key = vault.current_key(&section.subject, &section.class).await?;
        let Some(cipher) = &key.cipher else {
            let (subject, class) = (section.subject.clone(), section.class.to_string());
            return Err(AppendError::Erased { subject, class });
        };
        let salt = random::<SALT_BYTES>()?;
        let nonce = random::<NONCE_BYTES>()?;
        let id = key.id.to_string();
        let aad = bound_to(event.id, &section.section, &id);
        let salted = [&salt, section.plaintext.as_slice()].concat();
        let ciphertext = encrypt(cipher, nonce, &salted, aad.as_bytes())?;
        let length = NONCE_BYTES + ciphertext.len();
        let length =
            u32::try_from(length).map_err(|_| AppendError::Invalid("a section of 4 GiB".into()))?;
        stored.extend_from_slice(&length.to_be_bytes());
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(&ciphertext);
        listed.push(Sealing {
            section: section.section.to_string(),
            key: id,
            commitment: STANDARD.encode(hmac_sha256(&salt, &[&section.plaintext])),
        });
    }
    Ok((listed, stored))
}

pub(crate) fn encrypt(
    cipher: &Aes256Gcm,
    nonce: [u8; NONCE_BYTES],
    plain: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, VaultError> {
    cipher
        .encrypt(&nonce.into(), Payload { msg: plain, aad })
        .map_err(|_| VaultError::Damaged("a text is too long to be encrypted".into()))
}

/// The cipher of a key.
pub(crate) fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Undoes [`encrypt`]; none where the tag does not match.
pub(crate) fn decrypt(cipher: &Aes256Gcm, stored: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = stored.split_first_chunk::<NONCE_BYTES>()?;
    cipher
        .decrypt(
            nonce.into(),
            Payload {
                msg: ciphertext,
                aad,
            },
        )
        .ok()
}

/// Opens the sections of an event with keys that are at hand.
pub(crate) fn open<'k>(
    position: Position,
    header: &Header<'_>,
    mut stored: &[u8],
    key_of: impl Fn(&str) -> Option<&'k Aes256Gcm>,
) -> Result<Vec<Section>, OpenSealError> {
    let mut sections = Vec::with_capacity(header.sealed.len());
    for listed in &header.sealed {
        let damaged = || OpenSealError::Damaged {
            position,
            section: listed.section.into(),
        };
        let taken = take_section(&mut stored);
        let content = match (key_of(listed.key), taken) {
            (None, _) => SectionContent::Erased,
            (Some(_), None) => return Err(damaged()),
            (Some(cipher), Some(bytes)) => {
                let aad = bound_to(header.id, listed.section, listed.key);
                let salted = decrypt(cipher, bytes, aad.as_bytes()).ok_or_else(damaged)?;
                SectionContent::Plain(committed(&salted, listed.commitment).ok_or_else(damaged)?)
            }
        };
        sections.push(Section {
            name: listed.section.into(),
            content,
        });
    }
    Ok(sections)
}

/// Takes the next `u32 length ‖ bytes` off the front.
fn take_section<'a>(stored: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = stored.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length < NONCE_BYTES + TAG_BYTES + SALT_BYTES || rest.len() < length {
        return None;
    }
    let (section, rest) = rest.split_at(length);
    *stored = rest;
    Some(section)
}

/// The plaintext behind its salt, if it is what the header committed to.
fn committed(salted: &[u8], commitment: &str) -> Option<Vec<u8>> {
    let (salt, plaintext) = salted.split_first_chunk::<SALT_BYTES>()?;
    let expected = STANDARD.decode(commitment).ok()?;
    (hmac_sha256(salt, &[plaintext]).as_slice() == expected).then(|| plaintext.to_vec())
}
