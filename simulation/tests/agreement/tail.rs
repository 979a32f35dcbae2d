//! A database that falls back to an end that a process knows, or takes for one that it knows: what
//! the process remembers of streams is of a state that is gone.

use meguri_log::{Append, AppendError, Condition, Expected, RequestKey, Version};
use meguri_test_logs::Backend;
use tokio::runtime::Builder;

use super::{
    machine::{Machine, Model, Real},
    program::Kind,
    run::{cause, event},
};

fn append(number: u128, stream: &str, expected: Expected) -> Append {
    let stream: meguri_log::StreamName = stream.parse().unwrap();
    let condition = Condition {
        stream: stream.clone(),
        expected,
    };
    Append {
        cause: cause(),
        events: vec![event(uuid::Uuid::from_u128(number), stream, Kind::Good)],
        conditions: vec![condition],
        key: None,
    }
}

async fn is_not_taken_for_the_end_that_was_known(mut machine: Machine) {
    let start = machine.log(0).append(append(1, "start-1", Expected::Any));
    start.await.unwrap();
    let before = machine.state().await;
    for (number, stream) in [(2, "one-1"), (3, "last-1")] {
        let asked = append(number, stream, Expected::NoStream);
        machine.log(0).append(asked).await.unwrap();
    }
    // The other log learns where the log ends, and how the streams are there.
    for (stream, expected) in [("one-1", Expected::NoStream), ("other-1", Expected::Exists)] {
        let refused = machine.log(1).append(append(9, stream, expected)).await;
        assert!(
            matches!(refused, Err(AppendError::Conflict { .. })),
            "{refused:?}"
        );
    }
    machine.fall_back(before).await;
    machine.clock().advance_seconds(1);
    machine.reopen(0).await;
    for (number, stream) in [(4, "other-1"), (3, "last-1")] {
        let asked = append(number, stream, Expected::NoStream);
        machine.log(0).append(asked).await.unwrap();
    }
    let found = |answer| match answer {
        Err(AppendError::Conflict { found, .. }) => found,
        answer => panic!("it is decided by what is gone: {answer:?}"),
    };
    let gone = append(5, "one-1", Expected::Version(Version::new(1)));
    assert_eq!(found(machine.log(1).append(gone).await), Version::ZERO);
    let new = append(6, "other-1", Expected::NoStream);
    assert_eq!(found(machine.log(1).append(new).await), Version::new(1));
}

/// A log that has moved on without this process, which was told of it by a repeated request alone,
/// and that falls back to where this process knows it to end.
async fn what_was_read_beyond_the_known_end_is_forgotten(machine: Machine) {
    let start = machine.log(0).append(append(1, "start-1", Expected::Any));
    start.await.unwrap();
    let before = machine.state().await;
    let key = RequestKey {
        key: [1; 32],
        request: [1; 32],
        expires: false,
    };
    let keyed = |number| Append {
        key: Some(key),
        ..append(number, "other-1", Expected::Any)
    };
    machine.log(1).append(keyed(2)).await.unwrap();
    assert!(machine.log(0).append(keyed(3)).await.unwrap().repeated);
    machine.fall_back(before).await;
    let new = append(4, "other-1", Expected::NoStream);
    let appended = machine.log(0).append(new).await.unwrap();
    assert_eq!(appended.events[0].version, Version::new(1));
}

async fn model() -> Machine {
    // The vault works on threads of its own, outside of the time that is paused.
    let vault = std::thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(meguri_log::simulation::Machine::vault())
    });
    Machine::Model(Model::new(1, vault.join().unwrap().unwrap()).await)
}

async fn real(backend: Backend) -> Machine {
    Machine::Real(Box::new(Real::new(backend).await))
}

#[tokio::test(start_paused = true)]
async fn the_same_last_event_after_others_is_not_taken_for_the_known_end_in_the_model() {
    is_not_taken_for_the_end_that_was_known(model().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_last_event_after_others_is_not_taken_for_the_known_end_on_real_databases() {
    is_not_taken_for_the_end_that_was_known(real(Backend::Sqlite).await).await;
    is_not_taken_for_the_end_that_was_known(real(Backend::Postgres).await).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_read_beyond_the_known_end_is_forgotten_in_the_model() {
    what_was_read_beyond_the_known_end_is_forgotten(model().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_beyond_the_known_end_is_forgotten_on_real_databases() {
    what_was_read_beyond_the_known_end_is_forgotten(real(Backend::Sqlite).await).await;
    what_was_read_beyond_the_known_end_is_forgotten(real(Backend::Postgres).await).await;
}
