//! `meguri audit redact`: empty an event, as a court orders it.

use std::io::Write;

use meguri_commands::{Redaction, redact};
use meguri_log::{Log, Position};

use crate::command_line::RedactArgs;
use crate::failure::{Failure, to_stdout};
use crate::opened;

/// Empties the event, also beside a running server, and says what that means.
pub(super) async fn run(
    log: &Log,
    args: &RedactArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let actor = opened::operator(args.by.as_deref())?;
    let position = Position::new(args.position);
    let redacted = redact(log, &actor, position, &args.reason).await;
    let Redaction {
        said_at,
        repeated,
        freezes,
    } = redacted.map_err(Failure::Redact)?;
    let stream = if freezes {
        "is frozen: no command changes it any more, but for an erasure"
    } else {
        "goes on: its state does not depend on such an event"
    };
    let said = if repeated { "already said" } else { "said" };
    writeln!(
        out,
        "position {position} is empty for ever, as is {said} at position {said_at}\n  \
         kept: stream, version, type and entry, so every proof holds\n  \
         its stream {stream}\n  \
         views are built anew: `/api/status` names {said_at} or more as `erased_up_to`"
    )
    .map_err(to_stdout)
}
