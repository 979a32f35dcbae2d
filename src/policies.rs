//! `meguri policies`: what the policies could not do, and why, and what they are going to do, when.

use std::io::Write;

use meguri_commands::policies::{self, Clock, Undone};
use meguri_log::{Clock as _, SystemClock};

use crate::app::follow_up;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;

/// Lists the duties that have failed and are tried again, the events that cannot be read, and what
/// is to be done.
pub async fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let data = &settings.data.value;
    let clock = Clock {
        now: SystemClock.now(),
        periods: follow_up(settings),
    };
    let undone = policies::undone(data, clock).await;
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
    let nothing = undone.parked.is_empty() && undone.unreadable.is_empty();
    let nothing = nothing.then(|| "nothing is left undone\n".to_owned());
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
    let coming = undone.coming.iter().map(|duty| {
        let (policy, action, target) = (duty.policy, &duty.action, &duty.target);
        let what = [policy, action, target]
            .into_iter()
            .filter(|it| !it.is_empty());
        let (what, member) = (what.collect::<Vec<_>>().join(" "), duty.member.stream());
        let position = duty.trigger.position;
        let at = duty
            .at
            .map_or("at once".to_owned(), |at| format!("at {at}"));
        format!("{what} for {member}, because of position {position}: {at}\n")
    });
    let undone = nothing.into_iter().chain(parked).chain(unreadable);
    undone.chain(coming).collect()
}
