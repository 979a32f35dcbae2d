//! Sealing what a person typed, and opening it as long as the key exists (formats.md, Sealed
//! section).

use aes_gcm::{
    AesGcm, KeyInit,
    aead::consts::U12,
    aead::{Aead, AeadInOut, Payload},
    aes::Aes256Enc,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    append::{AppendError, NewEvent},
    evidence::ShownSection,
    header::{Header, SealedRef, Sealing},
    randomness::{self, Randomness, SystemRandomness},
    recorded::Entry,
    stream::Position,
    vault::{FoundKey, Vault, VaultError},
};

/// AES-256-GCM. GCM only ever encrypts with AES, so that half of it takes half the time to set up.
pub(crate) type Cipher = AesGcm<Aes256Enc, U12>;

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Base64 of 32 bytes.
const COMMITMENT_CHARS: usize = 44;

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
    /// The vault: where it could not be asked, try again later; where it is damaged, the key of a
    /// section does not unwrap, and only a backup of the vault helps.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// HMAC-SHA256 (RFC 2104).
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.expect("INVARIANT: HMAC takes keys of any length (RFC 2104)");
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
    randomness::random(&SystemRandomness)
}

/// What a section's ciphertext is bound to.
fn bind_to(aad: &mut String, event: Uuid, section: &str, key: &str) {
    aad.push_str(event.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    for part in [section, key] {
        aad.push('/');
        aad.push_str(part);
    }
}

/// Seals the sections of an event: what the header lists, and the bytes that are stored.
pub(crate) async fn seal(
    event: &NewEvent,
    vault: &Vault,
    source: &dyn Randomness,
) -> Result<(Vec<Sealing>, Vec<u8>), AppendError> {
    let mut listed = Vec::with_capacity(event.sealed.len());
    let mut stored = Vec::new();
    for section in &event.sealed {
        let key = vault.current_key(&section.subject, &section.class).await?;
        let Some(secret) = &key.key else {
            let (subject, class) = (section.subject.clone(), section.class.to_string());
            return Err(AppendError::Erased { subject, class });
        };
        let salt = randomness::random::<SALT_BYTES>(source)?;
        let nonce = randomness::random::<NONCE_BYTES>(source)?;
        let mut aad = String::new();
        bind_to(&mut aad, event.id, &section.section, &key.id);
        let salted = [&salt, section.plaintext.as_slice()].concat();
        let ciphertext = encrypt(&cipher(secret), nonce, &salted, aad.as_bytes())?;
        let length = NONCE_BYTES + ciphertext.len();
        let length =
            u32::try_from(length).map_err(|_| AppendError::Invalid("a section of 4 GiB".into()))?;
        stored.extend_from_slice(&length.to_be_bytes());
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(&ciphertext);
        listed.push(Sealing {
            section: section.section.to_string(),
            key: key.id,
            commitment: STANDARD.encode(hmac_sha256(&salt, &[&section.plaintext])),
        });
    }
    Ok((listed, stored))
}

pub(crate) fn encrypt(
    cipher: &Cipher,
    nonce: [u8; NONCE_BYTES],
    plain: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, VaultError> {
    cipher
        .encrypt(&nonce.into(), Payload { msg: plain, aad })
        .map_err(|_| VaultError::Damaged("a text is too long to be encrypted".into()))
}

/// The cipher of a key.
pub(crate) fn cipher(key: &[u8; 32]) -> Cipher {
    Cipher::new(key.into())
}

/// Undoes [`encrypt`]; none where the tag does not match.
pub(crate) fn decrypt(cipher: &Cipher, stored: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(stored.len());
    decrypt_into(&mut plain, cipher, stored, aad)?;
    Some(plain)
}

/// Decrypts in place of what `plain` holds.
fn decrypt_into(plain: &mut Vec<u8>, cipher: &Cipher, stored: &[u8], aad: &[u8]) -> Option<()> {
    let (nonce, rest) = stored.split_first_chunk::<NONCE_BYTES>()?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
    plain.clear();
    plain.extend_from_slice(ciphertext);
    let opened =
        cipher.decrypt_inout_detached(nonce.into(), aad, plain.as_mut_slice().into(), tag.into());
    opened.ok()
}

/// How a sealed section stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inspected {
    /// It opens to what the header commits to.
    Opens,
    /// Its key is gone.
    Closed,
    /// Its key does not unwrap.
    KeyDamaged,
    /// It is not what was sealed, or not there.
    Damaged,
}

/// Opens the sections of events, one event after the other, in buffers of its own.
#[derive(Default)]
pub(crate) struct Opener {
    aad: String,
    salted: Vec<u8>,
}

impl Opener {
    /// Opens the sections of an event with their keys, which come in the order of the header.
    pub(crate) fn open(
        &mut self,
        position: Position,
        header: &Header<'_>,
        mut stored: &[u8],
        keys: &[FoundKey],
    ) -> Result<Vec<Section>, OpenSealError> {
        let mut sections = Vec::with_capacity(keys.len());
        for (listed, key) in header.sealed.iter().zip(keys) {
            let taken = take_section(&mut stored);
            let damaged = || OpenSealError::Damaged {
                position,
                section: listed.section.into(),
            };
            let content = match key {
                FoundKey::Gone => SectionContent::Erased,
                FoundKey::Damaged => return Err(not_unwrapped(listed.key)),
                FoundKey::Whole(key) => {
                    let opened = self.plaintext(header.id, listed, taken, key);
                    SectionContent::Plain(opened.ok_or_else(damaged)?)
                }
            };
            sections.push(Section {
                name: listed.section.into(),
                content,
            });
        }
        Ok(sections)
    }

    /// How each section of an event stands, with their keys in the order of the header; and how
    /// many bytes are stored beyond the last of them.
    pub(crate) fn inspect(
        &mut self,
        header: &Header<'_>,
        mut stored: &[u8],
        keys: &[FoundKey],
    ) -> (Vec<Inspected>, usize) {
        let sections = header.sealed.iter().zip(keys).map(|(listed, key)| {
            let taken = take_section(&mut stored);
            match key {
                FoundKey::Gone => Inspected::Closed,
                FoundKey::Damaged => Inspected::KeyDamaged,
                FoundKey::Whole(key) => match self.plaintext(header.id, listed, taken, key) {
                    Some(_) => Inspected::Opens,
                    None => Inspected::Damaged,
                },
            }
        });
        (sections.collect(), stored.len())
    }

    /// The plaintext of a section, if it is what the header committed to.
    fn plaintext(
        &mut self,
        event: Uuid,
        listed: &SealedRef<'_>,
        stored: Option<&[u8]>,
        key: &[u8; 32],
    ) -> Option<Vec<u8>> {
        let (_, plaintext) = self.salted(event, listed, stored, key)?;
        Some(plaintext.to_vec())
    }

    /// The salt and the plaintext of a section, if they are what the header committed to.
    fn salted(
        &mut self,
        event: Uuid,
        listed: &SealedRef<'_>,
        stored: Option<&[u8]>,
        key: &[u8; 32],
    ) -> Option<(&[u8; SALT_BYTES], &[u8])> {
        self.aad.clear();
        bind_to(&mut self.aad, event, listed.section, listed.key);
        decrypt_into(&mut self.salted, &cipher(key), stored?, self.aad.as_bytes())?;
        let (salt, plaintext) = self.salted.split_first_chunk::<SALT_BYTES>()?;
        let mut commitment = [0; COMMITMENT_CHARS];
        let committed = hmac_sha256(salt, &[plaintext]);
        STANDARD.encode_slice(committed, &mut commitment).ok()?;
        (commitment == listed.commitment.as_bytes()).then_some((salt, plaintext))
    }

    /// Opens one section of an event, with what it takes to show it to others; none where its key
    /// was destroyed.
    pub(crate) fn evidence(
        &mut self,
        position: Position,
        header: &Header<'_>,
        mut stored: &[u8],
        section: &str,
        key: &FoundKey,
    ) -> Result<Option<ShownSection>, OpenSealError> {
        for listed in &header.sealed {
            let taken = take_section(&mut stored);
            if listed.section != section {
                continue;
            }
            return match key {
                FoundKey::Gone => Ok(None),
                FoundKey::Damaged => Err(not_unwrapped(listed.key)),
                FoundKey::Whole(key) => {
                    let opened = self.salted(header.id, listed, taken, key);
                    let opened = opened.map(|(salt, plaintext)| ShownSection {
                        plaintext: plaintext.to_vec(),
                        salt: *salt,
                    });
                    let damaged = || OpenSealError::Damaged {
                        position,
                        section: section.into(),
                    };
                    opened.map(Some).ok_or_else(damaged)
                }
            };
        }
        Ok(None)
    }
}

/// The vault has a key, and cannot read it.
fn not_unwrapped(key: &str) -> OpenSealError {
    OpenSealError::Vault(VaultError::Damaged(format!(
        "the key {key} does not unwrap"
    )))
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
