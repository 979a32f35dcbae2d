//! Where random bytes come from: handed in as the clock is, so that a simulation repeats itself.

use std::fmt;

use crate::vault::VaultError;

/// Gives random bytes.
pub trait Randomness: Send + Sync + fmt::Debug + 'static {
    /// Fills these bytes.
    ///
    /// # Errors
    /// [`VaultError::Randomness`] where there are none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), VaultError>;
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), VaultError> {
        getrandom::fill(bytes).map_err(|error| VaultError::Randomness(error.to_string()))
    }
}

/// So many random bytes.
pub(crate) fn random<const N: usize>(source: &dyn Randomness) -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}
