//! What a file of a view may use.

use crate::files::parked::OnPoison;

/// What a file may use.
#[derive(Clone, Copy, Debug)]
pub struct FileLimits {
    /// Connections that read it at the same time.
    pub readers: u32,
    /// Events of a transaction while it is being built.
    pub transaction_events: u64,
    /// Whether it gets the index that its view has: one that is only compared with needs none.
    pub indexed: bool,
    /// What is done about an event that cannot be folded.
    pub on_poison: OnPoison,
}

impl FileLimits {
    /// The same for a file that nobody searches in.
    #[must_use]
    pub fn without_index(self) -> Self {
        Self {
            indexed: false,
            ..self
        }
    }
}
