//! Members who register, block each other, thank each other in their own words, and have what they
//! typed erased.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use meguri_events::{
    BlockEvent, Event, ExchangeEvent, ExchangeId, KeyClass, KeyRange, KeysDestroyed, MemberBlocked,
    MemberErased, MemberEvent, MemberId, MemberProfile, MemberRegistered, MemberUnblocked,
    NicknameChanged, Sealed, ThanksSent,
};
use meguri_log::{
    Append, Cause, Condition, Expected, Log, Position, Recorded, StreamName, Version,
    simulation::{Database, Link, Random},
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::encoded::new_event;

use super::model::{Erasures, Typed, VIEWS, erasures, expected};

/// How many members there are.
const MEMBERS: u64 = 4;
/// The longest time between two appends, in milliseconds.
const APPENDS_MS: u64 = 250;
/// Classes of what is sealed and erased here.
const CLASSES: [KeyClass; 2] = [KeyClass::Profile, KeyClass::Message];

/// What those who write share with those who look.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) typed: Arc<Mutex<Typed>>,
    /// Nobody writes any more; what is to be erased is.
    pub(super) is_calm: Arc<AtomicBool>,
    /// Whether somebody has what they typed erased.
    pub(super) erases: bool,
}

impl Written {
    pub(super) fn typed(&self) -> MutexGuard<'_, Typed> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until it is calm, and goes on to erase.
pub(super) struct Writer {
    pub(super) random: Random,
    pub(super) database: Database,
    pub(super) link: Link,
    pub(super) log: Log,
    pub(super) written: Written,
}

/// What is there, as the next event depends on it.
struct Known {
    events: Vec<Recorded>,
    versions: BTreeMap<String, u64>,
    erasures: Erasures,
}

/// What is to be appended, and on which condition.
struct Step {
    stream: String,
    event: Event,
    /// What is typed in it.
    texts: Vec<String>,
    /// Streams that have to be as they are.
    relies_on: Vec<String>,
}

impl Writer {
    /// Goes on until it is aborted.
    pub(super) async fn run(self) {
        loop {
            sleep(Duration::from_millis(1 + self.random.below(APPENDS_MS))).await;
            let known = self.known();
            let pending = known.erasures.iter().find(|(_, (_, is_done))| !is_done);
            if let Some(((subject, class), (last, _))) = pending
                && self.random.chance(3_000)
            {
                self.erase(&known, subject, class, *last).await;
            }
            if self.written.is_calm.load(Ordering::Relaxed) {
                continue;
            }
            for _ in 0..=self.random.below(2) {
                let known = self.known();
                let step = self.next(&known);
                self.append(&known, step).await;
            }
        }
    }

    fn known(&self) -> Known {
        let events = self.database.events_after(Position::ZERO);
        let mut versions = BTreeMap::new();
        for event in &events {
            versions.insert(event.stream().to_owned(), event.version().get());
        }
        let erasures = erasures(&events);
        Known {
            events,
            versions,
            erasures,
        }
    }

    /// What fails, or is overtaken by a fall back, is asked for by nobody again.
    async fn append(&self, known: &Known, step: Step) -> bool {
        let event = new_event(&self.random, &name(&step.stream), &step.event);
        self.written.typed().type_in(event.id, step.texts);
        let relied = step.relies_on.iter().chain([&step.stream]);
        let conditions = relied.map(|stream| Condition {
            stream: name(stream),
            expected: match known.versions.get(stream) {
                None => Expected::NoStream,
                Some(version) => Expected::Version(Version::new(*version)),
            },
        });
        let append = Append {
            cause: Cause {
                actor: "system".into(),
                ..Cause::default()
            },
            events: vec![event],
            conditions: conditions.collect(),
            key: None,
        };
        self.log.append(append).await.is_ok()
    }

    /// What one member does next, as what is there allows.
    fn next(&self, known: &Known) -> Step {
        let number = self.random.below(MEMBERS);
        let (by, other) = (
            member(number),
            member((number + 1 + self.random.below(MEMBERS - 1)) % MEMBERS),
        );
        let is_there = |member: MemberId| known.versions.contains_key(&member.stream());
        if !is_there(by) {
            return self.register(by);
        }
        // Nothing is sealed under a key that is being destroyed.
        let waits = |class: KeyClass| {
            let owner = (by.stream(), class.code().to_owned());
            known.erasures.get(&owner).is_some_and(|(_, done)| !done)
        };
        match self.random.below(10) {
            0..=3 if is_there(other) && !waits(KeyClass::Message) => self.thank(by, other),
            4 | 5 if !waits(KeyClass::Profile) => self.rename(by),
            6 if self.written.erases && !CLASSES.into_iter().any(waits) => {
                self.have_erased(known, by)
            }
            _ => block(known, by, other),
        }
    }

    fn text(&self, what: &str) -> String {
        format!("{what} {:016x}", self.random.below(u64::MAX))
    }

    fn register(&self, by: MemberId) -> Step {
        let (user_name, nickname) = (self.text("name"), self.text("nickname"));
        let texts = vec![user_name.clone(), nickname.clone()];
        let profile = MemberProfile {
            user_name,
            nickname,
        };
        let registered = MemberRegistered {
            member: by,
            prefecture: None,
            profile: Sealed::Known(profile),
            mail: Sealed::Known("somebody@example.org".into()),
        };
        Step {
            stream: by.stream(),
            event: MemberEvent::from(registered).into(),
            texts,
            relies_on: Vec::new(),
        }
    }

    fn rename(&self, by: MemberId) -> Step {
        let nickname = self.text("nickname");
        let changed = NicknameChanged {
            member: by,
            nickname: Sealed::Known(nickname.clone()),
        };
        Step {
            stream: by.stream(),
            event: MemberEvent::from(changed).into(),
            texts: vec![nickname],
            relies_on: Vec::new(),
        }
    }

    fn thank(&self, from: MemberId, to: MemberId) -> Step {
        let words = self.text("thanks");
        let number = u128::from(self.random.below(u64::MAX));
        let exchange = ExchangeId::new(Uuid::from_u128(number));
        let thanks = ThanksSent {
            exchange,
            from,
            to,
            words: Some(Sealed::Known(words.clone())),
        };
        Step {
            stream: exchange.stream(),
            event: ExchangeEvent::from(thanks).into(),
            texts: vec![words],
            relies_on: vec![from.stream(), to.stream()],
        }
    }

    /// Has what a member typed in one class erased, all of it until now.
    fn have_erased(&self, known: &Known, by: MemberId) -> Step {
        let class = CLASSES[usize::from(self.random.chance(5_000))];
        let subject = by.stream();
        let before = known.erasures.get(&(subject.clone(), class.code().into()));
        let erased = MemberErased {
            member: by,
            keys: vec![KeyRange {
                class,
                last: 1 + before.map_or(0, |(last, _)| *last),
            }],
            kept: Vec::new(),
            kept_until: None,
        };
        Step {
            stream: subject,
            event: MemberEvent::from(erased).into(),
            texts: Vec::new(),
            relies_on: Vec::new(),
        }
    }

    /// What a policy does: destroys the keys that an erasure names, and says so.
    async fn erase(&self, known: &Known, subject: &str, class: &str, last: u32) {
        self.written.typed().destroy(subject, class, last);
        let vault = self.log.vault();
        let destroyed = vault.destroy_keys(subject, class, last).await;
        let renewed = vault.renew_key(subject, class).await;
        if let Err(error) = destroyed.and(renewed) {
            return self
                .link
                .say(format_args!("keys are not destroyed: {error}"));
        }
        if let Err(error) = self.log.empty_erased(subject).await {
            return self.link.say(format_args!("nothing is emptied: {error}"));
        }
        let (Some(member), Ok(class)) = (MemberId::from_stream(subject), class.parse()) else {
            return;
        };
        let destroyed = KeysDestroyed {
            member,
            keys: vec![KeyRange { class, last }],
        };
        let step = Step {
            stream: subject.to_owned(),
            event: MemberEvent::from(destroyed).into(),
            texts: Vec::new(),
            relies_on: Vec::new(),
        };
        self.append(known, step).await;
    }
}

fn member(number: u64) -> MemberId {
    MemberId::new(Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number),
    ))
}

/// A block, or its end where there is one.
fn block(known: &Known, by: MemberId, blocked: MemberId) -> Step {
    let head = known.events.last().map(Recorded::position);
    let head = head.unwrap_or_default();
    let rows = expected(VIEWS[0], &known.events, head, &Typed::default()).rows;
    let pair = format!("{} of {}", blocked.stream(), by.stream());
    let event = if rows.contains_key(&pair) {
        BlockEvent::from(MemberUnblocked { by, blocked })
    } else {
        BlockEvent::from(MemberBlocked { by, blocked })
    };
    Step {
        stream: by.block_stream(blocked),
        event: event.into(),
        texts: Vec::new(),
        relies_on: Vec::new(),
    }
}

fn name(stream: &str) -> StreamName {
    stream.parse().expect("INVARIANT: it is a name")
}
