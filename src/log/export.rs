//! `meguri log export`: every event as NDJSON, its header byte for byte as it is stored.

use std::io::{BufWriter, Write};
use std::path::Path;

use meguri_log::{Filter, Log, Position, Recorded};

use crate::failure::{Failure, to_stdout};

/// Events that are read at a time.
const BLOCK_EVENTS: usize = 5_000;

/// Writes what follows a position up to the head of now, to `out` or into a file.
pub(super) async fn run(
    log: &Log,
    after: u64,
    file: Option<&Path>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let Some(path) = file else {
        return write(log, after, out, to_stdout).await;
    };
    let failed = |source| Failure::Write {
        target: path.display().to_string(),
        source,
    };
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    write(log, after, &mut file, failed).await?;
    file.into_inner()
        .map_err(|error| failed(error.into_error()))?
        .sync_all()
        .map_err(failed)
}

async fn write(
    log: &Log,
    after: u64,
    out: &mut (dyn Write + Send),
    failed: impl Fn(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let end = log.head().await?.position;
    let mut after = Position::new(after);
    while after < end {
        let block = log
            .read_all(after, &Filter::default(), BLOCK_EVENTS)
            .await?;
        for event in block
            .events
            .iter()
            .take_while(|event| event.position() <= end)
        {
            write_line(event, out).map_err(&failed)?;
        }
        if block.up_to == after {
            break;
        }
        after = block.up_to;
    }
    out.flush().map_err(failed)
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
