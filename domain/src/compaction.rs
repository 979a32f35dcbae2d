//! Which events of a stream its state rests on, as log compaction finds them: of those of one key
//! the last.

/// How long an event counts for the state of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// Whatever comes later.
    Always,
    /// Until another event of this key comes: all that it has set is then set anew, and nothing
    /// that came in between has looked at it.
    UntilNext(String),
    /// Not at all: it leaves every state as it is.
    Never,
}

/// The events that a state rests on, each with its place: folded in their order they add up to the
/// same state as all events of the stream, and so does whatever follows on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted<T>(Vec<(Counts, T)>);

impl<T> Default for Compacted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Compacted<T> {
    /// Adds the event that follows, and lets go of the one that no longer counts.
    pub fn push(&mut self, counts: Counts, place: T) {
        match counts {
            Counts::Never => return,
            Counts::Always => {}
            Counts::UntilNext(_) => self.0.retain(|(earlier, _)| *earlier != counts),
        }
        self.0.push((counts, place));
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their places, in order.
    pub fn places(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|(_, place)| *place)
    }
}
