//! From what the log stores to what views fold: sections opened, events typed, each once.

use std::collections::BTreeSet;

use meguri_events::{Event, Opened};
use meguri_log::{
    Block, Entry, Header, Log, OpenSealError, Position, Recorded, Section, SectionContent,
    Timestamp, Version,
};
use uuid::Uuid;

/// One event as views see it: what happened, who did it, and because of what.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    /// Where it stands in the log.
    pub position: Position,
    /// Its version in the stream.
    pub version: Version,
    /// Its type.
    pub event_type: String,
    /// Its id.
    pub id: Uuid,
    /// When it was appended.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// For whom.
    pub acting_for: Option<String>,
    /// The id of the first command of the chain.
    pub correlation: Option<Uuid>,
    /// The id of the event or command that led to this one.
    pub causation: Option<Uuid>,
    /// The version of the policy in force.
    pub policy: Option<u32>,
    /// The open data, as stored.
    pub data: String,
    /// What happened, with what was typed where its key still exists.
    pub event: Event,
}

/// A run of the log, decoded once for all views.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Everything up to here came before.
    pub(crate) after: Position,
    /// Everything up to here is in this batch, or is wanted by no view.
    pub(crate) up_to: Position,
    /// The public bytes of every event between the two, wanted or not, in order.
    pub(crate) entries: Vec<Entry>,
    /// The events that some view may want.
    pub(crate) items: Vec<Item>,
}

impl Batch {
    /// The public bytes of the event at this position, where it is in this batch.
    pub(crate) fn entry(&self, position: Position) -> Option<&Entry> {
        let index = position.get().checked_sub(self.after.get() + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }
}

/// An event that some view wants, or one that the catalog does not know.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) position: Position,
    pub(crate) event_type: String,
    /// An unknown type stops every view: whether it matters to one cannot be told.
    pub(crate) known: bool,
    pub(crate) outcome: Result<Decoded, String>,
}

/// Decodes those events of a block whose type is wanted.
///
/// An event that cannot be decoded is an [`Item`] of its own, which stops the views that want it.
///
/// # Errors
/// [`OpenSealError::Vault`] where the vault cannot be asked: try again.
pub(crate) async fn decode(
    log: &Log,
    wanted: &BTreeSet<&'static str>,
    after: Position,
    block: &Block,
) -> Result<Batch, OpenSealError> {
    // A redacted event has nothing left to fold; it is not in `chosen`.
    let chosen: Vec<Recorded> = block
        .events
        .iter()
        .filter(|event| event.position() > after && event.header_text().is_some())
        .filter(|event| wanted.contains(event.event_type()) || !is_known(event.event_type()))
        .cloned()
        .collect();
    let opened = open(log, &chosen).await?;
    let items = chosen
        .iter()
        .zip(opened)
        .map(|(event, sections)| item(event, sections))
        .collect();
    let new = block.events.iter().filter(|event| event.position() > after);
    let entries = new.map(|event| *event.entry()).collect();
    Ok(Batch {
        after,
        up_to: block.up_to,
        entries,
        items,
    })
}

/// Whether the catalog knows this type.
fn is_known(event_type: &str) -> bool {
    meguri_events::TYPES.contains(&event_type)
}

type Sections = Result<Vec<Section>, String>;

/// Opens the sections of all events in one go; where one is damaged, of each by itself.
async fn open(log: &Log, events: &[Recorded]) -> Result<Vec<Sections>, OpenSealError> {
    match log.open_sections(events).await {
        Ok(opened) => return Ok(opened.into_iter().map(Ok).collect()),
        Err(error @ OpenSealError::Vault(_)) => return Err(error),
        Err(OpenSealError::Damaged { .. } | OpenSealError::Header(_)) => {}
    }
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        all.push(match log.open_sections(std::slice::from_ref(event)).await {
            Ok(mut opened) => Ok(opened.pop().unwrap_or_default()),
            Err(error @ OpenSealError::Vault(_)) => return Err(error),
            Err(error) => Err(error.to_string()),
        });
    }
    Ok(all)
}

fn item(event: &Recorded, sections: Sections) -> Item {
    let outcome = sections.and_then(|sections| {
        let Some(header) = event.header() else {
            return Err("it was redacted".into());
        };
        let header = header.map_err(|error| error.to_string())?;
        typed(event, &header, &sections)
    });
    Item {
        position: event.position(),
        event_type: event.event_type().to_owned(),
        known: is_known(event.event_type()),
        outcome,
    }
}

fn typed(
    recorded: &Recorded,
    header: &Header<'_>,
    sections: &[Section],
) -> Result<Decoded, String> {
    let opened: Vec<(&str, Opened<'_>)> = sections
        .iter()
        .map(|section| {
            let content = match &section.content {
                SectionContent::Plain(bytes) => Opened::Plain(bytes),
                SectionContent::Erased => Opened::Erased,
            };
            (section.name.as_str(), content)
        })
        .collect();
    let event = Event::decode(header.event_type, header.schema, header.data, &opened)
        .map_err(|error| error.to_string())?;
    Ok(Decoded {
        position: recorded.position(),
        version: recorded.version(),
        event_type: recorded.event_type().to_owned(),
        id: header.id,
        at: header.at,
        actor: header.actor.to_owned(),
        acting_for: header.acting_for.map(str::to_owned),
        correlation: header.correlation,
        causation: header.causation,
        policy: header.policy,
        data: header.data.to_owned(),
        event,
    })
}
