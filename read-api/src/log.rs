//! The log itself, for auditors: headers exactly as they are stored, one event a line.

use std::error::Error;

use futures::Stream;
use meguri_evidence::{Exported, first_line};
use meguri_log::{Block, Filter, Log, Position, PublishedError, StreamName};

use crate::{AnswerError, Freshness, ReadApi, Seen, Viewer};

/// Events that are in memory at once while an answer streams.
const BLOCK_EVENTS: usize = 1_000;

/// Why an answer breaks off.
pub type BrokenOff = Box<dyn Error + Send + Sync>;

/// Which part of the log is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPart {
    /// Only events after this position; 0 starts at the first.
    pub after: u64,
    /// At most so many events; without it, all up to the head of the log.
    pub limit: Option<u64>,
    /// Only events of these types, separated by commas.
    pub types: Option<String>,
    /// Only events of this stream.
    pub stream: Option<String>,
    /// With what proves the events by the last checkpoint, which ends the answer.
    pub proofs: bool,
}

impl LogPart {
    fn filter(&self) -> Result<Filter, AnswerError> {
        let mut filter = Filter::default();
        let types = self
            .types
            .as_deref()
            .into_iter()
            .flat_map(|types| types.split(','));
        for event_type in types {
            filter = filter
                .event_type(event_type)
                .map_err(|error| not_readable("type", &error))?;
        }
        if let Some(stream) = &self.stream {
            let stream =
                StreamName::new(stream.as_str()).map_err(|error| not_readable("stream", &error))?;
            filter = filter.stream(stream);
        }
        Ok(filter)
    }
}

fn not_readable(name: &str, error: &dyn std::error::Error) -> AnswerError {
    AnswerError::invalid(
        format!("{name} に指定できない値です"),
        format!("{name} cannot be read: {error}"),
    )
}

impl ReadApi {
    /// The log, for auditors, one event a line, up to its head as of now.
    ///
    /// # Errors
    /// [`AnswerError`]; an answer that has begun breaks off with what went wrong.
    pub async fn log(
        &self,
        viewer: &Viewer,
        part: &LogPart,
        fresh: Freshness,
    ) -> Result<
        Seen<impl Stream<Item = Result<String, BrokenOff>> + Send + 'static + use<>>,
        AnswerError,
    > {
        let auditor = viewer.principal().require_auditor()?;
        let filter = part.filter()?;
        let head = self.log_at_least(fresh.min_position).await?;
        let after = Position::new(part.after);
        tracing::info!(auditor, %after, head = %head, "the log is read");
        let mut reading = Reading {
            log: self.log.clone(),
            filter,
            after,
            until: head,
            left: part.limit.unwrap_or(u64::MAX),
            proofs: None,
            first_line: None,
        };
        if part.proofs {
            reading.prove(part.limit.is_some()).await?;
        }
        Ok(Seen::at(head, reading.lines()))
    }
}

/// One answer on its way: holds one block at a time, however long the log is.
struct Reading {
    log: Log,
    filter: Filter,
    after: Position,
    until: Position,
    left: u64,
    proofs: Option<Proofs>,
    first_line: Option<String>,
}

/// How events are proven.
#[derive(Clone, Copy)]
enum Proofs {
    /// All of them together lead to the checkpoint.
    Together,
    /// Each by itself, in the tree of this size.
    Each(u64),
}

impl Reading {
    /// Ends at the last checkpoint, and proves everything by it.
    ///
    /// # Errors
    /// Where the log was never published.
    async fn prove(&mut self, is_limited: bool) -> Result<(), AnswerError> {
        let latest = self.log.latest_checkpoint().await?;
        let latest = latest.ok_or(PublishedError::NotYet { published: 0 })?;
        let size = latest.tree.size;
        self.until = Position::new(size);
        if is_limited || !self.filter.is_everything() {
            self.first_line = Some(first_line(&latest.note, None));
            self.proofs = Some(Proofs::Each(size));
            return Ok(());
        }
        let before = self.log.frontier_at(self.after.min(self.until)).await;
        let before = before.map_err(|error| AnswerError::unavailable(&error))?;
        self.first_line = Some(first_line(&latest.note, Some(&before.to_bytes())));
        self.proofs = Some(Proofs::Together);
        Ok(())
    }

    fn lines(self) -> impl Stream<Item = Result<String, BrokenOff>> {
        futures::stream::try_unfold(self, async |mut reading| {
            if let Some(line) = reading.first_line.take() {
                return Ok(Some((line, reading)));
            }
            while reading.after < reading.until && reading.left > 0 {
                let limit = usize::try_from(reading.left).unwrap_or(BLOCK_EVENTS);
                let limit = limit.min(BLOCK_EVENTS);
                let block = reading
                    .log
                    .read_all(reading.after, &reading.filter, limit)
                    .await;
                let block = block.inspect_err(|error| tracing::error!(%error, "log read"))?;
                if block.up_to <= reading.after {
                    return Ok(None);
                }
                let text = match reading.proofs {
                    None => reading.take(&block),
                    Some(proofs) => {
                        let text = reading.take_proven(&block, proofs).await;
                        text.inspect_err(|error| tracing::error!(%error, "log proven"))?
                    }
                };
                if !text.is_empty() {
                    return Ok(Some((text, reading)));
                }
            }
            Ok(None)
        })
    }

    /// The block as lines; moves on behind it.
    fn take(&mut self, block: &Block) -> String {
        let mut text = String::with_capacity(block.events.len() * 512);
        for event in block
            .events
            .iter()
            .take_while(|event| event.position() <= self.until)
        {
            text.push_str("{\"position\":");
            text.push_str(&event.position().to_string());
            text.push_str(",\"header\":");
            text.push_str(event.header_text().unwrap_or("null"));
            text.push_str("}\n");
            self.left = self.left.saturating_sub(1);
        }
        self.after = block.up_to;
        text
    }

    /// The block as lines with what proves them; moves on behind it.
    async fn take_proven(&mut self, block: &Block, proofs: Proofs) -> Result<String, BrokenOff> {
        let events = block.events.iter();
        let events = events.take_while(|event| event.position() <= self.until);
        let events: Vec<_> = events.collect();
        let positions: Vec<Position> = events.iter().map(|event| event.position()).collect();
        let blinds = self.log.blinds(&positions).await?;
        let mut text = String::with_capacity(events.len() * 600);
        for (event, blind) in events.iter().zip(&blinds) {
            let proof = match proofs {
                Proofs::Together => None,
                Proofs::Each(size) => Some(self.log.inclusion_proof(event.position(), size).await?),
            };
            let exported = Exported {
                position: event.position().get(),
                whole: event.header_text().zip(blind.as_ref()),
                entry: event.entry(),
                proof: proof.as_ref(),
            };
            text.push_str(&exported.line());
        }
        self.left = self.left.saturating_sub(events.len() as u64);
        self.after = block.up_to;
        Ok(text)
    }
}
