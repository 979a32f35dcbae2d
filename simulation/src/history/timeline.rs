//! A timeline of the log as the check needs it: which request stands where, and between which
//! states the log can have been during a call.

use std::collections::{BTreeMap, HashMap};

use meguri_log::{StreamName, Version};

use super::{
    Acknowledged, Answer, History, Moment, Operation, Refusal, StoredEvent, Violation,
    requests::Requests,
};

/// States of the log, by the position of its last event.
#[derive(Debug, Clone, Copy)]
pub(super) struct States {
    pub(super) first: u64,
    pub(super) last: u64,
}

#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) begun: Moment,
    pub(super) ended: Moment,
    /// So many events it has in common with the line before.
    pub(super) kept: usize,
    pub(super) events: Vec<&'a StoredEvent>,
    /// The positions of each stream's events, by version.
    streams: HashMap<&'a StreamName, Vec<u64>>,
    /// Where each request begins.
    pub(super) placed: BTreeMap<usize, u64>,
    /// For each position, when the last request up to there was made: no earlier can it have been
    /// written.
    made: Vec<Moment>,
    /// Who had an answer from the log by then, and which position that answer shows, rising.
    shown: Vec<(Moment, u64)>,
}

/// All timelines, each with the events that it keeps of the one before.
pub(super) fn lines<'a>(
    history: &'a History,
    requests: &Requests<'_>,
    violations: &mut Vec<Violation>,
) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for (index, timeline) in history.timelines.iter().enumerate() {
        let before = lines.last().map_or(&[][..], |line| &line.events[..]);
        let kept = usize::try_from(timeline.kept.get()).unwrap_or(usize::MAX);
        let (timeline_index, kept_position) = (index, timeline.kept);
        if kept > before.len() {
            violations.push(Violation::KeptTooMuch {
                timeline: timeline_index,
                kept: kept_position,
            });
        }
        let kept = kept.min(before.len());
        let events = before[..kept].iter().copied().chain(&timeline.events);
        let ended = history.timelines.get(index + 1);
        let mut line = Line {
            begun: if index == 0 {
                Moment(0)
            } else {
                timeline.begun
            },
            ended: ended.map_or(Moment(u64::MAX), |next| next.begun),
            kept,
            events: events.collect(),
            streams: HashMap::new(),
            placed: BTreeMap::new(),
            made: Vec::new(),
            shown: Vec::new(),
        };
        line.look(requests);
        line.learn(history);
        lines.push(line);
    }
    lines
}

impl<'a> Line<'a> {
    fn look(&mut self, requests: &Requests<'_>) {
        let mut made = Moment(0);
        for (event, position) in self.events.iter().zip(1..) {
            self.streams
                .entry(&event.stream)
                .or_default()
                .push(position);
            if let Some((request, _)) = requests.of(event.id) {
                made = made.max(requests.all[request].invoked);
            }
            self.made.push(made);
        }
    }

    /// What the answers show of how far the log had come. A call that began before this timeline,
    /// or ended after it, may show how far another one had.
    fn learn(&mut self, history: &History) {
        let told = history.operations.iter().filter_map(|operation| {
            let (at, answer) = operation.answered.as_ref()?;
            let shown = self.shown_by(answer)?;
            self.holds_all_of(operation.invoked, *at)
                .then_some((*at, shown))
        });
        let readings = history.readings.iter().filter_map(|reading| {
            let shown = match &reading.stream {
                None => reading.found,
                Some(stream) => self.begins(stream, reading.found)?,
            };
            let of_this = self.holds_all_of(reading.invoked, reading.answered);
            of_this.then_some((reading.answered, shown))
        });
        let mut shown: Vec<_> = told.chain(readings).collect();
        shown.sort_unstable();
        let mut highest = 0;
        for (_, position) in &mut shown {
            highest = highest.max(*position);
            *position = highest;
        }
        self.shown = shown;
    }

    fn shown_by(&self, answer: &Answer) -> Option<u64> {
        match answer {
            Answer::Acknowledged(told) => self.holds(told).then_some(told.position.get()),
            Answer::Refused(Refusal::Conflict { condition, found }) => {
                self.begins(&condition.stream, found.get())
            }
            Answer::Refused(Refusal::KeyReused) | Answer::Failed(_) | Answer::Unknown => None,
        }
    }

    /// Whether everything stands where this says.
    pub(super) fn holds(&self, told: &Acknowledged) -> bool {
        told.events.iter().all(|event| {
            self.event(event.position.get()).is_some_and(|stored| {
                let told = (event.id, &event.stream, event.version);
                told == (stored.id, &stored.stream, stored.version)
            })
        })
    }

    pub(super) fn event(&self, position: u64) -> Option<&'a StoredEvent> {
        let index = usize::try_from(position.checked_sub(1)?).ok()?;
        self.events.get(index).copied()
    }

    /// Whether all of a call is within this timeline.
    fn holds_all_of(&self, invoked: Moment, answered: Moment) -> bool {
        self.begun <= invoked && answered <= self.ended
    }

    /// Whether the call and this timeline have a moment in common.
    pub(super) fn overlaps(&self, operation: &Operation) -> bool {
        operation.ended() >= self.begun && operation.invoked <= self.ended
    }

    /// The states in which the log can have been during a call: at least as far as every answer
    /// before it shows, and not so far as to hold what was asked for later.
    pub(super) fn states(&self, invoked: Moment, answered: Moment) -> States {
        let before = self.shown.partition_point(|(moment, _)| *moment < invoked);
        let made = self.made.partition_point(|moment| *moment <= answered);
        States {
            first: before.checked_sub(1).map_or(0, |it| self.shown[it].1),
            last: made as u64,
        }
    }

    /// From which position on the stream had this version, or more.
    fn begins(&self, stream: &StreamName, version: u64) -> Option<u64> {
        let Some(index) = version.checked_sub(1) else {
            return Some(0);
        };
        let positions = self.streams.get(stream)?;
        positions.get(usize::try_from(index).ok()?).copied()
    }

    /// Whether the stream had this version in one of these states.
    pub(super) fn had(&self, stream: &StreamName, version: Version, states: States) -> bool {
        let Some(first) = self.begins(stream, version.get()) else {
            return false;
        };
        let next = self.begins(stream, version.get().saturating_add(1));
        let last = next.map_or(u64::MAX, |next| next - 1);
        first.max(states.first) <= last.min(states.last)
    }
}
