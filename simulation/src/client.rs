//! Who uses a log: asks for appends on all kinds of conditions, and asks again where no answer
//! came.

use std::{collections::BTreeMap, sync::Arc};

use meguri_log::{
    Append, AppendError, Appended, Cause, Condition, Expected, NewEvent, Position, Recorded,
    RequestKey, StreamName, StreamRange, Version, simulation::REFUSED_TYPE,
};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::{
    history::{Answer, Asked, Operation, Reading},
    plan::Trouble,
    world::{Running, World},
};

/// How often one asks again at most.
const RETRIES_MAX: u32 = 12;
/// How long one who finds no process open waits.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A client: what it knows of streams it has from answers, so that it is often wrong.
pub(crate) struct Client {
    world: Arc<World>,
    number: u32,
    versions: BTreeMap<StreamName, Version>,
    /// What it has asked for under a key, to ask it once more much later.
    asked: Vec<Request>,
    keys: u64,
}

/// What is asked for.
#[derive(Clone)]
enum Request {
    Append(Append),
    /// That nothing had to be done, for this event had done it.
    Remember(RequestKey, Vec<Condition>, (StreamName, Version)),
}

impl Client {
    pub(crate) fn new(world: Arc<World>, number: u32) -> Self {
        Self {
            world,
            number,
            versions: BTreeMap::new(),
            asked: Vec::new(),
            keys: 0,
        }
    }

    /// Makes all its requests.
    pub(crate) async fn run(mut self) {
        for _ in 0..self.world.plan.requests {
            let world = Arc::clone(&self.world);
            world.pause(world.plan.think_ms).await;
            if world.random.chance(1_500) {
                self.look().await;
            } else {
                let request = self.request();
                self.insist(request).await;
            }
        }
    }

    /// Asks until there is an answer that settles it, or patience ends.
    async fn insist(&mut self, mut request: Request) {
        let patience = self.world.random.below(u64::from(RETRIES_MAX));
        for tries in 0..=patience {
            if tries > 0 {
                request.ask_again(&self.world);
            }
            let Some(running) = self.world.any_running() else {
                sleep(LOOK_AGAIN).await;
                continue;
            };
            let twice = tries == 0 && request.has_key() && self.world.random.chance(1_500);
            let answer = if twice {
                let twin = self.varied(&request);
                let (first, second) = (self.ask(&running, &request), self.ask(&running, &twin));
                tokio::join!(biased; first, second).0
            } else {
                self.ask(&running, &request).await
            };
            match answer {
                Some(Ok(appended)) => return self.learn(&appended),
                Some(Err(AppendError::Conflict { stream, found, .. })) => {
                    self.versions.insert(stream, found);
                    return;
                }
                Some(Err(
                    AppendError::KeyReused
                    | AppendError::NotDone { .. }
                    | AppendError::Invalid(_)
                    | AppendError::TooLarge(_),
                )) => return,
                // Without a key, who asks again may be heard twice.
                None | Some(Err(AppendError::Unknown)) if !request.has_key() => return,
                None | Some(Err(_)) => {
                    let world = &self.world;
                    world.pause(20 * world.plan.think_ms).await;
                }
            }
        }
    }

    /// Asks once. No answer comes from a process that ends.
    async fn ask(
        &self,
        running: &Running,
        request: &Request,
    ) -> Option<Result<Appended, AppendError>> {
        let recorder = &self.world.recorder;
        let (process, number) = (Some(running.process), self.number);
        let invoked = recorder.moment(process, format_args!("client {number} asks {request}"));
        let asked = request.asked();
        let index = recorder.history(|history| {
            history.operations.push(Operation {
                invoked,
                asked,
                answered: None,
            });
            history.operations.len() - 1
        });
        let asking = async {
            match request.clone() {
                Request::Append(append) => running.log.append(append).await,
                Request::Remember(key, conditions, done) => {
                    running.log.remember(key, conditions, done).await
                }
            }
        };
        let answer = tokio::select! {
            biased;
            () = running.ended.cancelled() => None,
            answer = asking => Some(answer),
        };
        let moment = match &answer {
            None => recorder.moment(process, format_args!("client {number} is not answered")),
            Some(Ok(told)) => {
                let (position, again) = (told.position, told.repeated);
                let what = format_args!("client {number} is told {position}, repeated: {again}");
                recorder.moment(process, what)
            }
            Some(Err(error)) => recorder.moment(process, format_args!("client {number}: {error}")),
        };
        if let Some(answer) = answer.clone() {
            let answered = Some((moment, Answer::from(answer)));
            recorder.history(|history| history.operations[index].answered = answered);
        }
        answer
    }

    fn learn(&mut self, appended: &Appended) {
        for event in &appended.events {
            let known = self.versions.entry(event.stream.clone()).or_default();
            *known = event.version.max(*known);
        }
    }

    /// Reads where the log or a stream ends.
    async fn look(&mut self) {
        let Some(running) = self.world.any_running() else {
            return;
        };
        let world = Arc::clone(&self.world);
        let stream = world.random.chance(7_000).then(|| world.any_stream());
        let invoked = world.recorder.moment(
            Some(running.process),
            format_args!("client {} looks at {stream:?}", self.number),
        );
        let reading = async {
            match &stream {
                Some(stream) => running.log.stream_head(stream).await.map(Version::get),
                None => running.log.head().await.map(|head| head.position.get()),
            }
        };
        let found = tokio::select! {
            biased;
            () = running.ended.cancelled() => return,
            found = reading => found,
        };
        let Ok(found) = found else { return };
        let answered = world.recorder.moment(
            Some(running.process),
            format_args!("client {} finds {found}", self.number),
        );
        if let Some(stream) = &stream {
            self.versions.insert(stream.clone(), Version::new(found));
        }
        world.recorder.history(|history| {
            history.readings.push(Reading {
                invoked,
                answered,
                stream,
                found,
            });
        });
    }

    fn request(&mut self) -> Request {
        let world = Arc::clone(&self.world);
        let random = &world.random;
        if random.chance(1_500) && !self.asked.is_empty() {
            return self.asked_before();
        }
        if random.chance(800)
            && let Some((stream, version)) = self.known_event()
        {
            let (key, conditions) = (self.key(), self.conditions(1));
            let request = Request::Remember(key, conditions, (stream, version));
            self.asked.push(request.clone());
            return request;
        }
        let count = if random.chance(6_000) {
            1
        } else {
            1 + random.below(4)
        };
        let relied = if random.chance(3_000) {
            0
        } else {
            1 + random.below(3)
        };
        let mut append = self.append(count);
        append.conditions = self.conditions(relied);
        append.key = random.chance(7_000).then(|| self.key());
        let request = Request::Append(append);
        if request.has_key() {
            self.asked.push(request.clone());
        }
        request
    }

    /// One of those it has made, again.
    fn asked_before(&self) -> Request {
        let count = self.asked.len() as u64;
        let index = usize::try_from(self.world.random.below(count)).unwrap_or_default();
        self.varied(&self.asked[index])
    }

    /// The same once more, or another request under the same key.
    fn varied(&self, request: &Request) -> Request {
        let mut request = request.clone();
        if let Request::Append(append) = &mut request
            && let Some(key) = &mut append.key
        {
            match self.world.random.below(3) {
                // As it was.
                0 => request.ask_again(&self.world),
                // Decided anew, as a command is.
                1 => append.events = self.append(1).events,
                _ => {
                    key.request[31] ^= 1;
                    append.events = self.append(1).events;
                }
            }
        }
        request
    }

    fn append(&self, count: u64) -> Append {
        let world = &self.world;
        let events = (0..count).map(|_| {
            let is_bad = world.random.chance(100);
            NewEvent {
                id: new_id(world),
                stream: world.any_stream(),
                event_type: if is_bad { REFUSED_TYPE } else { "Made" }.into(),
                schema: 1,
                data: format!(r#"{{"by":{}}}"#, self.number),
                sealed: Vec::new(),
            }
        });
        Append {
            cause: Cause {
                actor: format!("client-{}", self.number),
                ..Cause::default()
            },
            events: events.collect(),
            conditions: Vec::new(),
            key: None,
        }
    }

    fn conditions(&self, count: u64) -> Vec<Condition> {
        let world = &self.world;
        let conditions = (0..count).map(|_| {
            let stream = world.any_stream();
            let known = self.versions.get(&stream).copied().unwrap_or_default();
            let expected = match world.random.below(10) {
                0 => Expected::Any,
                1 => Expected::Exists,
                2 => Expected::NoStream,
                3 => Expected::Version(known.next()),
                _ if known == Version::ZERO => Expected::NoStream,
                _ => Expected::Version(known),
            };
            Condition { stream, expected }
        });
        conditions.collect()
    }

    fn known_event(&self) -> Option<(StreamName, Version)> {
        let mut known = self.versions.iter();
        let (stream, version) = known.find(|(_, version)| **version > Version::ZERO)?;
        let older = self.world.random.below(version.get());
        Some((stream.clone(), Version::new(version.get() - older)))
    }

    fn key(&mut self) -> RequestKey {
        self.keys += 1;
        let mut key = [0; 32];
        key[..4].copy_from_slice(&self.number.to_be_bytes());
        key[4..12].copy_from_slice(&self.keys.to_be_bytes());
        let expires = self.world.random.chance(7_000);
        RequestKey {
            key,
            request: key,
            expires,
        }
    }
}

/// An id as the log's users give: it tells the time, and the rest of it is random.
pub(crate) fn new_id(world: &World) -> Uuid {
    let random = u128::from(world.random.below(u64::MAX));
    let time = u128::from(world.random.below(1 << 48));
    Uuid::from_u128((time << 80) | (7 << 76) | (2 << 62) | (random >> 2))
}

impl Request {
    fn has_key(&self) -> bool {
        match self {
            Self::Append(append) => append.key.is_some(),
            Self::Remember(..) => true,
        }
    }

    /// It is asked for once more. Where its key may be forgotten meanwhile the events are others,
    /// or the same ones could be asked for twice.
    fn ask_again(&mut self, world: &World) {
        if let Self::Append(append) = self
            && append.key.is_some_and(|key| key.expires)
            && world.plan.troubles.contains(&Trouble::MonthPasses)
        {
            for event in &mut append.events {
                event.id = new_id(world);
            }
        }
    }

    fn asked(&self) -> Asked {
        match self {
            Self::Append(append) => Asked::from(append),
            Self::Remember(key, conditions, _) => Asked {
                events: Vec::new(),
                conditions: conditions.clone(),
                key: Some(*key),
            },
        }
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, conditions) = match self {
            Self::Append(append) => {
                f.write_str("to append")?;
                for event in &append.events {
                    let id = event.id.as_u128() >> 80;
                    write!(f, " {id:x} to {}", event.stream)?;
                }
                (append.key.as_ref(), &append.conditions)
            }
            Self::Remember(key, conditions, (stream, version)) => {
                write!(f, "to remember {stream} {version}")?;
                (Some(key), conditions)
            }
        };
        for Condition { stream, expected } in conditions {
            write!(f, ", {stream}: {expected}")?;
        }
        if let Some(key) = key {
            let number = u128::from_be_bytes(key.key[..16].try_into().unwrap_or_default()) >> 32;
            write!(f, ", key {number:x}/{}", key.request[31])?;
        }
        Ok(())
    }
}

/// Appends to every stream at a process: when nothing is wrong any more, that works.
pub(crate) async fn append_everywhere(world: &Arc<World>, running: &Running) -> Result<(), String> {
    let client = Client::new(Arc::clone(world), u32::MAX - running.process);
    for number in 0..world.plan.streams {
        let stream = World::stream(number);
        let mut append = client.append(1);
        append.events[0].stream = stream.clone();
        append.events[0].event_type = "Made".into();
        let answer = client.ask(running, &Request::Append(append)).await;
        if let Some(Err(error)) = answer {
            let process = running.process;
            return Err(format!(
                "process {process} appends nothing to {stream} although nothing is wrong any \
                 more: {error}"
            ));
        }
        let range = StreamRange::forward_from(Version::ZERO);
        let read = running.log.read_stream(&stream, range).await;
        let last = read
            .as_ref()
            .map(|events| events.last().map(Recorded::position));
        match last {
            Ok(Some(position)) if position > Position::ZERO => {}
            other => return Err(format!("{stream} is read as {other:?}")),
        }
    }
    Ok(())
}
