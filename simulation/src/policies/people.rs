//! Members who post, open exchanges, agree, report, erase what they typed, and leave.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use meguri_commands::{Agreement, Caller, CommandError, Commands, Done, NewExchange, NewPost};
use meguri_events::{
    Category, ExchangeId, KeyClass, MemberEvent, MemberId, MemberProfile, MemberRegistered, Mode,
    PostId, Sealed,
};
use meguri_log::{Append, AppendError, Cause, Condition, Expected, Position, Recorded, StreamName};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Open, World};
use crate::encoded::new_event;

/// The longest that somebody thinks before the next thing, in milliseconds.
const THINK_MS: u64 = 600;
/// How long somebody waits for an answer, which a process that died never gives.
const PATIENCE: Duration = Duration::from_secs(45);
/// How many members there are whom nobody has erased and who have not left.
const MEMBERS: usize = 5;

/// Acts for one member after the other.
pub(super) struct Person {
    world: Arc<World>,
    processes: Vec<Open>,
}

/// What is there, as far as it matters to what is done next.
#[derive(Default)]
struct Known {
    members: Vec<MemberId>,
    left: BTreeSet<String>,
    /// Posts that are open, and their authors.
    posts: Vec<(PostId, String)>,
    /// Exchanges that are open: the opener, the other party, and whether it is in progress.
    exchanges: Vec<(ExchangeId, String, String, bool)>,
}

impl Person {
    pub(super) fn new(world: Arc<World>, processes: Vec<Open>) -> Self {
        Self { world, processes }
    }

    /// Goes on until it is aborted.
    pub(super) async fn act(self) {
        loop {
            let pause = 1 + self.world.random.below(THINK_MS);
            sleep(Duration::from_millis(pause)).await;
            if let Some(commands) = self.any_running() {
                // A member without an answer does something else.
                let _ = timeout(PATIENCE, self.do_one(&commands)).await;
            }
        }
    }

    fn any_running(&self) -> Option<Commands> {
        let running = |open: &Open| open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let open: Vec<_> = self.processes.iter().filter_map(running).collect();
        self.any(&open).cloned()
    }

    fn any<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        let bound = of.len() as u64;
        let index = (bound > 0).then(|| self.world.random.below(bound))?;
        of.get(usize::try_from(index).ok()?)
    }

    async fn do_one(&self, commands: &Commands) {
        let known = Known::of(&self.world.database.events_after(Position::ZERO));
        if known.members.len() < MEMBERS {
            let member = self.register(commands).await;
            return self.say("a member registers", &member);
        }
        let Some(member) = self.any(&known.members) else {
            return;
        };
        let (caller, own) = (Caller::member(*member), member.stream());
        match self.world.random.below(20) {
            0..=2 => {
                let posted = commands.post_need(&caller, post()).await;
                self.say(format_args!("{own} posts a need"), &posted);
            }
            3 | 4 => {
                let posted = commands.post_offer(&caller, post()).await;
                self.say(format_args!("{own} posts an offer"), &posted);
            }
            5..=8 => self.open(commands, &caller, &own, &known).await,
            9..=17 => self.go_on(commands, &known).await,
            18 => {
                let left = commands.leave(&caller).await;
                self.say(format_args!("{own} leaves"), &left);
            }
            _ if self.world.rules.falls_back => {}
            _ => {
                let classes = [KeyClass::Profile, KeyClass::Message];
                let which = self.world.random.below(3);
                let classes = match which {
                    0 => &classes[..1],
                    1 => &classes[1..],
                    _ => &[],
                };
                let erased = commands.erase(&caller, classes).await;
                let erased = erased.map(|erased| erased.done);
                self.say(format_args!("{own} erases {classes:?}"), &erased);
            }
        }
    }

    async fn open(&self, commands: &Commands, caller: &Caller, own: &str, known: &Known) {
        let others = known.posts.iter().filter(|(_, author)| author != own);
        let others: Vec<_> = others.collect();
        let Some((post, _)) = self.any(&others) else {
            return;
        };
        let new = NewExchange {
            message: "よろしくお願いします。".into(),
            mode: Mode::Online,
        };
        let opened = commands.open_exchange(caller, *post, new).await;
        self.say(format_args!("{own} opens an exchange on {post:?}"), &opened);
    }

    /// Agrees to an exchange, or reports that one's part of it is done.
    async fn go_on(&self, commands: &Commands, known: &Known) {
        let Some((exchange, opener, asked, is_in_progress)) = self.any(&known.exchanges) else {
            return;
        };
        let by = if !is_in_progress || self.world.random.chance(5_000) {
            asked
        } else {
            opener
        };
        let Some(member) = MemberId::from_stream(by) else {
            return;
        };
        let caller = Caller::member(member);
        if *is_in_progress {
            let reported = commands.report_completion(&caller, *exchange).await;
            self.say(format_args!("{by} reports {exchange:?}"), &reported);
        } else {
            let terms = Agreement { terms_version: 0 };
            let agreed = commands.agree(&caller, *exchange, terms).await;
            self.say(format_args!("{by} agrees to {exchange:?}"), &agreed);
        }
    }

    /// A member who needs no password, and no name of their own.
    async fn register(&self, commands: &Commands) -> Result<Done, CommandError> {
        let random = &self.world.random;
        let number = u128::from(random.below(u64::MAX));
        let member = MemberId::new(Uuid::from_u128(0x7000_8000_0000_0000_0000 | number));
        let registered = MemberRegistered {
            member,
            prefecture: None,
            profile: Sealed::Known(MemberProfile {
                user_name: format!("user{number:x}"),
                nickname: "somebody".into(),
            }),
            mail: Sealed::Known(format!("{number:x}@example.org")),
        };
        let stream: StreamName = member
            .stream()
            .parse()
            .expect("INVARIANT: a member's stream has a name");
        let event = new_event(random, &stream, &MemberEvent::from(registered).into());
        let append = Append {
            cause: Cause {
                actor: member.stream(),
                ..Cause::default()
            },
            events: vec![event],
            conditions: vec![Condition {
                stream: stream.clone(),
                expected: Expected::NoStream,
            }],
            key: None,
        };
        let appended = commands.log().append(append).await;
        let appended = appended.map_err(|error: AppendError| CommandError::from(error))?;
        Ok(Done {
            stream,
            version: appended.events[0].version,
            position: appended.position,
            repeated: false,
        })
    }

    fn say(&self, what: impl fmt::Display, done: &Result<Done, CommandError>) {
        match done {
            Ok(done) => {
                let what = format_args!("{what}: {}", done.position);
                self.world.trace.note(None, what);
            }
            Err(error) => self.world.trace.note(None, format_args!("{what}: {error}")),
        }
    }
}

fn post() -> NewPost {
    NewPost {
        title: "庭の草むしり".into(),
        description: "週末に二時間ほど手伝ってください。".into(),
        category: Category::Housework,
        tags: Vec::new(),
        prefecture: None,
        city: None,
        online: true,
        offline: false,
        no_return_needed: true,
        wished_return: None,
        lat: None,
        lon: None,
    }
}

impl Known {
    fn of(events: &[Recorded]) -> Self {
        let mut known = Self::default();
        for event in events {
            if let Some(Ok(header)) = event.header() {
                let data = serde_json::from_str(header.data).unwrap_or_default();
                known.learn(header.event_type, header.stream, &data);
            }
        }
        let left = &known.left;
        known
            .members
            .retain(|member| !left.contains(&member.stream()));
        known
    }

    fn learn(&mut self, event_type: &str, stream: &str, data: &Value) {
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        match event_type {
            "MemberRegistered" => self.members.extend(MemberId::from_stream(stream)),
            "MemberLeft" => {
                self.left.insert(stream.to_owned());
            }
            "NeedPosted" | "OfferPosted" => {
                let post = PostId::from_stream(stream);
                self.posts.extend(post.map(|post| (post, text("by"))));
            }
            "NeedClosed" | "OfferClosed" => {
                let post = PostId::from_stream(stream);
                self.posts.retain(|(open, _)| Some(*open) != post);
            }
            "ExchangeRequested" => self.opened(stream, text("requester"), text("owner")),
            "ExchangeApplied" => self.opened(stream, text("applicant"), text("poster")),
            "ExchangeStarted" => {
                let exchange = ExchangeId::from_stream(stream);
                let mut all = self.exchanges.iter_mut();
                if let Some(started) = all.find(|(id, ..)| Some(*id) == exchange) {
                    started.3 = true;
                }
            }
            "ExchangeCancelled" | "ExchangeAborted" | "ExchangeCompleted" => {
                let exchange = ExchangeId::from_stream(stream);
                self.exchanges.retain(|(id, ..)| Some(*id) != exchange);
            }
            _ => {}
        }
    }

    fn opened(&mut self, stream: &str, opener: String, asked: String) {
        let exchange = ExchangeId::from_stream(stream);
        self.exchanges
            .extend(exchange.map(|id| (id, opener, asked, false)));
    }
}
