//! What supervision says of loops that go on, end, break, and are dropped.

use std::time::Duration;

use super::*;

/// Runs a loop and waits for its end.
async fn after(supervisor: &Supervisor, work: impl Future<Output: Outcome> + Send + 'static) {
    let stop = CancellationToken::new();
    let running = supervisor.spawn("loop", OnFailure::Unready, &stop, work);
    running.await.unwrap();
}

fn reason(supervisor: &Supervisor) -> String {
    match &supervisor.loops()[..] {
        [
            LoopStatus {
                state: LoopState::Failed { reason, .. },
                ..
            },
        ] => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_loop_that_ends_by_itself_has_failed_however_it_ends() {
    let supervisor = Supervisor::new();
    after(&supervisor, async {}).await;
    assert_eq!(reason(&supervisor), "it ended by itself");
    after(&supervisor, async { Err::<(), _>("no disk") }).await;
    assert_eq!(reason(&supervisor), "no disk");
    after(&supervisor, async { assert_eq!(1, 2, "a {}", "bug") }).await;
    assert_eq!(
        reason(&supervisor),
        "it panicked: assertion `left == right` failed: a bug\n  left: 1\n right: 2"
    );
    drop(supervisor.watch(
        "loop",
        OnFailure::Unready,
        &CancellationToken::new(),
        async {},
    ));
    assert_eq!(reason(&supervisor), "it was dropped");
    assert_eq!(supervisor.failed(), ["loop"]);
}

#[tokio::test]
async fn a_loop_that_ends_when_it_is_told_to_has_not_failed() {
    let (supervisor, stop) = (Supervisor::new(), CancellationToken::new());
    let told = stop.clone();
    let work = async move { told.cancelled().await };
    let by_token = supervisor.spawn("one", OnFailure::EndProcess, &stop, work);
    let told = supervisor.stopping().clone();
    let never = CancellationToken::new();
    let work = async move { told.cancelled().await };
    let with_all = supervisor.spawn("all", OnFailure::EndProcess, &never, work);
    assert!(
        supervisor
            .loops()
            .iter()
            .all(|one| one.state == LoopState::Running)
    );
    stop.cancel();
    by_token.await.unwrap();
    supervisor.stop();
    with_all.await.unwrap();
    assert!(
        supervisor
            .loops()
            .iter()
            .all(|one| one.state == LoopState::Ended)
    );
    assert!(supervisor.failed().is_empty());
}

#[tokio::test]
async fn one_that_begins_again_under_its_name_takes_the_place_of_one_that_failed() {
    let (supervisor, stop) = (Supervisor::new(), CancellationToken::new());
    after(&supervisor, async {}).await;
    let again = std::future::pending::<()>();
    let running = supervisor.spawn("loop", OnFailure::Unready, &stop, again);
    assert!(supervisor.failed().is_empty());
    assert_eq!(supervisor.loops().len(), 1);
    assert!(supervisor.inject_panic("loop"));
    running.await.unwrap();
    assert_eq!(reason(&supervisor), "it panicked: broken by a test");
    assert!(!supervisor.inject_panic("loop"));
}

#[tokio::test]
async fn a_process_must_end_when_a_loop_failed_without_which_nothing_works() {
    let (supervisor, stop) = (Supervisor::new(), CancellationToken::new());
    let ended = tokio::spawn({
        let supervisor = supervisor.clone();
        async move { supervisor.must_end().await }
    });
    after(&supervisor, async {}).await;
    tokio::task::yield_now().await;
    assert!(!ended.is_finished());
    supervisor.spawn("writer", OnFailure::EndProcess, &stop, async {});
    assert_eq!(ended.await.unwrap().name, "writer");
}

#[tokio::test]
async fn one_that_ends_after_another_of_its_name_has_begun_is_forgotten() {
    let supervisor = Supervisor::new();
    let [first, second] = [(); 2].map(|()| CancellationToken::new());
    let begin = |stop: &CancellationToken| {
        let told = stop.clone();
        let work = async move { told.cancelled().await };
        supervisor.spawn("loop", OnFailure::Unready, stop, work)
    };
    let (before, after) = (begin(&first), begin(&second));
    first.cancel();
    before.await.unwrap();
    let states = || supervisor.loops().into_iter().map(|one| one.state);
    assert_eq!(states().collect::<Vec<_>>(), [LoopState::Running]);
    second.cancel();
    after.await.unwrap();
    assert_eq!(states().collect::<Vec<_>>(), [LoopState::Ended]);
}

#[tokio::test]
async fn a_loop_that_is_not_heard_of_in_time_is_stuck_until_it_is() {
    let (supervisor, stop) = (Supervisor::new(), CancellationToken::new());
    let (goes_on, mut orders) = tokio::sync::watch::channel(0);
    let (done, mut seen) = tokio::sync::watch::channel(0);
    let work = async move {
        loop {
            let order = *orders.borrow_and_update();
            match order {
                0 => rest(),
                1 => beat_within(Duration::ZERO),
                _ => beat_within(Duration::from_hours(1)),
            }
            done.send_replace(order);
            if orders.changed().await.is_err() {
                return;
            }
        }
    };
    supervisor.spawn("loop", OnFailure::Unready, &stop, work);
    for (step, is_stuck) in [(0, false), (1, true), (2, false), (1, true), (0, false)] {
        goes_on.send_replace(step);
        seen.wait_for(|done| *done == step).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(supervisor.stuck().len(), usize::from(is_stuck), "{step}");
        let name = if is_stuck { "stuck" } else { "running" };
        assert_eq!(supervisor.loops()[0].state.name(), name);
    }
    assert!(supervisor.failed().is_empty());
    assert!(supervisor.inject_standstill("loop"));
    goes_on.send_replace(2);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(supervisor.stuck(), ["loop"], "it does not go on");
    assert_eq!(*seen.borrow(), 0);
    // Outside of a loop nobody is told.
    beat_within(Duration::ZERO);
    rest();
}
