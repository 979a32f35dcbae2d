//! How something that was asked of the views ended.

use meguri_engine::RebuildStep;
use meguri_engine::{control::Answer, control::Request};
use meguri_log::Position;

use super::bars::Bar;
use super::owner::Owner;
use crate::failure::Failure;

/// What was said in the end.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Where the file stood that took over, and the digest of its rows.
    pub(super) switched: Option<(Position, String)>,
    /// The last answer that was no step.
    pub(super) answer: Option<Answer>,
}

/// Asks for something, shows its steps, and waits for its end.
pub(super) async fn outcome(
    owner: &Owner,
    request: Request,
    what: &str,
    bar: &mut Bar,
) -> Result<Outcome, Failure> {
    let mut answers = owner.ask(request).await?;
    let mut outcome = Outcome::default();
    let refused = |reason| Failure::Asked {
        what: what.to_owned(),
        reason,
    };
    while let Some(answer) = answers.next().await? {
        match answer {
            Answer::Step(RebuildStep::Folded { position, head }) => bar.folded(position, head),
            Answer::Step(RebuildStep::Phase { phase, position }) => bar.step(phase, position),
            Answer::Step(RebuildStep::Comparing { position }) => bar.comparing(position),
            Answer::Step(RebuildStep::Tracing { rows }) => bar.tracing(rows),
            Answer::Step(RebuildStep::Switched { position, content }) => {
                outcome.switched = Some((position, content));
            }
            Answer::Step(RebuildStep::Failed { reason }) => {
                return Err(refused(format!("nothing has changed: {reason}")));
            }
            Answer::Refused { reason } => return Err(refused(reason)),
            last @ (Answer::Views { .. }
            | Answer::Retried
            | Answer::Verified(_)
            | Answer::Compared(_)
            | Answer::Bisected(_)
            | Answer::Built(_)
            | Answer::Exported(_)
            | Answer::Imported(_)) => outcome.answer = Some(last),
        }
    }
    Ok(outcome)
}
