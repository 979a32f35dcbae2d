//! Erasing: what somebody typed is taken away from the rows that hold it, as their tables declare.

use meguri_log::Position;

use crate::folding::cell::Cell;

/// Whose words are erased, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Where the event stands that says so.
    pub position: Position,
    /// The person who typed them, as columns store it.
    pub subject: Cell,
    /// The classes of keys that they were sealed under.
    pub classes: Vec<&'static str>,
}

impl Erasure {
    /// Whether it covers what was sealed for this owner under keys of this class.
    pub fn covers(&self, class: &str, owner: &Cell) -> bool {
        self.subject == *owner && self.classes.contains(&class)
    }
}

/// A column that what somebody typed can be taken away from.
pub trait Erasable {
    /// Takes it away. Answers whether there was something.
    fn erase(&mut self) -> bool;
}

impl<T> Erasable for Option<T> {
    fn erase(&mut self) -> bool {
        self.take().is_some()
    }
}
