//! What a process records while it runs: one line each, written before and after every call, so
//! that a process which is killed leaves behind what it had asked.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use meguri_log::Position;
use meguri_simulation::history::{
    Answer, Asked, Followed, History, Moment, Operation, Reading, RootTold,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line. Moments are nanoseconds since the process began.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    /// This is about to be asked.
    Asked(u64, Moment, Asked),
    /// It was answered.
    Answered(u64, Moment, Answer),
    Read(Reading),
    /// A follower begins after this position.
    Follows(u64, Position),
    /// A follower was given these.
    Saw(u64, Vec<(Position, Uuid)>),
    Root(RootTold),
}

/// The file of one process.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    file: Mutex<File>,
}

impl Recorder {
    pub(crate) fn new(began: Instant, path: &Path) -> Self {
        let file = Mutex::new(File::create(path).expect("a file for the records"));
        Self { began, file }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Keeps a line, also if the process is killed right after.
    pub(crate) fn keep(&self, line: &Line) {
        let mut line = serde_json::to_vec(line).expect("a line is JSON");
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).expect("a line is kept");
    }
}

/// How the clock of a process stands to that of the one that judges: the moment zero of the
/// process was between these two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    pub(crate) earliest: u64,
    pub(crate) latest: u64,
}

/// The lines of a process, as far as it came.
pub(crate) fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // The last one may be cut off: nothing of it had begun, or its end is not known.
    let lines = text.split_inclusive('\n');
    let whole = lines.filter(|line| line.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str(line).expect("a line that was kept is read"))
        .collect()
}

/// Adds what one process recorded to a history.
pub(crate) fn collect(
    path: &Path,
    began: Began,
    must_reach: Option<Position>,
    history: &mut History,
) {
    let begins = |moment: Moment| Moment(moment.0.saturating_add(began.earliest));
    let ends = |moment: Moment| Moment(moment.0.saturating_add(began.latest));
    let mut operations: HashMap<u64, usize> = HashMap::new();
    let mut followers: HashMap<u64, usize> = HashMap::new();
    for line in lines(path) {
        match line {
            Line::Asked(number, moment, asked) => {
                operations.insert(number, history.operations.len());
                history.operations.push(Operation {
                    invoked: begins(moment),
                    asked,
                    answered: None,
                });
            }
            Line::Answered(number, moment, answer) => {
                let operation = &mut history.operations[operations[&number]];
                operation.answered = Some((ends(moment), answer));
            }
            Line::Read(reading) => history.readings.push(Reading {
                invoked: begins(reading.invoked),
                answered: ends(reading.answered),
                ..reading
            }),
            Line::Follows(number, after) => {
                followers.insert(number, history.followers.len());
                history.followers.push(Followed {
                    after,
                    must_reach,
                    saw: Vec::new(),
                });
            }
            Line::Saw(number, events) => {
                history.followers[followers[&number]].saw.extend(events);
            }
            Line::Root(root) => history.roots.push(root),
        }
    }
}

/// What a process had asked under a key and not heard the end of.
pub(crate) fn unsettled(path: &Path) -> Vec<Asked> {
    let mut asked: HashMap<u64, Asked> = HashMap::new();
    let mut open: BTreeMap<[u8; 32], Asked> = BTreeMap::new();
    for line in lines(path) {
        match line {
            Line::Asked(number, _, request) => {
                if let Some(key) = request.key {
                    asked.insert(number, request.clone());
                    open.insert(key.key, request);
                }
            }
            Line::Answered(number, _, Answer::Acknowledged(_) | Answer::Refused(_)) => {
                if let Some(key) = asked.remove(&number).and_then(|asked| asked.key) {
                    open.remove(&key.key);
                }
            }
            Line::Answered(..)
            | Line::Read(_)
            | Line::Follows(..)
            | Line::Saw(..)
            | Line::Root(_) => {}
        }
    }
    open.into_values().collect()
}
