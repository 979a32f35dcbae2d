//! How keys are wrapped in one epoch.

use zeroize::Zeroizing;

use super::VaultError;
use crate::{
    seal::{self, Cipher},
    secret_file::Secret,
};

/// The key-encryption key of an epoch, ready to be used.
pub(super) struct Wrapping {
    pub(super) cipher: Cipher,
    /// By which a key is known without being told.
    pub(super) fingerprint: [u8; 32],
    pub(super) epoch: i64,
}

impl Wrapping {
    pub(super) fn new(kek: &Secret, epoch: i64) -> Self {
        Self {
            cipher: seal::cipher(kek),
            fingerprint: fingerprint(kek),
            epoch,
        }
    }

    pub(super) fn wrap(&self, id: &str, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let nonce = seal::random()?;
        let ciphertext = seal::encrypt(&self.cipher, nonce, key, id.as_bytes())?;
        Ok([&nonce, ciphertext.as_slice()].concat())
    }

    /// None where it was not wrapped under this one, or is damaged.
    pub(super) fn unwrap(&self, id: &str, wrapped: &[u8]) -> Option<Secret> {
        let key = Zeroizing::new(seal::decrypt(&self.cipher, wrapped, id.as_bytes())?);
        key.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

/// By which a key-encryption key is known without being told.
pub(super) fn fingerprint(kek: &Secret) -> [u8; 32] {
    seal::hmac_sha256(&**kek, &[b"meguri-log key-encryption key fingerprint"])
}
