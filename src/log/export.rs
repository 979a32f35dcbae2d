//! `meguri log export`: every event as NDJSON, its header byte for byte as it is stored.

use std::io::{BufWriter, Write};
use std::path::Path;

use meguri_evidence::{Exported, first_line};
use meguri_log::{Filter, Log, Position, Recorded};

use crate::failure::{Failure, to_stdout};

/// Events that are read at a time.
const BLOCK_EVENTS: usize = 5_000;

/// Writes what follows a position up to the head of now, or with proofs up to the last checkpoint,
/// to `out` or into a file.
pub(super) async fn run(
    log: &Log,
    after: u64,
    proofs: bool,
    file: Option<&Path>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let after = Position::new(after);
    let proving = if proofs {
        Some(Proving::begin(log, after).await?)
    } else {
        None
    };
    let Some(path) = file else {
        return write(log, after, proving.as_ref(), out, to_stdout).await;
    };
    let failed = |source| Failure::Write {
        target: path.display().to_string(),
        source,
    };
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    write(log, after, proving.as_ref(), &mut file, failed).await?;
    file.into_inner()
        .map_err(|error| failed(error.into_error()))?
        .sync_all()
        .map_err(failed)
}

async fn write(
    log: &Log,
    mut after: Position,
    proving: Option<&Proving>,
    out: &mut (dyn Write + Send),
    failed: impl Fn(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let end = match proving {
        Some(proving) => {
            out.write_all(proving.first_line.as_bytes())
                .map_err(&failed)?;
            proving.end
        }
        None => log.head().await?.position,
    };
    while after < end {
        let block = log
            .read_all(after, &Filter::default(), BLOCK_EVENTS)
            .await?;
        let events = block.events.iter();
        let events: Vec<&Recorded> = events.take_while(|event| event.position() <= end).collect();
        if proving.is_some() {
            let lines = proven(log, &events).await?;
            out.write_all(lines.as_bytes()).map_err(&failed)?;
        } else {
            for event in events {
                write_line(event, out).map_err(&failed)?;
            }
        }
        if block.up_to == after {
            break;
        }
        after = block.up_to;
    }
    out.flush().map_err(failed)
}

/// What events are proven by: the last checkpoint.
struct Proving {
    first_line: String,
    end: Position,
}

impl Proving {
    async fn begin(log: &Log, after: Position) -> Result<Self, Failure> {
        let latest = log.latest_checkpoint().await?;
        let latest = latest.ok_or(Failure::NeverPublished)?;
        let end = Position::new(latest.tree.size);
        let before = log.frontier_at(after.min(end)).await?;
        Ok(Self {
            first_line: first_line(&latest.note, Some(&before.to_bytes())),
            end,
        })
    }
}

/// The lines of these events with what they were hashed with.
async fn proven(log: &Log, events: &[&Recorded]) -> Result<String, Failure> {
    let positions: Vec<Position> = events.iter().map(|event| event.position()).collect();
    let blinds = log.blinds(&positions).await?;
    let lines = events.iter().zip(&blinds).map(|(event, blind)| {
        let exported = Exported {
            position: event.position().get(),
            whole: event.header_text().zip(blind.as_ref()),
            entry: event.entry(),
            proof: None,
        };
        exported.line()
    });
    Ok(lines.collect())
}

/// `{"position":1,"header":{…}}`; the header's bytes go out untouched, so that their hash holds.
fn write_line(event: &Recorded, out: &mut dyn Write) -> std::io::Result<()> {
    let header = event.header_text().unwrap_or("null");
    writeln!(
        out,
        r#"{{"position":{},"header":{header}}}"#,
        event.position()
    )
}
