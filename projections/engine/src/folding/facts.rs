//! What the engine has to know of the facts that views are made of.

use std::{any::Any, sync::Arc};

use meguri_log::{Header, OpenedEvent, Position};

use crate::folding::{erasure::Erasure, kinds::Types};

/// What happened, of whatever type: a view knows it.
pub type Fact = dyn Any + Send + Sync;

/// A catalog of facts.
pub trait Facts: Send + Sync {
    /// All types of events.
    fn types(&self) -> &Types;

    /// What the events of every type and schema look like, the oldest schema first. What a fold
    /// sees changes with it.
    fn shapes(&self) -> Vec<(&'static str, String)>;

    /// What happened.
    ///
    /// # Errors
    /// Why that cannot be read.
    fn decode(&self, event: &OpenedEvent<'_>) -> Result<Arc<Fact>, String>;

    /// What an event of a type that [erases](crate::Reach::Erases) takes away.
    fn erasure(&self, fact: &Fact, position: Position) -> Option<Erasure>;

    /// The types of events that say that something is deleted. Nothing in them is sealed.
    fn deletion_types(&self) -> &'static [&'static str];

    /// What an event of such a type deletes.
    ///
    /// # Errors
    /// Why that cannot be read.
    fn deletion(&self, event: &Header<'_>) -> Result<Deletion, String>;
}

/// What is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// What a subject has typed: its keys are going to be destroyed.
    Announced,
    /// These keys are destroyed.
    Keys {
        /// Whose they were.
        subject: String,
        /// By class, the number of the last of them.
        last: Vec<(&'static str, u32)>,
    },
    /// All of an event but its place.
    Event {
        /// Where it stands.
        position: Position,
        /// Its type.
        event_type: String,
    },
}
