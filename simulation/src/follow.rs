//! Followers: they join, lag, leave, and go on where they were.

use std::sync::Arc;

use meguri_log::{Frontier, Log, Position, ReadError};
use tokio::time::{Duration, sleep};

use crate::{
    history::{Followed, RootTold},
    plan::Trouble,
    world::{Running, World},
};

/// How long one who was refused waits.
const AGAIN: Duration = Duration::from_millis(400);
/// Of ten thousand who were given something, so many leave then.
const LEAVE: u32 = 1_000;

/// Lets the followers of a process begin.
pub(crate) fn begin(world: &Arc<World>, running: &Running) {
    for _ in 0..world.plan.followers {
        let (world, running) = (Arc::clone(world), running.clone());
        tokio::spawn(async move {
            let ended = running.ended.clone();
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = follow(&world, &running) => {}
            }
        });
    }
}

/// Follows the log until it is closed, and begins anew where it has fallen back.
async fn follow(world: &World, running: &Running) {
    while let Err(ReadError::FellBack { .. }) = follow_on(world, running).await {}
}

/// Follows the log from some position on, until there is nothing more to follow.
async fn follow_on(
    world: &World,
    running: &Running,
) -> Result<std::convert::Infallible, ReadError> {
    let process = running.process;
    let (mut number, mut after) = join_somewhere(world, running);
    loop {
        let mut follower = running.log.follow(after);
        loop {
            let leaves = world.random.chance(LEAVE);
            match follower.next().await {
                Ok(block) => {
                    let saw = block.events.iter().filter_map(|event| {
                        let header = event.header()?.ok()?;
                        Some((event.position(), header.id))
                    });
                    let saw: Vec<_> = saw.collect();
                    let count = saw.len();
                    after = follower.position();
                    world.recorder.moment(
                        Some(process),
                        format_args!("follower {number} is given {count} events up to {after}"),
                    );
                    world
                        .recorder
                        .history(|history| history.followers[number].saw.extend(saw));
                }
                Err(error @ (ReadError::Closed | ReadError::FellBack { .. })) => return Err(error),
                Err(ReadError::Unavailable(_) | ReadError::Damaged(_)) => sleep(AGAIN).await,
            }
            world.pause(world.plan.busy_ms).await;
            if leaves {
                break;
            }
        }
        // Half of them go on where they were. The others are somebody new, who may begin between
        // two events that were written, and are shared, together.
        if world.random.chance(5_000) {
            (number, after) = join_somewhere(world, running);
        } else if world.plan.troubles.contains(&Trouble::FailOverBehind) {
            // Whoever goes on does not know whether what was seen before is still there.
            number = join(world, after);
        }
    }
}

/// One who begins at the beginning, at the end, or somewhere between.
fn join_somewhere(world: &World, running: &Running) -> (usize, Position) {
    let known = running.log.known_head().get();
    let after = Position::new(match world.random.below(3) {
        0 => 0,
        1 => known,
        _ => world.random.below(known + 1),
    });
    (join(world, after), after)
}

fn join(world: &World, after: Position) -> usize {
    let followed = Followed {
        after,
        ..Followed::default()
    };
    world.recorder.history(|history| {
        history.followers.push(followed);
        history.followers.len() - 1
    })
}

/// Follows the whole log up to where it ends now, and tells its root by what was seen.
pub(crate) async fn follow_all(world: &World, running: &Running, end: Position) {
    let process = running.process;
    let number = join(world, Position::ZERO);
    world
        .recorder
        .history(|history| history.followers[number].must_reach = Some(end));
    let mut follower = running.log.follow(Position::ZERO);
    let mut frontier = Frontier::default();
    while follower.position() < end {
        let block = match follower.next().await {
            Ok(block) => block,
            Err(ReadError::Closed) => return,
            Err(_) => {
                sleep(AGAIN).await;
                continue;
            }
        };
        let mut saw = Vec::new();
        for event in &block.events {
            frontier.push(event.entry());
            if let Some(Ok(header)) = event.header() {
                saw.push((event.position(), header.id));
            }
        }
        world
            .recorder
            .history(|history| history.followers[number].saw.extend(saw));
    }
    tell_root(world, &frontier, format!("follower {number} of {process}"));
    if let Some(frontier) = computed(&running.log, end).await {
        tell_root(world, &frontier, format!("log of {process}"));
    }
}

async fn computed(log: &Log, end: Position) -> Option<Frontier> {
    log.frontier_at(end).await.ok()
}

fn tell_root(world: &World, frontier: &Frontier, by: String) {
    let told = RootTold {
        size: frontier.size(),
        root: frontier.root().0,
        by,
    };
    world.recorder.history(|history| history.roots.push(told));
}
