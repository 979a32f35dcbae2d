//! Load, decide, append: every command goes this way, and no event gets into the log otherwise.

mod loading;
mod proving;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meguri_domain::Member;
use meguri_events::{Event, Timestamp};
use meguri_log::{
    Append, AppendError, Appended, Cause, Condition, Expected, NewEvent, NewSection, Position,
    StreamName, Vault, Version,
};
use uuid::Uuid;

use crate::snapshot::{Kept, Snapshot};
use crate::{Caller, CommandError, Commands};
use proving::Proven;

/// Conflicts after which a command gives up; each retry decides from fresh state.
const TRIES_MAX: u32 = 8;
const PAUSE_BEFORE_RETRY: Duration = Duration::from_millis(2);

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The stream it was about.
    pub stream: StreamName,
    /// The stream's version after it.
    pub version: Version,
    /// Where in the log it is; a reader that has reached this position sees it.
    pub position: Position,
    /// Whether an earlier request under the same key had done it already.
    pub repeated: bool,
}

impl Done {
    /// The id of the member, post or exchange it was about.
    pub fn id(&self) -> Uuid {
        Uuid::try_parse(self.stream.id()).unwrap_or_default()
    }
}

/// One command: decides on loaded states what happens.
#[async_trait]
pub(crate) trait Decision: Send + Sync {
    /// How logs and metrics call it.
    fn name(&self) -> &'static str;

    /// Loads through the attempt, decides, and records what happens. May be asked several times.
    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError>;

    /// What has to be durable before the first append is tried; asked once.
    async fn before_append(&self, _: &Commands) -> Result<(), CommandError> {
        Ok(())
    }
}

/// One try to carry out a command: what was loaded, and what is going to happen.
pub(crate) struct Attempt<'a> {
    commands: &'a Commands,
    caller: &'a Caller,
    now: Timestamp,
    /// What the command knows of streams that it has looked at before this try.
    proven: &'a Proven,
    /// Streams whose states came from the cache, and may have moved since.
    unproven: Vec<StreamName>,
    about: Option<StreamName>,
    seen: BTreeMap<StreamName, Snapshot>,
    events: Vec<(StreamName, Event)>,
}

impl<'a> Attempt<'a> {
    fn new(commands: &'a Commands, caller: &'a Caller, proven: &'a Proven) -> Self {
        let now = Timestamp::from_micros(commands.log().clock().now().micros());
        let (about, seen, events) = (None, BTreeMap::new(), Vec::new());
        Self {
            commands,
            caller,
            now,
            proven,
            unproven: Vec::new(),
            about,
            seen,
            events,
        }
    }

    /// The moment of this try.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        self.caller
    }

    /// The vault, whose pepper names claims.
    pub(crate) fn vault(&self) -> &'a Vault {
        self.commands.log().vault()
    }

    /// Which stream the command is about: its id and version are the answer.
    pub(crate) fn about(&mut self, stream: &StreamName) {
        self.about = Some(stream.clone());
    }

    /// The version that a loaded stream had.
    pub(crate) fn version(&self, stream: &StreamName) -> Version {
        self.seen
            .get(stream)
            .map_or(Version::ZERO, |snapshot| snapshot.version)
    }

    /// A stream that the command makes.
    pub(crate) fn create<A: Kept>(&mut self, stream: &StreamName) {
        self.seen.insert(stream.clone(), Snapshot::absent::<A>());
    }

    /// Says what happens in a loaded stream.
    pub(crate) fn record<E: Into<Event>>(
        &mut self,
        stream: &StreamName,
        events: impl IntoIterator<Item = E>,
    ) {
        let events = events
            .into_iter()
            .map(|event| (stream.clone(), event.into()));
        self.events.extend(events);
    }

    /// The answer when nothing has to be done: the state is what it should be.
    fn nothing_to_do(&self) -> Result<Done, CommandError> {
        let stream = self.subject()?.clone();
        let seen = self.seen.get(&stream);
        Ok(Done {
            version: seen.map_or(Version::ZERO, |seen| seen.version),
            position: seen.map_or(Position::ZERO, |seen| seen.position),
            stream,
            repeated: false,
        })
    }

    fn subject(&self) -> Result<&StreamName, CommandError> {
        self.about
            .as_ref()
            .ok_or_else(|| CommandError::Broken("about nothing".to_owned()))
    }

    /// The answer from what the log says it has appended, now or when the key was used first.
    fn done(&self, appended: &Appended) -> Result<Done, CommandError> {
        // A repeated request has drawn new ids, so the first one's stream is known by its kind.
        let category = self.subject()?.category();
        let about = appended
            .events
            .iter()
            .rev()
            .find(|event| event.stream.category() == category);
        let about =
            about.ok_or_else(|| CommandError::Broken(format!("no {category} in an outcome")))?;
        Ok(Done {
            stream: about.stream.clone(),
            version: about.version,
            position: appended.position,
            repeated: appended.repeated,
        })
    }

    /// What has to be so still, for all of it was relied on.
    fn conditions(&self) -> Vec<Condition> {
        let conditions = self.seen.iter().map(|(stream, seen)| Condition {
            stream: stream.clone(),
            expected: match seen.version {
                Version::ZERO => Expected::NoStream,
                version => Expected::Version(version),
            },
        });
        conditions.collect()
    }

    /// The request to the log.
    async fn append(&mut self, command: Uuid) -> Result<Append, CommandError> {
        let mut events = Vec::with_capacity(self.events.len());
        for (stream, event) in &self.events {
            let id = self.commands.ids().next();
            events.push(new_event(id, stream, event)?);
        }
        // Whoever something is sealed for must not be erased in between.
        for subject in events.iter().flat_map(|event| &event.sealed) {
            let subject = stream(subject.subject.as_str())?;
            let is_new = events.iter().any(|event| event.stream == subject);
            if self.load::<Member>(&subject).await?.is_none() && !is_new {
                return Err(CommandError::NotFound);
            }
        }
        let led_by = self.caller.led_by;
        let cause = Cause {
            actor: self.caller.actor.clone(),
            acting_for: self.caller.acting_for.clone(),
            correlation: led_by.and_then(|led| led.correlation).or(Some(command)),
            causation: Some(led_by.map_or(command, |led| led.causation)),
            policy: None,
        };
        Ok(Append {
            cause,
            events,
            conditions: self.conditions(),
            key: self.caller.key,
        })
    }

    /// Keeps the states that the append has led to.
    fn keep(mut self, appended: &Appended) {
        let versions = self.versions_of(self.events.iter().map(|(stream, _)| stream));
        let before: BTreeMap<_, _> = versions.into_iter().collect();
        for ((stream, event), placed) in self.events.iter().zip(&appended.events) {
            if let Some(seen) = self.seen.remove(stream) {
                let seen = seen.after(event, placed.version, placed.position);
                self.seen.insert(stream.clone(), seen);
            }
        }
        for (stream, _) in &self.events {
            if let Some(seen) = self.seen.remove(stream) {
                let from = before.get(stream).copied().unwrap_or_default();
                self.commands.snapshots().grown(stream, from, &seen);
                self.commands.cache().put(stream.clone(), seen);
            }
        }
    }
}

impl Commands {
    /// Carries out a command, and counts how it went.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        decision: &dyn Decision,
    ) -> Result<Done, CommandError> {
        let started = Instant::now();
        let result = self.try_until_settled(caller, decision).await;
        let outcome = match &result {
            Ok(Done { repeated: true, .. }) => "repeated",
            Ok(_) => "done",
            Err(error) => error.outcome(),
        };
        let labels = [("command", decision.name()), ("outcome", outcome)];
        metrics::counter!("meguri_commands_total", &labels).increment(1);
        metrics::histogram!("meguri_command_seconds", "command" => decision.name())
            .record(started.elapsed().as_secs_f64());
        result
    }

    async fn try_until_settled(
        &self,
        caller: &Caller,
        decision: &dyn Decision,
    ) -> Result<Done, CommandError> {
        let command = self.ids().next();
        let (mut proven, mut prepared, mut tries) = (Proven::default(), false, 0);
        loop {
            let mut attempt = Attempt::new(self, caller, &proven);
            let decided = decision.decide(&mut attempt).await;
            let answer = match decided {
                Ok(()) if attempt.events.is_empty() => Some(attempt.nothing_to_do()),
                Ok(()) => None,
                Err(error) if error.rests_on_state() => Some(Err(error)),
                Err(error) => return Err(error),
            };
            if answer.is_some() {
                // There is no append that would prove what it rests on.
                let unproven = attempt.versions_of(&attempt.unproven);
                let looked = self.look_at(&unproven).await?;
                if looked.moved {
                    proven.extend(looked.proven);
                    continue;
                }
            }
            if answer.is_none() && !prepared {
                decision.before_append(self).await?;
                prepared = true;
            }
            let relied_on = attempt.versions_of(attempt.seen.keys());
            let settled = match answer {
                Some(answer) => self.without_events(answer, &attempt).await,
                None => self.settle(attempt, command).await,
            };
            tries += 1;
            match settled {
                Err(Unsettled::Retry(error)) if tries < TRIES_MAX => {
                    metrics::counter!("meguri_command_retries_total").increment(1);
                    tracing::debug!(command = decision.name(), %error, tries, "deciding again");
                    tokio::time::sleep(PAUSE_BEFORE_RETRY * tries).await;
                    proven = match self.look_at(&relied_on).await {
                        Ok(looked) => looked.proven,
                        // What is not known stays so, whatever keeps one from looking.
                        Err(_) if error == CommandError::Unknown => return Err(error),
                        Err(failed) => return Err(failed),
                    };
                }
                Err(Unsettled::Retry(error) | Unsettled::Failed(error)) => return Err(error),
                Ok(done) => return Ok(done),
            }
        }
    }

    async fn settle(&self, mut attempt: Attempt<'_>, command: Uuid) -> Result<Done, Unsettled> {
        let append = attempt.append(command).await.map_err(Unsettled::Failed)?;
        let has_key = append.key.is_some();
        let appended = self.log().append(append).await;
        let appended = appended.map_err(|error| unsettled(error, has_key))?;
        let done = attempt.done(&appended).map_err(Unsettled::Failed)?;
        if !appended.repeated {
            attempt.keep(&appended);
        }
        Ok(done)
    }

    /// Answers where no event is appended. A client's request that had nothing to do is remembered
    /// as one that was carried out; a policy may come back to what it had no reason to do.
    async fn without_events(
        &self,
        answer: Result<Done, CommandError>,
        attempt: &Attempt<'_>,
    ) -> Result<Done, Unsettled> {
        let Some(key) = attempt.caller.key else {
            return answer.map_err(Unsettled::Failed);
        };
        let first = match &answer {
            Ok(done) if key.expires && done.version > Version::ZERO => {
                let state = (done.stream.clone(), done.version);
                let remembered = self.log().remember(key, attempt.conditions(), state).await;
                Some(remembered.map_err(|error| unsettled(error, true))?)
            }
            Ok(_) | Err(_) => {
                let first = self.log().outcome(&key).await;
                first.map_err(|error| Unsettled::Failed(error.into()))?
            }
        };
        let first = first.map(|first| attempt.done(&first));
        first.unwrap_or(answer).map_err(Unsettled::Failed)
    }
}

/// A try that did not come to an answer.
enum Unsettled {
    /// Deciding again may help.
    Retry(CommandError),
    /// It will not.
    Failed(CommandError),
}

fn unsettled(error: AppendError, has_key: bool) -> Unsettled {
    if let AppendError::Conflict { .. } | AppendError::NotDone { .. } = &error {
        return Unsettled::Retry(CommandError::Conflict);
    }
    // With a key the same again finds out what became of it, and never doubles it.
    if has_key && error == AppendError::Unknown {
        return Unsettled::Retry(CommandError::Unknown);
    }
    Unsettled::Failed(error.into())
}

/// The name of a stream of the catalog.
pub(crate) fn stream(name: impl Into<std::sync::Arc<str>>) -> Result<StreamName, CommandError> {
    StreamName::new(name).map_err(|error| CommandError::Broken(error.to_string()))
}

pub(crate) fn new_event(
    id: Uuid,
    stream: &StreamName,
    event: &Event,
) -> Result<NewEvent, CommandError> {
    let encoded = event
        .encode()
        .map_err(|error| CommandError::Broken(error.to_string()))?;
    let sealed = encoded.sections.into_iter().map(|section| NewSection {
        section: Cow::Borrowed(section.name),
        subject: section.subject,
        class: Cow::Borrowed(section.class),
        plaintext: section.plaintext,
    });
    Ok(NewEvent {
        id,
        stream: stream.clone(),
        event_type: Cow::Borrowed(encoded.event_type),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sealed.collect(),
    })
}
