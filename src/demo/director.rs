//! Lets all stories of a community happen: in the order of time, many acts at once.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::iter::Peekable;
use std::sync::Arc;

use indicatif::ProgressBar;
use meguri_commands::{Commands, Password};
use meguri_events::MemberId;
use tokio::task::JoinSet;

use super::calendar::Moment;
use super::clock::StoryClock;
use super::community::Community;
use super::ids::{self, StepIds};
use super::perform::{Made, perform};
use super::story::{Act, ExchangeAct, Step, Stories, Story};
use super::{DemoError, PASSWORD, Told};
use crate::command_line::DemoArgs;

/// Most acts under way at once: enough to fill the log's batches.
const IN_FLIGHT_MAX: u64 = 512;
/// Fewest acts under way at once.
const IN_FLIGHT_MIN: u64 = 4;
/// About how many acts belong to an exchange.
const ACTS_OF_AN_EXCHANGE: u64 = 12;
/// Time in the log is blurred by as much as is under way: at most one part in so many.
const SHARPNESS: u64 = 200;

/// A story that has begun and goes on.
struct Running {
    story: u64,
    /// The number of the next step.
    step: u64,
    steps: std::vec::IntoIter<Step>,
    made: Made,
}

/// What became of an act.
struct Acted {
    running: Running,
    registered: Option<u64>,
    opened: bool,
    result: Result<(), DemoError>,
}

/// Runs the stories. Memory holds those that have begun and are not over, whatever the size.
pub(super) struct Director<'c> {
    community: &'c Community<'c>,
    commands: &'c Commands,
    clock: &'c StoryClock,
    password: Option<Password>,
    stories: Peekable<Stories<'c>>,
    /// Stories that wait for their next step, the earliest first.
    waiting: BinaryHeap<Reverse<(Moment, u64)>>,
    running: std::collections::HashMap<u64, Running>,
    /// Members whose registration is under way.
    registering: BTreeSet<u64>,
    acting: JoinSet<Acted>,
    in_flight_max: usize,
    told: Told,
}

impl<'c> Director<'c> {
    pub(super) fn new(
        community: &'c Community<'c>,
        commands: &'c Commands,
        clock: &'c StoryClock,
        args: &DemoArgs,
    ) -> Self {
        Self {
            community,
            commands,
            clock,
            password: args.passwords.then(|| Password::new(PASSWORD)),
            stories: Stories::new(community, args.exchanges).peekable(),
            waiting: BinaryHeap::new(),
            running: std::collections::HashMap::new(),
            registering: BTreeSet::new(),
            acting: JoinSet::new(),
            in_flight_max: in_flight_max(args),
            told: Told {
                members: 0,
                exchanges: 0,
            },
        }
    }

    /// Lets everything happen; the first act that fails ends it.
    pub(super) async fn direct(mut self, bar: &ProgressBar) -> Result<Told, DemoError> {
        loop {
            while self.acting.len() < self.in_flight_max {
                let Some(running) = self.next_story() else {
                    break;
                };
                self.begin_step(running);
            }
            let Some(acted) = self.acting.join_next().await else {
                return Ok(self.told);
            };
            self.take(acted?, bar)?;
        }
    }

    /// The story whose next step is the earliest, a new one or one that goes on.
    fn next_story(&mut self) -> Option<Running> {
        let waiting = self.waiting.peek().map(|Reverse((at, _))| *at);
        let Some(new) = self.stories.peek() else {
            return self.next_waiting();
        };
        let begins = new.steps.first().map(|step| step.at);
        if waiting.is_some_and(|at| begins.is_some_and(|begins| at <= begins)) {
            return self.next_waiting();
        }
        let registering = self.registering.first().copied();
        let needs = new.after_member;
        if needs.is_some_and(|needs| registering.is_some_and(|first| first <= needs)) {
            // Its people are still signing up; there is something under way to wait for.
            return None;
        }
        self.stories
            .next()
            .map(|Story { number, steps, .. }| Running {
                story: number,
                step: 0,
                steps: steps.into_iter(),
                made: Made::default(),
            })
    }

    fn next_waiting(&mut self) -> Option<Running> {
        let Reverse((_, story)) = self.waiting.pop()?;
        self.running.remove(&story)
    }

    fn begin_step(&mut self, mut running: Running) {
        let Some(step) = running.steps.next() else {
            return;
        };
        self.clock.reach(step.at);
        if let Act::Register(person) = &step.act {
            self.registering.insert(person.number);
        }
        let seed = self.community.seed;
        let ids = StepIds::new(seed, running.story, running.step, step.at);
        let commands = self.commands.with_ids(Arc::new(ids));
        let who = ids::member(self.community, step.who);
        let user_name = self.community.user_name(step.who);
        let password = self.password.clone();
        running.step += 1;
        self.acting
            .spawn(act(commands, who, user_name, step, password, running));
    }

    fn take(&mut self, acted: Acted, bar: &ProgressBar) -> Result<(), DemoError> {
        acted.result?;
        if let Some(number) = acted.registered {
            self.registering.remove(&number);
            self.told.members += 1;
            bar.inc(1);
        }
        if acted.opened {
            self.told.exchanges += 1;
            bar.inc(1);
        }
        if let Some(next) = acted.running.steps.as_slice().first() {
            self.waiting.push(Reverse((next.at, acted.running.story)));
            self.running.insert(acted.running.story, acted.running);
        }
        Ok(())
    }
}

/// How many acts may be under way: few in a small community, so that its days stay apart.
fn in_flight_max(args: &DemoArgs) -> usize {
    let acts = args.members + args.exchanges * ACTS_OF_AN_EXCHANGE;
    let acts = (acts / SHARPNESS).clamp(IN_FLIGHT_MIN, IN_FLIGHT_MAX);
    usize::try_from(acts).unwrap_or_default()
}

async fn act(
    commands: Commands,
    who: MemberId,
    user_name: String,
    step: Step,
    password: Option<Password>,
    mut running: Running,
) -> Acted {
    let result = perform(
        &commands,
        who,
        &step.act,
        password.as_ref(),
        &mut running.made,
    )
    .await;
    let act = step.act.name();
    let result = result.map_err(|source| DemoError::Command {
        user_name,
        act,
        source,
    });
    let registered = if let Act::Register(person) = &step.act {
        Some(person.number)
    } else {
        None
    };
    let opened = matches!(step.act, Act::Exchange(_, ExchangeAct::Open { .. }));
    Acted {
        running,
        registered,
        opened,
        result,
    }
}
