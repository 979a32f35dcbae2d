//! A database that falls back, and whose log then comes to end with the same event again: the same
//! request was written once more, after others that it had not been written after before.

use meguri_log::{Append, AppendError, Condition, Expected, Version};
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

#[test]
fn the_same_last_event_after_others_is_not_taken_for_the_end_that_was_known_in_the_model() {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let vault = runtime.block_on(meguri_log::simulation::Machine::vault());
    let mut alone = Builder::new_current_thread();
    let alone = alone.enable_all().start_paused(true).build().unwrap();
    alone.block_on(async {
        let model = Model::new(1, vault.unwrap()).await;
        is_not_taken_for_the_end_that_was_known(Machine::Model(model)).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_last_event_after_others_is_not_taken_for_the_end_that_was_known_on_sqlite() {
    let real = Real::new(Backend::Sqlite).await;
    is_not_taken_for_the_end_that_was_known(Machine::Real(Box::new(real))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_last_event_after_others_is_not_taken_for_the_end_that_was_known_on_postgresql() {
    let real = Real::new(Backend::Postgres).await;
    is_not_taken_for_the_end_that_was_known(Machine::Real(Box::new(real))).await;
}
