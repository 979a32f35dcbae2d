//! What befalls a world beside lost statements: ends of processes, fail-overs, clocks that jump.

use std::sync::Arc;

use tokio::time::{Duration, timeout};

use crate::{
    follow,
    plan::{Trouble, faults},
    world::World,
};

/// How long a process may take to close before it is ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(90);
/// So many changes may a standby be behind.
const BEHIND_MAX: u64 = 12;

/// One trouble after the other, until the world is told to be calm.
pub(crate) async fn make(world: Arc<World>) {
    if world.plan.troubles.is_empty() {
        return;
    }
    loop {
        tokio::select! {
            biased;
            () = world.calm.cancelled() => return,
            () = world.pause(world.plan.trouble_ms) => {}
        }
        let kinds = world.plan.troubles.len() as u64;
        let index = usize::try_from(world.random.below(kinds)).unwrap_or_default();
        befall(&world, world.plan.troubles[index]);
    }
}

fn befall(world: &Arc<World>, trouble: Trouble) {
    let number = world.random.below(u64::from(world.plan.processes));
    let process = u32::try_from(number).unwrap_or_default();
    let down = Duration::from_millis(world.random.below(3_000));
    match trouble {
        Trouble::Crash => crash(world, process),
        Trouble::Close => close(world, process),
        Trouble::Restart => world.database.restart(down),
        Trouble::FailOver => world.fail_over(0, down),
        Trouble::FailOverBehind => {
            let lost = usize::try_from(world.random.below(BEHIND_MAX)).unwrap_or_default();
            world.fail_over(lost, down);
        }
        Trouble::CutOff => world.database.cut_off(process, 4 * down),
        Trouble::ClockJump => {
            // Backwards it stays within the bound: a clock that was behind and is put right has
            // jumped ahead.
            let (back, ahead) = match world.plan.clock_jump_max {
                Some(_) => (3_000, 200_000),
                None => (300, 300),
            };
            let drawn = world.random.below(if world.random.below(2) == 0 {
                back
            } else {
                back + ahead
            });
            let seconds = i64::try_from(drawn).unwrap_or_default();
            jump_clock(
                world,
                process,
                seconds - i64::try_from(back).unwrap_or_default(),
            );
        }
        Trouble::MonthPasses => {
            for slot in &world.slots {
                slot.clock.pass_a_month();
            }
            world.recorder.moment(None, format_args!("a month passes"));
            world.recorder.history(|history| history.keys_expire = true);
        }
        Trouble::FaultsChange => world.database.set_faults(faults(&world.random)),
    }
}

fn jump_clock(world: &World, process: u32, seconds: i64) {
    world.slot(process).clock.be_wrong_by(seconds);
    world.recorder.moment(
        Some(process),
        format_args!("has a clock that is wrong by {seconds} s"),
    );
}

/// Ends a process where it stands; another takes its place.
pub(crate) fn crash(world: &Arc<World>, process: u32) {
    let Some(running) = world.slot(process).take() else {
        return;
    };
    running.link.end();
    running.ended.cancel();
    begin_anew(world, process);
}

/// Tells a process to finish; another takes its place.
fn close(world: &Arc<World>, process: u32) {
    let Some(running) = world.slot(process).take() else {
        return;
    };
    let world = Arc::clone(world);
    world
        .recorder
        .moment(Some(process), format_args!("is closed"));
    tokio::spawn(async move {
        if timeout(CLOSE_WITHIN, running.log.close()).await.is_err() {
            let what = format_args!("has not closed in time");
            world.recorder.moment(Some(process), what);
        }
        running.link.end();
        running.ended.cancel();
        begin_anew(&world, process);
    });
}

fn begin_anew(world: &Arc<World>, process: u32) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        world.pause(2_000).await;
        let running = world.open(process).await;
        follow::begin(&world, &running);
    });
}
