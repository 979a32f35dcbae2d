//! `meguri log show`: one event, or one stream; what was sealed in it for a reason only, which is
//! recorded first.

use std::fmt::Write as _;
use std::io::Write;

use meguri_log::{
    BadStreamName, Filter, Log, Position, Recorded, Section, SectionContent, StreamName,
    StreamRange, Version,
};
use meguri_read_api::evidence::SectionAt;
use serde_json::Value;

use crate::command_line::AccessArgs;
use crate::failure::{Failure, to_stdout};
use crate::opened::Access;

/// Events of a stream that are read at a time.
const BLOCK_EVENTS: usize = 500;

/// Prints the event at a position, or every event of a stream.
pub(super) async fn run(
    log: &Log,
    what: &str,
    access: &AccessArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let access = Access::of(access)?;
    let access = access.as_ref();
    if let Ok(position) = what.parse::<u64>() {
        let event = event_at(log, position).await?;
        return print(log, &[event], access, out).await;
    }
    let stream: StreamName =
        what.parse()
            .map_err(|source: BadStreamName| Failure::NeitherPositionNorStream {
                given: what.to_owned(),
                source,
            })?;
    let mut range = StreamRange {
        limit: BLOCK_EVENTS,
        ..StreamRange::forward_from(Version::new(1))
    };
    let mut seen = false;
    loop {
        let events = log.read_stream(&stream, range).await?;
        let Some(last) = events.last() else { break };
        range.from = last.version().next();
        seen = true;
        print(log, &events, access, out).await?;
    }
    if seen {
        Ok(())
    } else {
        Err(Failure::NoStream(what.to_owned()))
    }
}

async fn event_at(log: &Log, position: u64) -> Result<Recorded, Failure> {
    let missing = |head: Position| Failure::NoEvent {
        position,
        head: head.get(),
    };
    let Some(before) = position.checked_sub(1) else {
        return Err(missing(log.head().await?.position));
    };
    let block = log
        .read_all(Position::new(before), &Filter::default(), 1)
        .await?;
    match block.events.into_iter().next() {
        Some(event) => Ok(event),
        None => Err(missing(log.head().await?.position)),
    }
}

async fn print(
    log: &Log,
    events: &[Recorded],
    access: Option<&Access>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut opened = None;
    if let Some(access) = access {
        access.record(log, &SectionAt::of(events)?).await?;
        opened = Some(log.open_events(events).await?);
    }
    for event in events {
        let opened = opened.as_mut().and_then(Iterator::next).transpose()?;
        let sections = opened.flatten().map(|event| event.sections);
        let text = describe(event, &sections.unwrap_or_default())?;
        out.write_all(text.as_bytes()).map_err(to_stdout)?;
    }
    Ok(())
}

/// Everything an event says, one thing a line.
fn describe(event: &Recorded, sections: &[Section]) -> Result<String, Failure> {
    let mut lines = vec![format!("position     {}", event.position())];
    let mut add = |name: &str, value: String| lines.push(format!("{name:<11}  {value}"));
    add("stream", event.stream().to_owned());
    add("version", event.version().to_string());
    add("type", event.event_type().to_owned());
    match event
        .header()
        .transpose()
        .map_err(meguri_log::ReadError::from)?
    {
        None => add(
            "header",
            "(redacted; the entry below still proves that it was)".to_owned(),
        ),
        Some(header) => {
            add("schema", header.schema.to_string());
            add("id", header.id.to_string());
            add("at", header.at.to_string());
            add("actor", header.actor.to_owned());
            let optional = [
                ("acting for", header.acting_for.map(ToOwned::to_owned)),
                ("correlation", header.correlation.map(|id| id.to_string())),
                ("causation", header.causation.map(|id| id.to_string())),
                ("policy", header.policy.map(|version| version.to_string())),
            ];
            for (name, value) in optional {
                if let Some(value) = value {
                    add(name, value);
                }
            }
            add("data", header.data.to_owned());
            for sealed in &header.sealed {
                let content = sections
                    .iter()
                    .find(|section| section.name == sealed.section);
                add(
                    "sealed",
                    format!("{} ({}) {}", sealed.section, sealed.key, opened(content)),
                );
            }
        }
    }
    add("entry", hex(event.entry()));
    Ok(format!("{}\n\n", lines.join("\n")))
}

fn opened(section: Option<&Section>) -> String {
    match section.map(|section| &section.content) {
        None => "(left sealed)".to_owned(),
        Some(SectionContent::Erased) => "(erased)".to_owned(),
        Some(SectionContent::Plain(bytes)) => match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => value.to_string(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
