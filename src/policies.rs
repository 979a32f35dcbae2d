//! `meguri policies`: what the policies could not do, and why.

use std::io::Write;

use meguri_commands::policies::{self, Undone};

use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;

/// Lists the duties that have failed and are tried again, and the events that cannot be read.
pub async fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let data = &settings.data.value;
    let undone = policies::undone(data).await;
    let undone = undone.map_err(|error| Failure::Asked {
        what: data.display().to_string(),
        reason: error.to_string(),
    })?;
    let text = match undone {
        None => "no policies have run on this data folder\n".to_owned(),
        Some(undone) => list(&undone),
    };
    out.write_all(text.as_bytes()).map_err(to_stdout)
}

fn list(undone: &Undone) -> String {
    if *undone == Undone::default() {
        return "nothing is left undone\n".to_owned();
    }
    let parked = undone.parked.iter().map(|duty| {
        format!(
            "{} {} for {}, because of position {}: failed {} times since {}, again at {}: {}\n",
            duty.policy,
            duty.kind,
            duty.member,
            duty.position,
            duty.tries,
            duty.since,
            duty.again_at,
            duty.reason
        )
    });
    let unreadable = undone.unreadable.iter().map(|event| {
        format!(
            "position {}: {} cannot be read, and nothing follows from it: {}\n",
            event.position, event.event_type, event.reason
        )
    });
    parked.chain(unreadable).collect()
}
