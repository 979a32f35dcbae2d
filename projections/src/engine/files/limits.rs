//! What a file of a view may use.

use crate::engine::files::parked::OnPoison;

/// What a file may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLimits {
    /// Connections that read it at the same time.
    pub(crate) readers: u32,
    /// Events of a transaction while it is being built.
    pub(crate) transaction_events: u64,
    /// Whether it gets the index that its view has: one that is only compared with needs none.
    pub(crate) indexed: bool,
    /// What is done about an event that cannot be folded.
    pub(crate) on_poison: OnPoison,
}

impl FileLimits {
    /// The same for a file that nobody searches in.
    pub(crate) fn without_index(self) -> Self {
        Self {
            indexed: false,
            ..self
        }
    }
}
