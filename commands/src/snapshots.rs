//! Snapshots of long streams: to find a state one reads the few events that it rests on and what
//! came after them, instead of the whole stream.
//!
//! A snapshot holds no state. It names the events of its stream that count
//! ([`meguri_domain::Compacted`]), and the last one that was looked at. So it holds nothing that
//! anybody typed: what is erased or redacted is so in what is read through it as well. It is
//! believed only where the log has the very event that it names in that place, and only under the
//! fold that it was made by. Whatever is wrong with one, it is thrown away and grows back.
//!
//! They are written beside the commands, by [`keep_snapshots`].

mod files;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meguri_log::{Log, Position, Recorded, StreamName, StreamRange, Version};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::snapshot::{RESTS_ON_MAX, Snapshot, State};
use crate::{CommandError, Commands};
use files::Files;

/// Streams that wait for their snapshots. Others wait until they are used again.
const DUE_MAX: usize = 1_000;
/// How long the next one waits: members go before.
const REST: Duration = Duration::from_millis(20);

/// What a snapshot says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    stream: StreamName,
    /// Up to here all events of the stream were looked at.
    version: Version,
    /// Where in the log that event stands.
    position: Position,
    /// Its id.
    event: Uuid,
    /// The versions of the events that the state rests on, in order.
    rests_on: Vec<Version>,
}

/// The snapshots of this process, and the streams that are due for one.
#[derive(Debug)]
pub(crate) struct Snapshots {
    /// None where no folder was given, or none could be made.
    files: Option<Files>,
    /// Events after which a stream is due.
    every: NonZeroU64,
    /// By name, each with a state of its kind.
    due: Mutex<BTreeMap<StreamName, State>>,
    noted: Notify,
}

impl Snapshots {
    /// Snapshots in `snapshots` below this folder.
    pub(crate) fn open(dir: Option<&Path>, every: NonZeroU64) -> Self {
        Self {
            files: dir.and_then(Files::open),
            every,
            due: Mutex::default(),
            noted: Notify::new(),
        }
    }

    /// Where to begin to read a stream: at its snapshot, or `absent`, before its first event.
    ///
    /// # Errors
    /// Those of reading the log. What is wrong with a snapshot is none.
    pub(crate) async fn begin(
        &self,
        log: &Log,
        stream: &StreamName,
        absent: Snapshot,
    ) -> Result<Snapshot, CommandError> {
        let Some(files) = &self.files else {
            return Ok(absent);
        };
        let Some(stored) = files.read(stream).await else {
            return Ok(absent);
        };
        let begun = match stored {
            Ok(stored) => stored.fold(absent.clone(), log).await?,
            Err(wrong) => Err(wrong),
        };
        match begun {
            Ok(snapshot) => Ok(snapshot),
            Err(wrong) => {
                files.throw_away(stream, wrong).await;
                Ok(absent)
            }
        }
    }

    /// Notes that a stream went from this version to this state: perhaps it is due for a snapshot.
    pub(crate) fn grown(&self, stream: &StreamName, from: Version, to: &Snapshot) {
        let due_before = |version: Version| version.get() / self.every;
        let is_due = due_before(to.version) > due_before(from) && !to.frozen;
        if !is_due || self.files.is_none() {
            return;
        }
        let mut due = self.due();
        if due.len() < DUE_MAX {
            due.insert(stream.clone(), to.state.before_the_first());
            self.noted.notify_one();
        }
    }

    /// Takes a snapshot of a stream, if it can have one.
    async fn take(&self, log: &Log, stream: &StreamName, kind: State) -> Result<(), CommandError> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        let begun = match files.read(stream).await {
            Some(Ok(stored)) => stored
                .fold(Snapshot::before_the_first(&kind), log)
                .await?
                .ok(),
            Some(Err(_)) | None => None,
        };
        let begun = begun.unwrap_or_else(|| Snapshot::before_the_first(&kind));
        let now = begun.read_on(log, stream).await?;
        let Some(compacted) = now.compacted.filter(|_| !now.frozen) else {
            return Ok(());
        };
        let last = read(log, stream, &[now.version]).await?;
        let Some(event) = last.first().and_then(id) else {
            return Ok(());
        };
        let stored = Stored {
            stream: stream.clone(),
            version: now.version,
            position: now.position,
            event,
            rests_on: compacted.places().collect(),
        };
        // Looked at as whoever uses it will: what counts has to add up to what all of it does.
        match stored.fold(Snapshot::before_the_first(&kind), log).await? {
            Ok(again) if again.state == now.state => files.write(&stored).await,
            Ok(_) | Err(_) => tracing::warn!(%stream, "no snapshot of it adds up to its state"),
        }
        Ok(())
    }

    fn next_due(&self) -> Option<(StreamName, State)> {
        self.due().pop_first()
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<StreamName, State>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    /// The state that it leads to, read from the log; why it leads to none otherwise.
    async fn fold(
        &self,
        absent: Snapshot,
        log: &Log,
    ) -> Result<Result<Snapshot, &'static str>, CommandError> {
        let mut versions = self.rests_on.clone();
        if versions.last() != Some(&self.version) {
            versions.push(self.version);
        }
        let in_order = versions.is_sorted_by(|one, next| one < next);
        let few = !self.rests_on.is_empty() && versions.len() <= RESTS_ON_MAX + 1;
        if !in_order || !few || versions.first() == Some(&Version::ZERO) {
            return Ok(Err("it names no events"));
        }
        let events = read(log, &self.stream, &versions).await?;
        let found = events.iter().map(Recorded::version);
        let is_there = |last: &Recorded| {
            found.eq(versions) && last.position() == self.position && id(last) == Some(self.event)
        };
        if !events.last().is_some_and(is_there) {
            return Ok(Err("the log has another event in its place"));
        }
        let counts = &events[..self.rests_on.len()];
        let Some(state) = absent.after_these(log, counts).await? else {
            return Ok(Err("something that it rests on was redacted"));
        };
        Ok(Ok(Snapshot {
            version: self.version,
            position: self.position,
            ..state
        }))
    }
}

/// These events of a stream, as far as it has them; those that follow on each other at once.
async fn read(
    log: &Log,
    stream: &StreamName,
    versions: &[Version],
) -> Result<Vec<Recorded>, CommandError> {
    let mut found = Vec::with_capacity(versions.len());
    for run in versions.chunk_by(|one, next| one.next() == *next) {
        let range = StreamRange {
            limit: run.len(),
            ..StreamRange::forward_from(run[0])
        };
        found.extend(log.read_stream(stream, range).await?);
    }
    Ok(found)
}

/// The id of an event; none of one that was emptied or cannot be read.
fn id(event: &Recorded) -> Option<Uuid> {
    event.header().and_then(Result::ok).map(|header| header.id)
}

/// Takes snapshots of streams that have become long, until it is told to stop. Where one cannot be
/// taken nothing is lost: reading its stream takes longer.
pub async fn keep_snapshots(commands: Commands, stop: CancellationToken) {
    let snapshots = commands.snapshots();
    loop {
        tokio::select! {
            // Whoever stops it is heard first.
            biased;
            () = stop.cancelled() => return,
            () = snapshots.noted.notified() => {}
        }
        while let Some((stream, kind)) = snapshots.next_due() {
            if let Err(error) = snapshots.take(commands.log(), &stream, kind).await {
                tracing::debug!(%stream, %error, "no snapshot is taken of it");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
