//! The check: walks the log in its order, and holds everything that was told against it.

use std::collections::HashMap;

use meguri_log::{Position, StreamName, Version};

use super::{
    Answer, History, Operation, StoredEvent, Violation, answers, keys, readers,
    requests::Requests,
    timeline::{Line, lines},
};

/// What came of a check, and how much there was to check: a history in which nothing happened
/// violates nothing, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What the log promises never to do, and did.
    pub violations: Vec<Violation>,
    /// How much was held against it.
    pub counted: Counted,
}

/// How much a history holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events that stand in the log at the end.
    pub events: usize,
    /// Conditions that were looked at where their requests stand.
    pub conditions: usize,
    /// Acknowledgements, repeated ones among them.
    pub acknowledged: usize,
    /// Acknowledgements of what had been appended before.
    pub repeated: usize,
    /// Refusals because of what the log holds.
    pub refused: usize,
    /// What failed otherwise, for certain.
    pub failed: usize,
    /// What nobody knows, and stands.
    pub unknown_standing: usize,
    /// What nobody knows, and does not stand.
    pub unknown_absent: usize,
    /// Readings.
    pub readings: usize,
    /// Events that followers were given.
    pub followed: usize,
    /// Roots that were told.
    pub roots: usize,
}

/// Holds a history against what the log promises.
///
/// - Positions, and the versions of every stream, are 1, 2, 3, … without a hole; time never goes
///   back.
/// - What was acknowledged stands where the acknowledgement says; what was acknowledged before
///   another request was made stands before it.
/// - What failed for certain is absent; what nobody knows stands at most once; nothing stands that
///   nobody asked for; each request stands whole, or not at all.
/// - Every condition was true at the position of its request.
/// - A conflict that was refused, and what was read, was so at some moment of the call.
/// - One key has one outcome: the same for everybody who asks the same again, and a refusal for who
///   asks something else.
/// - Followers are given everything, in order, once.
/// - No two roots are told of one size.
pub fn check(history: &History) -> Verdict {
    let mut violations = Vec::new();
    let requests = Requests::new(&history.operations, &mut violations);
    let mut lines = lines(history, &requests, &mut violations);
    let mut counted = Counted::of(history);
    for line in &mut lines {
        are_in_turn(line, &mut violations);
        let mut walk = Walk {
            operations: &history.operations,
            requests: &requests,
            versions: HashMap::new(),
            conditions: 0,
            violations: &mut violations,
        };
        walk.along(line);
        counted.conditions += walk.conditions;
    }
    answers::check(history, &requests, &lines, &mut violations);
    keys::check(history, &requests, &lines, &mut violations);
    readers::check(history, &lines, &mut violations);
    counted.count_unknown(history, &requests, &lines);
    Verdict {
        violations,
        counted,
    }
}

/// Positions, versions and times each have the one value that they can have.
fn are_in_turn(line: &Line<'_>, violations: &mut Vec<Violation>) {
    let mut versions: HashMap<&StreamName, Version> = HashMap::new();
    let mut before: Option<&StoredEvent> = None;
    for (index, event) in line.events.iter().enumerate() {
        let last = versions.entry(&event.stream).or_default();
        if index >= line.kept {
            let expected = Position::new(index as u64 + 1);
            let found = event.position;
            if found != expected {
                violations.push(Violation::Hole { expected, found });
            }
            if event.version != last.next() {
                violations.push(Violation::VersionOutOfTurn {
                    position: event.position,
                    stream: event.stream.clone(),
                    last: *last,
                    found: event.version,
                });
            }
            if before.is_some_and(|before| event.at < before.at) {
                let position = event.position;
                violations.push(Violation::TimeGoesBack { position });
            }
        }
        *last = event.version;
        before = Some(event);
    }
}

/// The walk along one timeline, which knows the version of every stream where it is.
struct Walk<'a, 'v> {
    operations: &'a [Operation],
    requests: &'a Requests<'a>,
    versions: HashMap<&'a StreamName, Version>,
    conditions: usize,
    violations: &'v mut Vec<Violation>,
}

impl<'a> Walk<'a, '_> {
    fn along(&mut self, line: &mut Line<'a>) {
        let mut index = 0;
        while index < line.events.len() {
            let is_new = index >= line.kept;
            let count = self.step(line, index, is_new);
            for event in &line.events[index..index + count] {
                self.versions.insert(&event.stream, event.version);
            }
            index += count;
        }
    }

    /// Looks at what stands here, and says how many events it has.
    fn step(&mut self, line: &mut Line<'a>, index: usize, is_new: bool) -> usize {
        let (event, requests) = (line.events[index], self.requests);
        let position = Position::new(index as u64 + 1);
        let Some((request, place)) = requests.of(event.id) else {
            let id = event.id;
            self.complain(is_new, || Violation::NobodyAsked { position, id });
            return 1;
        };
        let asked = &requests.all[request];
        let operation = asked.attempts.first().copied().unwrap_or_default();
        let stands = line.events[index..].iter().take(asked.events.len());
        let whole = place == 0
            && stands.len() == asked.events.len()
            && stands
                .zip(asked.events)
                .all(|(stands, asked)| (stands.id, &stands.stream) == (asked.id, &asked.stream));
        if let Some(first) = line.placed.get(&request) {
            let first = Position::new(*first);
            self.complain(is_new, || Violation::Doubled {
                operation,
                first,
                again: position,
            });
        } else if !whole {
            self.complain(is_new, || Violation::Torn {
                operation,
                position,
            });
        }
        if !whole {
            return 1;
        }
        line.placed.entry(request).or_insert(index as u64 + 1);
        if is_new {
            self.conditions_of(&asked.attempts, position);
        }
        asked.events.len()
    }

    fn complain(&mut self, is_new: bool, violation: impl FnOnce() -> Violation) {
        if is_new {
            self.violations.push(violation());
        }
    }

    /// Whether all conditions of a request that stands here were true here.
    fn conditions_of(&mut self, attempts: &[usize], position: Position) {
        let operations = self.operations;
        let mut can_be: Vec<_> = attempts
            .iter()
            .copied()
            .filter(|attempt| operations[*attempt].may_stand())
            .collect();
        let told = |attempt: &usize| {
            let told = operations[*attempt].acknowledged();
            told.is_some_and(|(_, told)| !told.repeated)
        };
        if can_be.iter().any(told) {
            can_be.retain(told);
        }
        let mut failed = None;
        for operation in can_be {
            let conditions = &operations[operation].asked.conditions;
            let version = |stream| self.versions.get(stream).copied().unwrap_or_default();
            let wrong = conditions
                .iter()
                .find(|it| !it.expected.holds(version(&it.stream)));
            let Some(wrong) = wrong else {
                self.conditions += conditions.len();
                return;
            };
            failed = Some(Violation::ConditionFalse {
                operation,
                position,
                stream: wrong.stream.clone(),
                expected: wrong.expected,
                found: version(&wrong.stream),
            });
        }
        self.violations.extend(failed);
    }
}

impl Counted {
    fn of(history: &History) -> Self {
        let mut counted = Self {
            readings: history.readings.len(),
            followed: history.followers.iter().map(|it| it.saw.len()).sum(),
            roots: history.roots.len(),
            ..Self::default()
        };
        for operation in &history.operations {
            match &operation.answered {
                Some((_, Answer::Acknowledged(told))) => {
                    counted.acknowledged += 1;
                    counted.repeated += usize::from(told.repeated);
                }
                Some((_, Answer::Refused(_))) => counted.refused += 1,
                Some((_, Answer::Failed(_))) => counted.failed += 1,
                None | Some((_, Answer::Unknown)) => {}
            }
        }
        counted
    }

    fn count_unknown(&mut self, history: &History, requests: &Requests<'_>, lines: &[Line<'_>]) {
        self.events = lines.last().map_or(0, |line| line.events.len());
        for (index, request) in requests.all.iter().enumerate() {
            let mut attempts = request.attempts.iter().map(|it| &history.operations[*it]);
            let unknown = |it: &Operation| matches!(it.answered, None | Some((_, Answer::Unknown)));
            if !attempts.clone().any(unknown) || attempts.any(|it| it.acknowledged().is_some()) {
                continue;
            }
            if lines.iter().any(|line| line.placed.contains_key(&index)) {
                self.unknown_standing += 1;
            } else {
                self.unknown_absent += 1;
            }
        }
    }
}
