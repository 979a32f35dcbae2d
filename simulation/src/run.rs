//! One run of one seed, from the first request to the verdict.

use std::{collections::BTreeSet, fmt, sync::Arc};

use meguri_log::{
    OpenError, Position, Vault,
    simulation::{Faults, Machine},
};
use tokio::time::{Duration, sleep, timeout};

use crate::{
    client::{Client, append_everywhere},
    follow,
    history::{self, Verdict, Violation},
    kind::WorldKind,
    machine, publisher,
    recorder::{Recorded, Recorder},
    trouble,
    world::World,
};

/// How long requests may take altogether, by the time of the world.
const REQUESTS_WITHIN: Duration = Duration::from_hours(6);
/// How long it may take until everything works once nothing is wrong any more: a server that
/// notices the end of a client, a statement that lies about, a writer that gives up.
const CALM_WITHIN: Duration = Duration::from_mins(3);
/// How many lines of the trace are shown of a violation.
const TAIL: usize = 60;

/// What is needed for any number of runs.
#[derive(Debug, Clone)]
pub struct Simulator {
    vault: Vault,
}

/// What one seed came to.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The kind of its world.
    pub kind: WorldKind,
    /// SHA-256 over everything that happened, in order.
    pub digest: [u8; 32],
    /// How many things happened.
    pub steps: u64,
    /// What the history says.
    pub verdict: Verdict,
    /// What else was seen.
    pub outcome: Outcome,
    /// Everything that happened, where it was to be kept.
    pub trace: Vec<String>,
}

/// What was seen of a world beside its history. Nothing is wrong where nothing happens: so it also
/// says how much did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is wrong.
    pub wrong: Vec<Wrong>,
    /// How many events the log has at the end.
    pub events: u64,
    /// How large the last checkpoint is that was published.
    pub published: u64,
    /// How often what a view served was compared with the log.
    pub served: u64,
    /// How much was erased.
    pub erased: u64,
    /// How many events policies have appended.
    pub followed_up: u64,
}

impl Outcome {
    /// What a world of clients comes to.
    fn of_clients(lived: Result<(), Wrong>, world: &World) -> Self {
        Self {
            wrong: lived.err().into_iter().collect(),
            events: world.database.events_after(Position::ZERO).len() as u64,
            ..Self::default()
        }
    }
}

/// What is wrong although no promise about the past is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Something takes for ever.
    #[error("{0} takes longer than it may")]
    Stuck(&'static str),
    /// Something does not work although nothing stands in its way.
    #[error("{0}")]
    Broken(String),
}

impl Simulator {
    /// Makes what all runs share.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn new() -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| OpenError::Unavailable(error.to_string()))?;
        let vault = runtime.block_on(Machine::vault())?;
        Ok(Self { vault })
    }

    /// Runs a seed; with `keeps_trace` everything that happens is kept to be read.
    ///
    /// # Panics
    /// Where the operating system gives no timer.
    pub fn run(&self, seed: u64, keeps_trace: bool) -> Run {
        let (kind, vault) = (WorldKind::of(seed), self.vault.clone());
        let (recorded, outcome) = machine::run(async {
            let recorder = Recorder::new(keeps_trace);
            let outcome = happen(kind, seed, vault, &recorder).await;
            (recorder.finish(), outcome)
        });
        let Recorded {
            digest,
            steps,
            lines,
            history,
        } = recorded;
        Run {
            seed,
            kind,
            digest,
            steps,
            verdict: history::check(&history),
            outcome,
            trace: lines,
        }
    }
}

/// Everything that happens in a world of this kind.
async fn happen(kind: WorldKind, seed: u64, vault: Vault, recorder: &Arc<Recorder>) -> Outcome {
    let recorder = Arc::clone(recorder);
    match kind {
        WorldKind::Clients => {
            let world = World::new(seed, vault, recorder);
            let lived = live(&world).await;
            world.last_timeline();
            Outcome::of_clients(lived, &world)
        }
        WorldKind::Publishers => publisher::live(seed, vault, recorder).await,
        #[cfg(feature = "views")]
        WorldKind::Views => crate::views::live(seed, vault, recorder).await,
        #[cfg(feature = "policies")]
        WorldKind::Policies => crate::policies::live(seed, vault, recorder).await,
        #[cfg(not(all(feature = "views", feature = "policies")))]
        _ => Outcome {
            wrong: vec![Wrong::Broken(format!("worlds of {kind} are not built in"))],
            ..Outcome::default()
        },
    }
}

/// Everything that happens in a world of clients.
async fn live(world: &Arc<World>) -> Result<(), Wrong> {
    let mut clients = Vec::new();
    for process in 0..world.plan.processes {
        let running = within("opening", CALM_WITHIN, world.open(process)).await?;
        follow::begin(world, &running);
    }
    let troubles = tokio::spawn(trouble::make(Arc::clone(world)));
    for number in 0..world.plan.clients {
        clients.push(tokio::spawn(Client::new(Arc::clone(world), number).run()));
    }
    for client in clients {
        let ended = within("a request", REQUESTS_WITHIN, client).await?;
        ended.map_err(|error| Wrong::Broken(error.to_string()))?;
    }
    world.calm.cancel();
    let ended = troubles.await;
    ended.map_err(|error| Wrong::Broken(error.to_string()))?;
    calm_down(world).await
}

/// Nothing is wrong any more: everything works, and everybody sees the same.
async fn calm_down(world: &Arc<World>) -> Result<(), Wrong> {
    world.database.set_faults(Faults::default());
    for slot in &world.slots {
        slot.clock.be_wrong_by(0);
    }
    sleep(Duration::from_mins(1)).await;
    let mut all = Vec::new();
    for (slot, process) in world.slots.iter().zip(0..) {
        let opening = async {
            loop {
                match slot.current() {
                    Some(running) => return running,
                    None => sleep(Duration::from_secs(1)).await,
                }
            }
        };
        let running = within("a restart", CALM_WITHIN, opening).await?;
        world
            .recorder
            .moment(Some(process), format_args!("is to work again"));
        let appending = append_everywhere(world, &running);
        let appended = within("an append", CALM_WITHIN, appending).await?;
        appended.map_err(Wrong::Broken)?;
        all.push(running);
    }
    let (head, end) = (all.first(), CALM_WITHIN);
    let Some(first) = head else { return Ok(()) };
    let head = within("a read", end, first.log.head()).await?;
    let head = head.map_err(|error| Wrong::Broken(error.to_string()))?;
    for running in &all {
        let following = follow::follow_all(world, running, head.position);
        within("following", CALM_WITHIN, following).await?;
    }
    agree(world)
}

/// Everybody who has followed the whole log in the end has seen what it holds.
fn agree(world: &World) -> Result<(), Wrong> {
    let events = world.database.events_after(Position::ZERO);
    let ids = events.iter().filter_map(|event| event.header()?.ok());
    let ids: Vec<_> = ids.map(|header| header.id).collect();
    world.recorder.history(|history| {
        let followers = history.followers.iter();
        for followed in followers.filter(|it| it.must_reach.is_some()) {
            let saw = followed.saw.iter().map(|(_, id)| *id);
            if !saw.eq(ids.iter().copied()) {
                let reason = "a follower that began in the end has not seen what the log holds";
                return Err(Wrong::Broken(reason.into()));
            }
        }
        Ok(())
    })
}

async fn within<T>(
    what: &'static str,
    time: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Wrong> {
    timeout(time, work).await.map_err(|_| Wrong::Stuck(what))
}

impl Run {
    /// Whether a promise was broken.
    pub fn is_violation(&self) -> bool {
        !self.outcome.wrong.is_empty() || !self.verdict.violations.is_empty()
    }

    /// What went wrong, each thing once.
    pub fn complaints(&self) -> BTreeSet<String> {
        let violations = self.verdict.violations.iter().map(Violation::to_string);
        let wrong = self.outcome.wrong.iter().map(Wrong::to_string);
        violations.chain(wrong).collect()
    }
}

/// The complaints, the end of the trace, and how to see it all again.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.trace.len().saturating_sub(TAIL);
        for line in self.trace.iter().take(1).chain(&self.trace[hidden..]) {
            writeln!(f, "{line}")?;
        }
        for complaint in self.complaints() {
            writeln!(f, "VIOLATION: {complaint}")?;
        }
        write!(f, "again: make simulate SEED={}", self.seed)
    }
}
