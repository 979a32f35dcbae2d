//! `meguri audit bundle`: evidence of an exchange, as a file.

use std::io::Write;

use meguri_events::ExchangeId;
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
    let zip = gathered.bundle(log, &chosen).await?;
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| format!("{}.zip", gathered.about()).into());
    std::fs::write(&path, &zip).map_err(|source| Failure::Write {
        target: path.display().to_string(),
        source,
    })?;
    let (path, events, opened) = (path.display(), gathered.events(), chosen.len());
    writeln!(out, "{path}: {events} events, {opened} sections disclosed").map_err(to_stdout)
}

/// The exchange that was named, by its id or its stream.
fn exchange(given: &str) -> Result<ExchangeId, Failure> {
    let id = ExchangeId::from_stream(given).or_else(|| given.parse().ok());
    id.ok_or_else(|| Failure::NotAnExchange(given.to_owned()))
}
