//! The key-encryption key as the environment gives it; it is never shown.

use std::fmt;
use std::str::FromStr;

use meguri_log::{Kek, KekError};

/// 32 bytes in base64.
#[derive(Clone)]
pub struct SecretKey(Kek);

impl SecretKey {
    /// The key, to open the vault with.
    pub fn reveal(&self) -> &Kek {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = KekError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kek::parse(text.trim()).map(Self)
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("****")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
