//! Whether one key has one outcome.

use std::collections::HashMap;

use meguri_log::{Position, Timestamp, limits::REQUEST_KEY_DAYS};

use super::{
    Acknowledged, Answer, History, Moment, Operation, Refusal, Violation, requests::Requests,
    timeline::Line,
};

/// An outcome that a key had, by an acknowledgement or by what stands in the log.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    operation: usize,
    invoked: Moment,
    /// When somebody knew of it; never, where nobody was told.
    known: Moment,
    position: Position,
    at: Timestamp,
    request: [u8; 32],
    expires: bool,
    /// Whether it may have been written without an event, later than the one that it names.
    is_alone: bool,
}

pub(super) fn check(
    history: &History,
    requests: &Requests<'_>,
    lines: &[Line<'_>],
    violations: &mut Vec<Violation>,
) {
    let mut by_key: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if let Some(key) = &operation.asked.key {
            by_key.entry(key.key).or_default().push(index);
        }
    }
    let placed = placed(history, requests, lines);
    let mut keys: Vec<_> = by_key.into_values().collect();
    keys.sort_unstable();
    for operations in keys {
        let mut outcomes: Vec<_> = operations
            .iter()
            .flat_map(|index| {
                let operation = &history.operations[*index];
                let told = operation.acknowledged();
                let told = told.and_then(|(at, told)| outcome(*index, operation, (at, told)));
                told.into_iter()
                    .chain(placed.get(index).into_iter().flatten().copied())
            })
            .collect();
        outcomes.sort_by_key(|it| (it.at, it.position, it.operation, it.known));
        let key = Key {
            history,
            lines,
            outcomes,
        };
        key.has_one_outcome(violations);
        for index in operations {
            key.is_known_to(index, violations);
        }
    }
}

fn outcome(
    index: usize,
    operation: &Operation,
    (known, told): (Moment, &Acknowledged),
) -> Option<Outcome> {
    let key = operation.asked.key.as_ref()?;
    Some(Outcome {
        operation: index,
        invoked: operation.invoked,
        known,
        position: told.position,
        at: told.at,
        request: key.request,
        expires: key.expires,
        is_alone: !operation.is_acknowledged_itself(),
    })
}

/// What stands of requests under a key, by the first operation that may have written it.
fn placed(
    history: &History,
    requests: &Requests<'_>,
    lines: &[Line<'_>],
) -> HashMap<usize, Vec<Outcome>> {
    let mut found: HashMap<usize, Vec<Outcome>> = HashMap::new();
    for line in lines {
        for (request, position) in &line.placed {
            let request = &requests.all[*request];
            let can_be = |it: &&usize| history.operations[**it].may_stand();
            let Some(index) = request.attempts.iter().find(can_be) else {
                continue;
            };
            let operation = &history.operations[*index];
            let last = position + request.events.len() as u64 - 1;
            let (Some(event), Some(key)) = (line.event(last), &operation.asked.key) else {
                continue;
            };
            found.entry(*index).or_default().push(Outcome {
                operation: *index,
                invoked: operation.invoked,
                known: Moment(u64::MAX),
                position: event.position,
                at: event.at,
                request: key.request,
                expires: key.expires,
                is_alone: false,
            });
        }
    }
    found
}

/// Everything under one key.
struct Key<'a> {
    history: &'a History,
    lines: &'a [Line<'a>],
    /// In the order of the log.
    outcomes: Vec<Outcome>,
}

impl Key<'_> {
    fn has_one_outcome(&self, violations: &mut Vec<Violation>) {
        for pair in self.outcomes.windows(2) {
            let (one, other) = (&pair[0], &pair[1]);
            let (first, second) = (one.operation, other.operation);
            if one.position == other.position && one.at == other.at {
                if one.request != other.request {
                    violations.push(Violation::KeyOfAnother { first, second });
                }
            } else if !self.may_be_forgotten(one, other) {
                violations.push(Violation::KeyWithTwoOutcomes { first, second });
            }
        }
    }

    /// Whether the log may have had no memory of `one` when it decided `other`.
    fn may_be_forgotten(&self, one: &Outcome, other: &Outcome) -> bool {
        let forgotten_at = one.at.plus_seconds(REQUEST_KEY_DAYS * 86_400);
        let expired = self.history.keys_expire && one.expires && other.at >= forgotten_at;
        // After a fall back the clock of another host may be behind.
        let lost = self.fell_back_behind(one, other.known);
        expired || lost || self.fell_back_behind(other, one.known)
    }

    /// Whether the database fell back to where it did not hold this outcome, before `by`.
    fn fell_back_behind(&self, outcome: &Outcome, by: Moment) -> bool {
        self.lines.windows(2).any(|pair| {
            let (before, line) = (&pair[0], &pair[1]);
            let kept = line.kept as u64;
            let lost = if outcome.is_alone {
                // It moves no end: nobody can tell after which event it was written, but that all
                // which were there by then came before.
                before.states(outcome.invoked, outcome.known).last >= kept
            } else {
                outcome.position.get() > kept
            };
            lost && outcome.invoked <= line.begun && line.begun <= by
        })
    }

    /// Whether the log used the key when it refused this operation.
    fn is_known_to(&self, index: usize, violations: &mut Vec<Violation>) {
        let operation = &self.history.operations[index];
        let (Some((answered, Answer::Refused(refusal))), Some(key)) =
            (&operation.answered, &operation.asked.key)
        else {
            return;
        };
        let is_another = |outcome: &&Outcome| outcome.request != key.request;
        let known_before = |outcome: &&Outcome| {
            let forgotten = self.history.keys_expire && outcome.expires;
            outcome.known < operation.invoked
                && !forgotten
                && !self.fell_back_behind(outcome, *answered)
        };
        match refusal {
            Refusal::KeyReused => {
                let mut others = self.outcomes.iter().filter(is_another);
                if !others.any(|outcome| self.could_be_known(outcome, operation, *answered)) {
                    violations.push(Violation::UnjustifiedKey { operation: index });
                }
            }
            Refusal::Conflict { .. } => {
                if let Some(first) = self.outcomes.iter().find(known_before) {
                    violations.push(Violation::KeyForgotten {
                        first: first.operation,
                        operation: index,
                    });
                }
            }
        }
    }

    /// Whether this outcome can have been in the log when the operation was answered.
    fn could_be_known(&self, outcome: &Outcome, operation: &Operation, answered: Moment) -> bool {
        let mut lines = self.lines.iter().filter(|line| line.overlaps(operation));
        lines.any(|line| {
            let states = line.states(operation.invoked, answered);
            outcome.invoked <= answered && outcome.position.get() <= states.last
        })
    }
}
