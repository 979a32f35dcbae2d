//! Secrets as the environment gives them; they are never shown.

use std::fmt;
use std::str::FromStr;

use meguri_log::{CopyError, CopyKey, Kek, KekError, SigningKey, SigningKeyError};

/// Something secret: 32 bytes in base64, as the kind of key that they are, or a text.
#[derive(Clone)]
pub struct Secret<K>(K);

impl<K> Secret<K> {
    pub(super) fn new(key: K) -> Self {
        Self(key)
    }

    /// The key, to use it.
    pub fn reveal(&self) -> &K {
        &self.0
    }
}

impl FromStr for Secret<CopyKey> {
    type Err = CopyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        CopyKey::parse(text.trim()).map(Self)
    }
}

impl FromStr for Secret<Kek> {
    type Err = KekError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kek::parse(text.trim()).map(Self)
    }
}

impl FromStr for Secret<SigningKey> {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SigningKey::parse(text.trim()).map(Self)
    }
}

impl<K> fmt::Display for Secret<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("****")
    }
}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
