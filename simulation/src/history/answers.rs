//! Whether each answer is true: acknowledgements, failures, refusals, and the order in which they
//! were given.

use std::collections::{HashMap, HashSet};

use meguri_log::Position;

use super::{
    Acknowledged, Answer, History, Moment, Operation, Refusal, Violation, requests::Requests,
    timeline::Line,
};

pub(super) fn check(
    history: &History,
    requests: &Requests<'_>,
    lines: &[Line<'_>],
    violations: &mut Vec<Violation>,
) {
    let asked_before = asked_before(&history.operations);
    for (index, operation) in history.operations.iter().enumerate() {
        let overlapping = lines.iter().filter(|line| line.overlaps(operation));
        match &operation.answered {
            Some((at, Answer::Acknowledged(told))) => {
                let found = acknowledged(index, operation, told, overlapping);
                violations.extend(found);
                let key = operation.asked.key.as_ref();
                let first = key.and_then(|key| asked_before.get(&(key.key, key.request)));
                let another = first.is_some_and(|first| first.another_before(index, *at));
                let has_events = !operation.asked.events.is_empty();
                if told.repeated && has_events && !another {
                    violations.push(Violation::RepeatsNothing { operation: index });
                }
            }
            Some((at, Answer::Refused(Refusal::Conflict { condition, found }))) => {
                let (stream, expected) = (&condition.stream, condition.expected);
                let mut lines = overlapping;
                let justified =
                    lines.any(|line| line.had(stream, *found, line.states(operation.invoked, *at)));
                let asked = operation.asked.conditions.contains(condition);
                if !asked || expected.holds(*found) || !justified {
                    violations.push(Violation::UnjustifiedConflict {
                        operation: index,
                        stream: stream.clone(),
                        expected,
                        found: *found,
                    });
                }
            }
            // What a key refuses is looked at with all that has the key.
            Some((
                _,
                Answer::Refused(Refusal::KeyReused) | Answer::Failed(_) | Answer::Unknown,
            ))
            | None => {}
        }
    }
    failures(history, requests, lines, violations);
    for line in lines {
        real_time(requests, line, violations);
    }
}

/// The two operations that may have been the first of those under a key and of one request, which
/// began first.
struct First {
    first: (Moment, usize),
    second: Option<(Moment, usize)>,
}

impl First {
    fn another_before(&self, operation: usize, answered: Moment) -> bool {
        let candidates = [Some(self.first), self.second];
        let mut others = candidates.into_iter().flatten();
        others.any(|(invoked, index)| index != operation && invoked <= answered)
    }
}

fn asked_before(operations: &[Operation]) -> HashMap<([u8; 32], [u8; 32]), First> {
    let mut found: HashMap<_, First> = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let Some(key) = &operation.asked.key else {
            continue;
        };
        let failed = matches!(
            operation.answered,
            Some((_, Answer::Refused(_) | Answer::Failed(_)))
        );
        if failed {
            continue;
        }
        let this = (operation.invoked, index);
        let first = found.entry((key.key, key.request)).or_insert(First {
            first: this,
            second: None,
        });
        if this < first.first {
            first.second = Some(std::mem::replace(&mut first.first, this));
        } else if this != first.first && first.second.is_none_or(|second| this < second) {
            first.second = Some(this);
        }
    }
    found
}

fn acknowledged<'a>(
    index: usize,
    operation: &Operation,
    told: &Acknowledged,
    lines: impl Iterator<Item = &'a Line<'a>>,
) -> Option<Violation> {
    let (operation_index, position) = (index, told.position);
    let last = told.events.last().map(|event| event.position);
    let own = operation.is_acknowledged_itself();
    let may_be_others = told.repeated || operation.asked.events.is_empty();
    if last != Some(position) || !(own || may_be_others) {
        return Some(Violation::AnswerOfAnother {
            operation: operation_index,
        });
    }
    let mut lines = lines;
    let stands = lines.any(|line| {
        let at = line.event(position.get()).map(|event| event.at);
        line.holds(told) && at == Some(told.at)
    });
    (!stands).then_some(Violation::Lost {
        operation: operation_index,
        position,
    })
}

/// What failed each time that it was asked for is absent.
fn failures(
    history: &History,
    requests: &Requests<'_>,
    lines: &[Line<'_>],
    violations: &mut Vec<Violation>,
) {
    let mut said = HashSet::new();
    for (index, line) in lines.iter().enumerate() {
        for (request, position) in &line.placed {
            let attempts = &requests.all[*request].attempts;
            let lost = lines[index + 1..].iter();
            let lost = lost.filter(|later| (later.kept as u64) < *position);
            let lost = lost.map(|later| later.begun).min();
            let mut asked = attempts.iter().map(|it| &history.operations[*it]);
            // What had stood and was lost by then may be refused, or fail, as if it never had.
            let may_stand =
                |it: &Operation| it.may_stand() || lost.is_some_and(|lost| lost <= it.ended());
            if !asked.any(may_stand) && said.insert(*request) {
                violations.push(Violation::FailedAndStands {
                    operation: attempts.first().copied().unwrap_or_default(),
                    position: Position::new(*position),
                });
            }
        }
    }
}

/// What was made when the log was known to have come so far, stands behind that.
fn real_time(requests: &Requests<'_>, line: &Line<'_>, violations: &mut Vec<Violation>) {
    for (request, position) in &line.placed {
        let request = &requests.all[*request];
        let shown = line.states(request.invoked, request.invoked).first;
        // What stands in the part that a timeline keeps may have been asked for in that before it.
        if *position <= shown && *position > line.kept as u64 {
            violations.push(Violation::RealTime {
                operation: request.attempts.first().copied().unwrap_or_default(),
                position: Position::new(*position),
                shown: Position::new(shown),
            });
        }
    }
}
