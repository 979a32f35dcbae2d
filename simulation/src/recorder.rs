//! Writes down what happens in a world, in order: its digest is the run's, and its end is shown
//! where a promise was broken.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use meguri_log::simulation::Trace;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::history::{History, Moment};

/// What was written down so far.
struct Recording {
    digest: Sha256,
    steps: u64,
    line: String,
    /// Every line, where somebody wants to read them.
    lines: Option<Vec<String>>,
    history: History,
}

/// The one record of a world.
pub(crate) struct Recorder {
    begun: Instant,
    recording: Mutex<Recording>,
}

/// What a run came to, but for the verdict.
pub(crate) struct Recorded {
    pub(crate) digest: [u8; 32],
    pub(crate) steps: u64,
    pub(crate) lines: Vec<String>,
    pub(crate) history: History,
}

impl Recorder {
    pub(crate) fn new(keeps_lines: bool) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            recording: Mutex::new(Recording {
                digest: Sha256::new(),
                steps: 0,
                line: String::new(),
                lines: keeps_lines.then(Vec::new),
                history: History::default(),
            }),
        })
    }

    /// Writes a line, and says which moment that is: no two lines have the same.
    pub(crate) fn moment(&self, process: Option<u32>, what: fmt::Arguments<'_>) -> Moment {
        let mut recording = self.recording();
        let Recording {
            digest,
            steps,
            line,
            lines,
            ..
        } = &mut *recording;
        *steps += 1;
        line.clear();
        let time = self.begun.elapsed().as_millis();
        // Writing to a String cannot fail.
        let _ = match process {
            Some(process) => writeln!(line, "{time:>7} p{process} {what}"),
            None => writeln!(line, "{time:>7}    {what}"),
        };
        digest.update(line.as_bytes());
        if let Some(lines) = lines {
            lines.push(line.trim_end().to_owned());
        }
        Moment(*steps)
    }

    /// Changes the history.
    pub(crate) fn history<T>(&self, change: impl FnOnce(&mut History) -> T) -> T {
        change(&mut self.recording().history)
    }

    /// Ends the record.
    pub(crate) fn finish(&self) -> Recorded {
        let mut recording = self.recording();
        Recorded {
            digest: recording.digest.finalize_reset().into(),
            steps: recording.steps,
            lines: recording.lines.take().unwrap_or_default(),
            history: std::mem::take(&mut recording.history),
        }
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace for Recorder {
    fn note(&self, process: Option<u32>, what: fmt::Arguments<'_>) {
        self.moment(process, what);
    }
}
