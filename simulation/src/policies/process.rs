//! A process from its start to its death: commands for whoever asks, and the policies.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use meguri_commands::{Commands, SeededIds, policies};
use meguri_log::{
    Clock, Log,
    simulation::{Link, Machine},
};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Open, World};

/// How long a process waits before it tries again to begin.
const AGAIN: Duration = Duration::from_millis(300);

/// A process in its place, or the place of one that is dead.
pub(super) struct Process {
    number: u32,
    folder: PathBuf,
    link: Link,
    open: Open,
    task: Option<JoinHandle<()>>,
}

impl Process {
    pub(super) fn new(world: &World, place: usize) -> Self {
        let number = u32::try_from(place).unwrap_or_default();
        Self {
            number,
            folder: world.folder.path().join(format!("process-{place}")),
            link: world.database.link(number),
            open: Open::default(),
            task: None,
        }
    }

    /// Where its commands are while it lives.
    pub(super) fn running(&self) -> Open {
        Arc::clone(&self.open)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Another process in its place, which finds the book as the last one left it.
    pub(super) fn begin_again_if_dead(&mut self, world: &Arc<World>) {
        if self.task.is_some() {
            return;
        }
        self.number += 10;
        self.link = world.database.link(self.number);
        let life = live(
            Arc::clone(world),
            self.link.clone(),
            self.folder.clone(),
            Arc::clone(&self.open),
        );
        self.task = Some(tokio::spawn(life));
    }

    /// Ends at once, wherever it is.
    pub(super) fn die(&mut self, world: &World) {
        if let Some(task) = self.task.take() {
            world.trace.note(Some(self.number), format_args!("dies"));
            self.link.end();
            task.abort();
            *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// The whole life of a process. It ends by being aborted.
async fn live(world: Arc<World>, link: Link, folder: PathBuf, open: Open) {
    let log = begin(&world, &link).await;
    let seed = world.random.below(u64::MAX);
    let ids = SeededIds::new(seed, Arc::new(world.clock.clone()));
    let commands = Commands::new(log, World::commands_settings()).with_ids(Arc::new(ids));
    *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(commands.clone());
    link.say(format_args!("runs the policies"));
    let ended = policies::run(commands, folder, CancellationToken::new()).await;
    link.say(format_args!("runs no policies any more: {ended:?}"));
}

/// Opens log and vault, however often it takes.
async fn begin(world: &World, link: &Link) -> Log {
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let mut machine = Machine {
        clock: Arc::clone(&clock),
        randomness: Arc::new(world.random.clone()),
        clock_jump_max: None,
        vault: (world.vault.clone(), false),
    };
    loop {
        match Machine::vault_at(&world.vault_file(), &clock).await {
            Ok(vault) => {
                machine.vault = (vault, false);
                break;
            }
            Err(error) => link.say(format_args!("the vault does not open: {error}")),
        }
        sleep(AGAIN).await;
    }
    loop {
        match Log::simulated(link, &machine).await {
            Ok(log) => return log,
            Err(_) => sleep(AGAIN).await,
        }
    }
}
