//! Which requests of a batch are appended, and where: a pure decision over what is known of the
//! log.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    append::{AppendError, Appended, AppendedEvent, Condition, RequestKey},
    clock::Timestamp,
    header::{self, OpenHeader},
    limits::REQUEST_KEY_DAYS,
    recorded::Entry,
    remembered, seal,
    store::{Batch, BatchEvent, Entries, Head, Heads, NewOutcome, Outcomes},
    stream::{StreamName, Version},
};

/// A request whose bytes are ready but for version and time.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) events: Vec<PreparedEvent>,
    /// For a request that has nothing to do: what had been done already.
    pub(crate) done_before: Option<DoneBefore>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) key: Option<RequestKey>,
    pub(crate) bytes: usize,
}

/// The event that had done what a request asks for.
#[derive(Debug)]
pub(crate) struct DoneBefore {
    pub(crate) event: AppendedEvent,
    pub(crate) at: Timestamp,
    /// By which it is known again: at its position there may be another one by now.
    pub(crate) entry: Entry,
}

#[derive(Debug)]
pub(crate) struct PreparedEvent {
    pub(crate) id: Uuid,
    pub(crate) stream: StreamName,
    pub(crate) event_type: String,
    pub(crate) header: OpenHeader,
    pub(crate) blind: [u8; 32],
    pub(crate) sealed: Vec<u8>,
}

impl DoneBefore {
    fn outcome(&self) -> Appended {
        Appended {
            position: self.event.position,
            at: self.at,
            events: vec![self.event.clone()],
            repeated: false,
        }
    }
}

impl Prepared {
    /// The streams whose versions the decision needs.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &StreamName> {
        let conditions = self.conditions.iter().map(|condition| &condition.stream);
        self.events
            .iter()
            .map(|event| &event.stream)
            .chain(conditions)
    }
}

/// What becomes of each request, in order, and what has to be written for it.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) answers: Vec<Answer>,
    pub(crate) batch: Batch,
}

#[derive(Debug)]
pub(crate) enum Answer {
    /// Appended, if the batch is.
    Accepted(Appended),
    /// Appended before; true whatever becomes of the batch.
    Settled(Result<Appended, AppendError>),
    /// Refused because of what the log holds; true if the log ended where it was thought to end.
    Refused(AppendError),
}

/// Decides requests one after another: those accepted earlier count for those that follow.
///
/// `heads` holds the versions of all streams named in `requests`, `outcomes` what is remembered
/// under their keys, `entries` what stands where something was done before.
pub(crate) fn decide<'a>(
    known: Head,
    now: Timestamp,
    requests: impl Iterator<Item = &'a Prepared>,
    heads: Heads,
    (outcomes, entries): (&Outcomes, &Entries),
) -> Decision {
    let at = now.max(known.at);
    let batch = Batch {
        head: known,
        events: Vec::new(),
        outcomes: Vec::new(),
    };
    let mut deciding = Deciding {
        heads,
        outcomes,
        entries,
        batch,
        at,
        at_text: header::written(at),
        keys: HashMap::new(),
    };
    let answers = requests.map(|request| deciding.answer(request)).collect();
    Decision {
        answers,
        batch: deciding.batch,
    }
}

struct Deciding<'a> {
    heads: Heads,
    outcomes: &'a Outcomes,
    entries: &'a Entries,
    batch: Batch,
    at: Timestamp,
    at_text: String,
    keys: HashMap<[u8; 32], ([u8; 32], Appended)>,
}

impl Deciding<'_> {
    fn answer(&mut self, request: &Prepared) -> Answer {
        if let Some(answer) = request
            .key
            .as_ref()
            .and_then(|key| self.answered_before(key))
        {
            return answer;
        }
        for Condition { stream, expected } in &request.conditions {
            let found = self.version(stream);
            if !expected.holds(found) {
                let (stream, expected) = (stream.clone(), *expected);
                return Answer::Refused(AppendError::Conflict {
                    stream,
                    expected,
                    found,
                });
            }
        }
        let appended = match &request.done_before {
            Some(done) if self.entries.get(&done.event.position) == Some(&done.entry) => {
                done.outcome()
            }
            Some(done) => {
                let (stream, version) = (done.event.stream.clone(), done.event.version);
                return Answer::Refused(AppendError::NotDone { stream, version });
            }
            None => self.place(&request.events),
        };
        if let Some(key) = request.key {
            self.remember(key, &appended);
        }
        Answer::Accepted(appended)
    }

    fn answered_before(&self, key: &RequestKey) -> Option<Answer> {
        if let Some((request, first)) = self.keys.get(&key.key) {
            return Some(if *request == key.request {
                Answer::Accepted(Appended {
                    repeated: true,
                    ..first.clone()
                })
            } else {
                Answer::Refused(AppendError::KeyReused)
            });
        }
        let stored = self.outcomes.get(&key.key)?;
        Some(Answer::Settled(if stored.request == key.request {
            Ok(Appended {
                repeated: true,
                ..stored.outcome.clone()
            })
        } else {
            Err(AppendError::KeyReused)
        }))
    }

    fn version(&self, stream: &StreamName) -> Version {
        let version = self.heads.get(stream).copied();
        version.expect("INVARIANT: the writer looks up every stream of a batch before it decides")
    }

    fn place(&mut self, events: &[PreparedEvent]) -> Appended {
        let mut placed = Vec::with_capacity(events.len());
        for event in events {
            let version = self.version(&event.stream).next();
            let position = self.batch.head.position.next();
            let header = event.header.complete(version, &self.at_text);
            self.heads.insert(event.stream.clone(), version);
            self.batch.head.position = position;
            self.batch.head.tail = event.id;
            // The head's time is that of the last event: what is remembered alone moves nothing.
            self.batch.head.at = self.at;
            self.batch.events.push(BatchEvent {
                id: event.id,
                position,
                stream: event.stream.clone(),
                version,
                event_type: event.event_type.clone(),
                entry: seal::entry(&event.blind, header.as_bytes()),
                header,
                blind: event.blind,
                sealed: event.sealed.clone(),
            });
            placed.push(AppendedEvent {
                id: event.id,
                stream: event.stream.clone(),
                version,
                position,
            });
        }
        Appended {
            position: self.batch.head.position,
            at: self.at,
            events: placed,
            repeated: false,
        }
    }

    fn remember(&mut self, key: RequestKey, appended: &Appended) {
        let expires_at = key
            .expires
            .then(|| self.at.plus_seconds(REQUEST_KEY_DAYS * 86_400));
        let RequestKey { key, request, .. } = key;
        let outcome = remembered::outcome(appended, &key, &request, expires_at);
        self.batch.outcomes.push(NewOutcome {
            key,
            request,
            outcome,
            expires_at,
        });
        self.keys.insert(key, (request, appended.clone()));
    }
}
