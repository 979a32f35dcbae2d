//! `meguri audit bundle`: evidence of an exchange, as a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use meguri_events::ExchangeId;
use meguri_evidence::Zip;
use meguri_log::Log;
use meguri_read_api::evidence::{Choice, Gathered};

use crate::command_line::BundleArgs;
use crate::failure::{Failure, to_stdout};
use crate::opened::Access;

/// Writes the bundle. What it opens is noted in the log first, with the reason.
pub(super) async fn run(
    log: &Log,
    args: &BundleArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let choice: Choice = args.disclose.as_deref().unwrap_or_default().parse()?;
    let access = Access::of(&args.access)?;
    let gathered = Gathered::of(log, exchange(&args.exchange)?).await?;
    let chosen = gathered.chosen(&choice)?;
    if !chosen.is_empty() {
        let access = access.ok_or(Failure::Access("what is disclosed needs a `--reason`"))?;
        access.record(log, &chosen).await?;
    }
    let (about, events) = (gathered.about().to_owned(), gathered.events());
    let made = gathered.bundle(log, &chosen).await?;
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| format!("{about}.zip").into());
    write(&path, made.zip).map_err(|source| Failure::Write {
        target: path.display().to_string(),
        source,
    })?;
    let (path, disclosed) = (path.display(), made.disclosed);
    let erased = match made.erased {
        0 => String::new(),
        erased => format!(", {erased} erased"),
    };
    writeln!(
        out,
        "{path}: {events} events, {disclosed} sections disclosed{erased}"
    )
    .map_err(to_stdout)
}

fn write(path: &Path, zip: Zip) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for chunk in zip {
        file.write_all(&chunk)?;
    }
    file.flush()
}

/// The exchange that was named, by its id or its stream.
fn exchange(given: &str) -> Result<ExchangeId, Failure> {
    let id = ExchangeId::from_stream(given).or_else(|| given.parse().ok());
    id.ok_or_else(|| Failure::NotAnExchange(given.to_owned()))
}
