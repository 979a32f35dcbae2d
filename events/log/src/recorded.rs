//! Events as the log gives them back: one by one, or in blocks that share their buffers.

use std::{ops::Range, sync::Arc};

use crate::{
    header::{self, Header, HeaderError},
    stream::{Position, Version},
};

/// The public bytes of an event that the tree of the log is made of: `0x01 ‖ HMAC-SHA256(blind,
/// header)`.
pub type Entry = [u8; 33];

/// One event as it is stored. Cloning is cheap: the bytes belong to its block.
#[derive(Debug, Clone)]
pub struct Recorded {
    shared: Arc<Shared>,
    /// INVARIANT: there is such a row.
    index: usize,
}

/// A run of events in the order of the log.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The events, by ascending position.
    pub events: Vec<Recorded>,
    /// Every event up to here has been looked at; where a filter leaves events out it stands beyond
    /// the last of [`Block::events`]. Read on from here.
    pub up_to: Position,
}

/// What the events of a block share.
#[derive(Debug, Default)]
struct Shared {
    text: String,
    sealed: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    position: Position,
    version: Version,
    stream: Range<usize>,
    event_type: Range<usize>,
    header: Option<Range<usize>>,
    entry: Entry,
    sealed: Range<usize>,
}

impl Recorded {
    /// Where it stands in the log.
    pub fn position(&self) -> Position {
        self.row().position
    }

    /// The name of its stream.
    pub fn stream(&self) -> &str {
        self.text(&self.row().stream)
    }

    /// Its version in the stream.
    pub fn version(&self) -> Version {
        self.row().version
    }

    /// Its type.
    pub fn event_type(&self) -> &str {
        self.text(&self.row().event_type)
    }

    /// The 33 bytes that the tree is made of.
    pub fn entry(&self) -> &Entry {
        &self.row().entry
    }

    /// The header, byte for byte; none where it was redacted, or comes bare.
    pub fn header_text(&self) -> Option<&str> {
        self.row().header.as_ref().map(|range| self.text(range))
    }

    /// What the header says; none where it was redacted, or comes bare.
    ///
    /// # Errors
    /// [`HeaderError`] where the bytes are not those of a header.
    pub fn header(&self) -> Option<Result<Header<'_>, HeaderError>> {
        self.header_text()
            .map(|text| header::parse(text, self.row().position))
    }

    /// The sealed sections, as stored: each `u32 length ‖ nonce ‖ ciphertext`.
    pub fn sealed_bytes(&self) -> &[u8] {
        // INVARIANT: the ranges of a row are those under which it was pushed.
        &self.shared.sealed[self.row().sealed.clone()]
    }

    fn row(&self) -> &Row {
        &self.shared.rows[self.index]
    }

    fn text(&self, range: &Range<usize>) -> &str {
        &self.shared.text[range.clone()]
    }
}

/// One event on its way into a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub(crate) position: Position,
    pub(crate) stream: &'a str,
    pub(crate) version: Version,
    pub(crate) event_type: &'a str,
    pub(crate) header: Option<&'a str>,
    pub(crate) entry: Entry,
}

/// What backends read in place of a header that was redacted or is not asked for: stream, version
/// and type, which the header would have told, with this between them. No JSON has raw control
/// characters.
const REDACTED_SEPARATOR: char = '\u{1d}';

impl<'a> NewRow<'a> {
    /// A row as backends read it; none where `text` is neither a header nor what stands for one.
    pub(crate) fn stored(position: Position, entry: Entry, text: &'a str) -> Option<Self> {
        if text.starts_with('{') {
            let (stream, version, event_type) = header::place(text)?;
            let header = Some(text);
            return Some(Self {
                position,
                stream,
                version,
                event_type,
                header,
                entry,
            });
        }
        let mut columns = text.split(REDACTED_SEPARATOR);
        let (stream, version) = (columns.next()?, columns.next()?.parse().ok()?);
        let event_type = columns.next()?;
        Some(Self {
            position,
            stream,
            version,
            event_type,
            header: None,
            entry,
        })
    }
}

/// Collects rows into the shared buffers of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder(Shared);

impl BlockBuilder {
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        let (text, rows) = (String::with_capacity(bytes), Vec::with_capacity(rows));
        Self(Shared {
            text,
            sealed: Vec::new(),
            rows,
        })
    }

    /// Adds an event; `seal` appends its sealed bytes to the shared buffer.
    pub(crate) fn push(&mut self, row: NewRow<'_>, seal: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.sealed.len();
        seal(&mut self.0.sealed);
        let row = Row {
            position: row.position,
            version: row.version,
            stream: self.push_text(row.stream),
            event_type: self.push_text(row.event_type),
            header: row.header.map(|header| self.push_text(header)),
            entry: row.entry,
            sealed: start..self.0.sealed.len(),
        };
        self.0.rows.push(row);
    }

    fn push_text(&mut self, text: &str) -> Range<usize> {
        let start = self.0.text.len();
        self.0.text.push_str(text);
        start..self.0.text.len()
    }

    /// The events collected so far, in the order in which they were added.
    pub(crate) fn finish(self) -> Vec<Recorded> {
        let shared = Arc::new(self.0);
        (0..shared.rows.len())
            .map(|index| Recorded {
                shared: Arc::clone(&shared),
                index,
            })
            .collect()
    }
}

impl Block {
    /// Bytes that the events of this block hold in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let shared = self.events.first().map(|first| &*first.shared);
        shared.map_or(0, |shared| {
            shared.text.len() + shared.sealed.len() + shared.rows.len() * size_of::<Row>()
        })
    }
}
