//! The one writer of a process: groups what is waiting, commits once, answers each request by
//! itself.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use lru::LruCache;
use meguri_supervision::beat_within;
use tokio_util::sync::CancellationToken;

use crate::{
    append::AppendError,
    appending::Appending,
    clock_guard::ClockGuard,
    decide::{Answer, Decision, decide},
    follow::Recent,
    limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_STREAMS_MAX, HEADS_CACHED_MAX},
    queue::{Request, Waiting},
    store::{Batch, Entries, Head, Heads, Outcomes, Store, StoreError, Turn},
    stream::{Position, StreamName, Version},
};

/// How long the writer tries to find out what became of a batch after a lost connection.
pub(crate) const RESOLVE_FOR: Duration = Duration::from_secs(15);
/// How long it waits between two such tries.
const RESOLVE_PAUSE: Duration = Duration::from_millis(100);
/// How long nothing may be asked of it after a failure before it tries by itself.
const PROBE_AFTER: Duration = Duration::from_secs(2);
/// How long a batch takes at the very most, each question of it bounded; and how often the writer
/// is heard of while nobody asks.
const BATCH_MAX: Duration = Duration::from_mins(3);
const HEARD_OF_EVERY: Duration = Duration::from_secs(10);
/// Most positions that it reads to learn what others wrote; beyond that it forgets what it knew.
const CATCH_UP_MAX: u64 = 20_000;

pub(crate) struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<ClockGuard>,
    queue: Waiting,
    /// Taken from the queue, but too much for the batch before.
    held: Option<Request>,
    /// Where the log ends, as far as this writer knows; none after a lost connection.
    known: Option<Head>,
    /// Versions of streams as of `known`. A stream that is not here is unknown, never "no stream".
    heads: LruCache<StreamName, Version>,
    recent: Arc<Recent>,
    /// The end of what it has shared last with those who follow.
    shared: Option<Head>,
    appending: Arc<Appending>,
    resolve_for: Duration,
}

impl Decision {
    /// Done, where everything was answered before and nothing depends on what streams are like.
    fn if_settled(self) -> Tried {
        let is_settled = |answer: &Answer| matches!(answer, Answer::Settled(_));
        if self.answers.iter().all(is_settled) {
            Tried::Done(self)
        } else {
            Tried::Moved
        }
    }
}

/// Says that appends fail when the writer is gone, however it went.
struct Ended(Arc<Appending>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.failed("the writer has ended".into());
    }
}

/// What a try to write a batch came to.
enum Tried {
    Done(Decision),
    /// Others moved the head.
    Moved,
}

impl Writer {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<ClockGuard>,
        queue: Waiting,
        head: Head,
        recent: Arc<Recent>,
        appending: Arc<Appending>,
        resolve_for: Duration,
    ) -> Self {
        let heads = LruCache::new(HEADS_CACHED_MAX);
        Self {
            store,
            clock,
            queue,
            held: None,
            known: Some(head),
            heads,
            recent,
            shared: None,
            appending,
            resolve_for,
        }
    }

    /// Writes until `closing`, then finishes what was accepted into the queue.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let _ended = Ended(Arc::clone(&self.appending));
        loop {
            beat_within(BATCH_MAX);
            let fails = self.appending.failing().is_some();
            let request = match self.held.take() {
                Some(held) => Some(held),
                None if self.queue.is_closed() => self.queue.next().await,
                None => tokio::select! {
                    // Closing comes first, or a queue that is never empty would never be closed.
                    biased;
                    () = closing.cancelled() => {
                        self.queue.close();
                        continue;
                    }
                    request = self.queue.next() => request,
                    () = tokio::time::sleep(PROBE_AFTER), if fails => {
                        self.probe().await;
                        continue;
                    }
                    () = tokio::time::sleep(HEARD_OF_EVERY) => continue,
                },
            };
            let Some(request) = request else { return };
            let batch = self.drain(request);
            metrics::histogram!("meguri_log_batch_requests").record(as_f64(batch.len()));
            if let Err(ahead) = self.clock.check() {
                self.appending.failed(ahead.to_string());
                refuse(batch, &AppendError::Unavailable(ahead.to_string()));
                continue;
            }
            self.appending.begun();
            Box::pin(self.write(batch)).await;
            self.appending.done();
        }
    }

    /// Tries whether appends work again, while nobody appends who would find out.
    async fn probe(&self) {
        if let Err(ahead) = self.clock.check() {
            return self.appending.failed(ahead.to_string());
        }
        let probed = match self.store.take_turn().await {
            Ok(turn) => turn.try_to_write().await,
            Err(error) => Err(error),
        };
        match probed {
            Ok(()) => self.appending.worked(),
            Err(error) => self.appending.failed(error.to_string()),
        }
    }

    /// Everything that is waiting, up to the bounds of a batch.
    fn drain(&mut self, first: Request) -> Vec<Request> {
        let (mut events, mut bytes) = (first.prepared.events.len(), first.prepared.bytes);
        let mut streams = first.prepared.streams().count();
        let mut batch = vec![first];
        while let Some(request) = self.queue.try_next() {
            events += request.prepared.events.len();
            bytes += request.prepared.bytes;
            streams += request.prepared.streams().count();
            let is_full = events > BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX;
            if is_full || streams > BATCH_STREAMS_MAX {
                self.held = Some(request);
                break;
            }
            batch.push(request);
        }
        batch
    }

    async fn write(&mut self, requests: Vec<Request>) {
        let mut attempts = Vec::new();
        let tried = match self.known {
            Some(known) => self.write_at_once(known, &requests, &mut attempts).await,
            None => Ok(Tried::Moved),
        };
        let tried = match tried {
            Ok(Tried::Moved) => self.write_in_turn(&requests, &mut attempts).await,
            other => other,
        };
        let tried = match tried {
            Err(StoreError::Lost(_)) => self.resolve(&requests, attempts).await,
            other => other,
        };
        match tried {
            Ok(Tried::Done(decision)) => answer(requests, decision),
            Ok(Tried::Moved) => self.unknown_outcome(requests, "others write all the time"),
            Err(StoreError::Lost(reason)) => self.unknown_outcome(requests, &reason),
            Err(StoreError::Refused(_)) if requests.len() > 1 => self.split(requests).await,
            Err(error) => {
                if !matches!(error, StoreError::Refused(_)) {
                    self.appending.failed(error.to_string());
                }
                refuse(requests, &AppendError::Unavailable(error.to_string()));
            }
        }
    }

    /// Nobody can tell what became of these requests.
    fn unknown_outcome(&mut self, requests: Vec<Request>, reason: &str) {
        self.known = None;
        self.appending.failed(reason.to_owned());
        refuse(requests, &AppendError::Unknown);
    }

    /// Bad data of one request must not fail its neighbours: each half is written by itself.
    async fn split(&mut self, mut requests: Vec<Request>) {
        let second = requests.split_off(requests.len() / 2);
        Box::pin(self.write(requests)).await;
        Box::pin(self.write(second)).await;
    }

    /// One statement, in the hope that nobody else wrote since.
    async fn write_at_once(
        &mut self,
        known: Head,
        requests: &[Request],
        attempts: &mut Vec<Decision>,
    ) -> Result<Tried, StoreError> {
        let unknown = self.unknown(requests);
        let (heads, end, outcomes) = self.look_up(known, &unknown, requests).await?;
        self.learn(heads);
        let decision = self.decide(known, requests, (&outcomes, &Entries::new()));
        if end != known {
            // INVARIANT: versions that are remembered are those of `known`. The log may fall back
            // to there, and these would be taken for true.
            for stream in &unknown {
                self.heads.pop(stream);
            }
            return Ok(decision.if_settled());
        }
        // INVARIANT: the event that had done it is looked for in the turn that says so. It was read
        // before, and the log may have fallen back since to where it is not, and `known` with it.
        if !done_before(requests).is_empty() {
            return Ok(decision.if_settled());
        }
        if decision.batch.is_empty() {
            let relied = decision
                .answers
                .iter()
                .any(|answer| matches!(answer, Answer::Refused(_)));
            if relied && self.store.head().await? != known {
                return Ok(Tried::Moved);
            }
            return Ok(Tried::Done(decision));
        }
        match self.store.commit(known, &decision.batch).await {
            Ok(true) => {
                self.committed(&decision);
                Ok(Tried::Done(decision))
            }
            Ok(false) => Ok(Tried::Moved),
            Err(error) => Err(lost(error, decision, attempts)),
        }
    }

    /// The versions of these streams and where the log ended with them, which is taken for known
    /// where nothing has to be asked; and what is remembered of the requests.
    async fn look_up(
        &self,
        known: Head,
        unknown: &[StreamName],
        requests: &[Request],
    ) -> Result<(Heads, Head, Outcomes), StoreError> {
        let (store, keys) = (&self.store, keys(requests));
        let heads = async {
            if unknown.is_empty() {
                Ok((Heads::new(), known))
            } else {
                store.heads_and_end(unknown).await
            }
        };
        let outcomes = async {
            if keys.is_empty() {
                Ok(Outcomes::new())
            } else {
                store.outcomes(&keys, self.clock.now()).await
            }
        };
        let ((heads, end), outcomes) = futures::future::try_join(heads, outcomes).await?;
        Ok((heads, end, outcomes))
    }

    /// Waits for the turn, learns what others wrote, and decides again.
    async fn write_in_turn(
        &mut self,
        requests: &[Request],
        attempts: &mut Vec<Decision>,
    ) -> Result<Tried, StoreError> {
        let turn = self.store.take_turn().await?;
        self.write_with(turn, requests, attempts).await
    }

    async fn write_with(
        &mut self,
        mut turn: Box<dyn Turn>,
        requests: &[Request],
        attempts: &mut Vec<Decision>,
    ) -> Result<Tried, StoreError> {
        let head = self.catch_up(&mut *turn).await?;
        let unknown = self.unknown(requests);
        if !unknown.is_empty() {
            let heads = turn.stream_heads(&unknown).await?;
            self.learn(heads);
        }
        let keys = keys(requests);
        let outcomes = if keys.is_empty() {
            Outcomes::new()
        } else {
            turn.outcomes(&keys, self.clock.now()).await?
        };
        let done_before = done_before(requests);
        let entries = if done_before.is_empty() {
            Entries::new()
        } else {
            turn.entries_at(&done_before).await?
        };
        let decision = self.decide(head, requests, (&outcomes, &entries));
        if decision.batch.is_empty() {
            turn.release().await?;
        } else if let Err(error) = turn.commit(&decision.batch).await {
            return Err(lost(error, decision, attempts));
        } else {
            self.committed(&decision);
        }
        Ok(Tried::Done(decision))
    }

    /// Learns which streams others moved since `known`, or forgets everything where that cannot be
    /// told.
    async fn catch_up(&mut self, turn: &mut dyn Turn) -> Result<Head, StoreError> {
        let head = turn.head().await?;
        let known = self.known;
        if known == Some(head) {
            return Ok(head);
        }
        let ours = match known {
            Some(known) if known.position == Position::ZERO => true,
            Some(known) => turn.event_at(known.position).await? == Some((known.tail, known.at)),
            None => false,
        };
        if !ours
            && let Some(shared) = self.shared
            && turn.event_at(shared.position).await? != Some((shared.tail, shared.at))
        {
            self.recent.begin_anew(head.position);
            self.shared = None;
        }
        match known {
            Some(known) if ours && head.position.get() - known.position.get() <= CATCH_UP_MAX => {
                let changed = turn.changed_since(known.position).await?;
                self.learn(changed);
            }
            _ => self.heads.clear(),
        }
        // INVARIANT: only now, when every read has succeeded: versions that are remembered are
        // those of `known`, and a new head over old versions would let a stream's version be taken
        // twice, or be refused for ever.
        self.known = Some(head);
        self.recent.told(head.position);
        Ok(head)
    }

    /// After a lost connection: looks whether the batch is there, and writes it if it is not.
    async fn resolve(
        &mut self,
        requests: &[Request],
        mut attempts: Vec<Decision>,
    ) -> Result<Tried, StoreError> {
        self.known = None;
        let resolve_for = self.resolve_for;
        let resolving = async {
            loop {
                match self.resolve_once(requests, &mut attempts).await {
                    Err(StoreError::Lost(_) | StoreError::Unreachable(_)) => {
                        tokio::time::sleep(RESOLVE_PAUSE).await;
                    }
                    settled => return settled,
                }
            }
        };
        let resolved = tokio::time::timeout(resolve_for, resolving).await;
        // INVARIANT: what is cut off leaves `known` at none, so nothing is taken for true that was
        // learned half-way; what became of it is answered as not known.
        resolved.unwrap_or_else(|_| {
            self.known = None;
            let reason = "the database did not come back in time";
            Err(StoreError::Lost(reason.into()))
        })
    }

    async fn resolve_once(
        &mut self,
        requests: &[Request],
        attempts: &mut Vec<Decision>,
    ) -> Result<Tried, StoreError> {
        let mut turn = self.store.take_turn().await?;
        for (index, attempt) in attempts.iter().enumerate() {
            if self.stands(&mut *turn, &attempt.batch).await? {
                turn.release().await?;
                self.heads.clear();
                self.recent.told(attempt.batch.head.position);
                return Ok(Tried::Done(attempts.swap_remove(index)));
            }
        }
        // INVARIANT: whoever still holds a lost statement of ours compares the head with what it
        // was then; once this turn has moved it, that statement can do nothing any more.
        self.write_with(turn, requests, attempts).await
    }

    /// Whether exactly this batch was written. Tries of the same requests have the same ids, often
    /// at the same positions, and differ in when they say that it was: entries tell them apart, for
    /// they are made of all that an event says.
    async fn stands(&self, turn: &mut dyn Turn, batch: &Batch) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (batch.events.first(), batch.events.last()) else {
            return Ok(false);
        };
        let found = turn.event_at(first.position).await?;
        if found.is_none_or(|(id, _)| id != first.id) {
            return Ok(false);
        }
        let after = first.position.before().unwrap_or_default();
        let stored = self.store.read_entries(after, last.position).await?;
        Ok(batch.events.iter().map(|it| it.entry).eq(stored))
    }

    /// Streams that the batch names and whose versions are not remembered.
    ///
    /// INVARIANT: to look at those that are makes them the ones used last, so that none of them is
    /// forgotten for the sake of what is learned now; a batch names fewer than are remembered.
    fn unknown(&mut self, requests: &[Request]) -> Vec<StreamName> {
        let mut seen = HashSet::new();
        let streams = requests
            .iter()
            .flat_map(|request| request.prepared.streams());
        streams
            .filter(|stream| self.heads.get(*stream).is_none() && seen.insert(*stream))
            .cloned()
            .collect()
    }

    fn learn(&mut self, heads: Heads) {
        for (stream, version) in heads {
            self.heads.put(stream, version);
        }
    }

    fn decide(
        &mut self,
        known: Head,
        requests: &[Request],
        found: (&Outcomes, &Entries),
    ) -> Decision {
        let mut heads = Heads::new();
        for stream in requests
            .iter()
            .flat_map(|request| request.prepared.streams())
        {
            if let Some(version) = self.heads.get(stream) {
                heads.insert(stream.clone(), *version);
            }
        }
        let requests = requests.iter().map(|request| &request.prepared);
        decide(known, self.clock.now(), requests, heads, found)
    }

    /// Remembers where the log and the streams end now, and hands the events to those who follow.
    fn committed(&mut self, decision: &Decision) {
        let batch = &decision.batch;
        self.known = Some(batch.head);
        self.appending.worked();
        for event in &batch.events {
            self.heads.put(event.stream.clone(), event.version);
        }
        if batch.events.is_empty() {
            return;
        }
        metrics::counter!("meguri_log_events_appended").increment(as_u64(batch.events.len()));
        self.recent.push(batch.block());
        self.shared = Some(batch.head);
    }
}

/// Keeps a decision whose commit got no answer, so that it can be looked for.
fn lost(error: StoreError, decision: Decision, attempts: &mut Vec<Decision>) -> StoreError {
    if matches!(error, StoreError::Lost(_)) {
        attempts.push(decision);
    }
    error
}

fn keys(requests: &[Request]) -> Vec<[u8; 32]> {
    let keys = requests.iter().filter_map(|request| request.prepared.key);
    let unique: BTreeSet<[u8; 32]> = keys.map(|key| key.key).collect();
    unique.into_iter().collect()
}

/// Where the events are that had done what some of these requests ask for, each once.
fn done_before(requests: &[Request]) -> Vec<Position> {
    let done = requests
        .iter()
        .filter_map(|request| request.prepared.done_before.as_ref());
    let unique: BTreeSet<_> = done.map(|done| done.event.position).collect();
    unique.into_iter().collect()
}

/// Answers each request by itself.
fn answer(requests: Vec<Request>, decision: Decision) {
    for (request, answer) in requests.into_iter().zip(decision.answers) {
        let answer = match answer {
            Answer::Accepted(appended) => Ok(appended),
            Answer::Settled(settled) => settled,
            Answer::Refused(error) => Err(error),
        };
        request.answer(answer);
    }
}

fn refuse(requests: Vec<Request>, error: &AppendError) {
    for request in requests {
        request.answer(Err(error.clone()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for a histogram")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
