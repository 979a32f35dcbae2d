//! Clients that keep the server busy and remember what it has promised them.

use super::story::{STEPS, Sender, step};
use crate::support::api::{Accepted, Api, Member, Outcome};
use crate::support::chance::Chance;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many clients there are at once.
const CLIENTS: usize = 16;
/// One in so many acknowledged commands is sent again, to see that it answers as it did.
const REPEATED_ONE_IN: u64 = 10;
/// The pause after an answer that says "not now".
const PAUSE: Duration = Duration::from_millis(20);
/// What is waited for clients whose server is gone, or who are told to finish.
const END: Duration = Duration::from_mins(2);

/// A command the server has acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    pub(crate) key: String,
    pub(crate) accepted: Accepted,
}

/// What all clients of one load know together.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Acknowledged commands so far.
    pub(crate) acknowledged: AtomicU64,
    /// Commands whose first answer was lost, or was "not now".
    pub(crate) in_doubt: AtomicU64,
    /// Why the last of them was in doubt, for people.
    last_doubt: Mutex<String>,
    /// Whether clients end with the exchange they are in.
    finish: AtomicBool,
}

/// One client, at some place of some story.
#[derive(Debug)]
struct Teller {
    name: String,
    poster: Member,
    helper: Member,
    chance: Chance,
    stories: u64,
    step: usize,
    /// The command of this step has been sent, and may have been carried out.
    in_doubt: bool,
    need: String,
    exchange: String,
    promises: Vec<Promise>,
}

/// The clients; they outlive the servers they talk to.
#[derive(Debug)]
pub(crate) struct Load {
    tellers: Vec<Teller>,
    pub(crate) progress: Arc<Progress>,
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Running {
    tasks: Vec<tokio::task::JoinHandle<Teller>>,
    progress: Arc<Progress>,
}

impl Progress {
    fn doubt(&self, why: String) {
        self.in_doubt.fetch_add(1, Ordering::Relaxed);
        *self.last_doubt.lock().unwrap() = why;
    }

    fn stuck(&self, what: &str) -> ! {
        panic!(
            "{what}; the last answer that was none: {}",
            self.last_doubt.lock().unwrap()
        )
    }
}

impl Load {
    /// Clients who act for these members, each for two of them.
    pub(crate) fn new(members: &[Member], chance: &mut Chance) -> Self {
        let teller = |number: usize| Teller {
            name: format!("client-{number}"),
            poster: members[number % members.len()].clone(),
            helper: members[(number + 1) % members.len()].clone(),
            chance: chance.fork(),
            stories: 0,
            step: 0,
            in_doubt: false,
            need: String::new(),
            exchange: String::new(),
            promises: Vec::new(),
        };
        Self {
            tellers: (0..CLIENTS).map(teller).collect(),
            progress: Arc::default(),
        }
    }

    /// Sets the clients to work, where they left off.
    pub(crate) fn start(self, api: &Api) -> Running {
        let Self { tellers, progress } = self;
        let task = |mut teller: Teller| {
            let (api, progress) = (api.clone(), Arc::clone(&progress));
            tokio::spawn(async move {
                teller.work(&api, &progress).await;
                teller
            })
        };
        Running {
            tasks: tellers.into_iter().map(task).collect(),
            progress,
        }
    }

    /// Lets every client bring the exchange it is in to its end, and no other.
    pub(crate) async fn finish(self, api: &Api) -> Self {
        self.progress.finish.store(true, Ordering::Relaxed);
        let load = self.start(api).ended().await;
        for teller in &load.tellers {
            assert_eq!(
                teller.step, 0,
                "{} has not finished its exchange",
                teller.name
            );
        }
        load
    }

    /// Lets clients begin new exchanges again after [`Running::finish`].
    pub(crate) fn resume(self) -> Self {
        self.progress.finish.store(false, Ordering::Relaxed);
        self
    }

    /// Every acknowledged command.
    pub(crate) fn promises(&self) -> impl Iterator<Item = &Promise> {
        self.tellers.iter().flat_map(|teller| &teller.promises)
    }

    /// How many exchanges have been brought to their end.
    pub(crate) fn stories(&self) -> u64 {
        self.tellers.iter().map(|teller| teller.stories).sum()
    }

    /// How many thanks this member has been promised.
    pub(crate) fn thanks_to(&self, member: &Member) -> u64 {
        let of = self
            .tellers
            .iter()
            .filter(|teller| teller.helper.id == member.id);
        of.map(|teller| teller.stories).sum()
    }
}

impl Running {
    /// Waits until the clients have ended: finished, or without a server.
    pub(crate) async fn ended(self) -> Load {
        let mut tellers = Vec::new();
        for task in self.tasks {
            let ended = tokio::time::timeout(END, task).await;
            let Ok(teller) = ended else {
                self.progress.stuck("a client does not come to an end")
            };
            tellers.push(teller.unwrap());
        }
        Load {
            tellers,
            progress: self.progress,
        }
    }

    /// Tells the clients to end with the exchange they are in, and waits for them.
    pub(crate) async fn finish(self) -> Load {
        self.progress.finish.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until the server has acknowledged so many commands more.
    pub(crate) async fn progress(&self, more: u64) {
        let enough = self.progress.acknowledged.load(Ordering::Relaxed) + more;
        let reached = async {
            while self.progress.acknowledged.load(Ordering::Relaxed) < enough {
                if self.tasks.iter().any(tokio::task::JoinHandle::is_finished) {
                    self.progress.stuck("a client has given up");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(END, reached).await.is_err() {
            self.progress.stuck("the server answers nobody any more");
        }
    }
}

impl Teller {
    /// Sends one command after the other until the server is gone or the story may end.
    async fn work(&mut self, api: &Api, progress: &Progress) {
        while self.step > 0 || self.in_doubt || !progress.finish.load(Ordering::Relaxed) {
            self.in_doubt = true;
            match self.send(api).await {
                Outcome::Accepted(accepted) => {
                    self.in_doubt = false;
                    progress.acknowledged.fetch_add(1, Ordering::Relaxed);
                    if self.chance.one_in(REPEATED_ONE_IN) {
                        self.repeat(api, &accepted).await;
                    }
                    self.advance(accepted);
                }
                Outcome::Retry(why) => {
                    progress.doubt(why);
                    tokio::time::sleep(PAUSE).await;
                }
                Outcome::Gone(why) => {
                    progress.doubt(why);
                    return;
                }
                Outcome::Refused(status, text) => {
                    panic!("{} was refused: {status} {text}", self.key());
                }
            }
        }
    }

    async fn send(&self, api: &Api) -> Outcome {
        let step = step(self.step, &self.need, &self.exchange);
        let member = match step.sender {
            Sender::Poster => &self.poster,
            Sender::Helper => &self.helper,
        };
        api.post(member, &step.path, &step.body, &self.key()).await
    }

    /// Sends the command again that was just acknowledged: it must answer as it did.
    async fn repeat(&self, api: &Api, first: &Accepted) {
        match self.send(api).await {
            Outcome::Accepted(again) => assert_eq!(&again, first, "{} repeated", self.key()),
            Outcome::Refused(status, text) => {
                panic!("{} repeated was refused: {status} {text}", self.key());
            }
            Outcome::Retry(_) | Outcome::Gone(_) => {}
        }
    }

    fn advance(&mut self, accepted: Accepted) {
        match self.step {
            0 => self.need.clone_from(&accepted.id),
            1 => self.exchange.clone_from(&accepted.id),
            _ => {}
        }
        self.promises.push(Promise {
            key: self.key(),
            accepted,
        });
        self.step = (self.step + 1) % STEPS;
        self.stories += u64::from(self.step == 0);
    }

    /// Its own for every command, and readable where it turns up in a failure.
    fn key(&self) -> String {
        format!("{}/story-{}/step-{}", self.name, self.stories, self.step)
    }
}
