//! What a publisher does about witnesses who have seen another story of its log.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use meguri_log::{
    ManualClock, NotCosigned, PublishOptions, PublishState, Publisher, Refusal, SigningKey,
    Witness, WitnessAnswer, Witnesses, Witnessing,
};
use meguri_proofs::{AddCheckpoint, Cosigner, SignerKey, WitnessKey, WitnessRefusal};
use meguri_test_logs::{Backend, Home, on_both_backends};
use zeroize::Zeroizing;

use super::{
    frontiers::fill,
    publish::{options, published},
};

on_both_backends!(
    a_witness_that_has_seen_another_story_ends_publishing_and_does_not_let_it_fail_for_ever,
);

/// The key of the log whose two stories are told.
const SEED: [u8; 32] = [9; 32];
/// How many events of the first story the witness has seen.
const SEEN: u64 = 10;

/// A witness whose memory and decision are the real ones, asked without a network between.
#[derive(Debug)]
struct Near(Arc<Witnessing>, WitnessKey);

#[async_trait]
impl Witness for Near {
    fn key(&self) -> &WitnessKey {
        &self.1
    }

    async fn ask(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, String> {
        match self.0.cosign(request) {
            Ok(signature) => Ok(WitnessAnswer::Cosigned(vec![signature])),
            Err(NotCosigned::Refused(WitnessRefusal::Conflict { seen })) => {
                Ok(WitnessAnswer::Conflict { seen })
            }
            Err(NotCosigned::Refused(WitnessRefusal::Unproven(_))) => Ok(WitnessAnswer::Unproven),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn witness(folder: &std::path::Path) -> Arc<Witnessing> {
    let log = SignerKey::from_seed("log.example.org".parse().unwrap(), &SEED).verifier();
    let key = SignerKey::from_seed("witness.example.org".parse().unwrap(), &[5; 32]);
    let clock = Arc::new(ManualClock::default());
    let witnessing = Witnessing::open(folder, vec![log], Cosigner::new(key), clock);
    Arc::new(witnessing.unwrap())
}

fn witnessed(home: &Home, witnessing: &Arc<Witnessing>) -> PublishOptions {
    let witness = Near(Arc::clone(witnessing), witnessing.key());
    PublishOptions {
        key: SigningKey::Given(Zeroizing::new(SEED)),
        witnesses: Witnesses {
            all: vec![Arc::new(witness)],
            quorum: 1,
        },
        ..options(home)
    }
}

async fn refusal_of_another_story(
    backend: Backend,
    witnessing: &Arc<Witnessing>,
    events: u64,
) -> Refusal {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, usize::try_from(events).unwrap()).await;
    let publisher = Publisher::start(log.clone(), witnessed(&home, witnessing)).await;
    let publisher = publisher.unwrap();
    let mut watch = publisher.watch();
    let refuses = watch.wait_for(|now| matches!(now.state, PublishState::Refusing(_)));
    let now = tokio::time::timeout(Duration::from_secs(20), refuses).await;
    let now = now.expect("it refuses in time").unwrap();
    let PublishState::Refusing(refusal) = &now.state else {
        panic!("{:?}", now.state);
    };
    assert!(now.latest.is_none(), "nothing is published");
    refusal.clone()
}

async fn a_witness_that_has_seen_another_story_ends_publishing_and_does_not_let_it_fail_for_ever(
    backend: Backend,
) {
    let (home, folder) = (Home::new(backend), tempfile::tempdir().unwrap());
    let witnessing = witness(folder.path());
    let log = home.open().await;
    fill(&log, usize::try_from(SEEN).unwrap()).await;
    let publisher = Publisher::start(log.clone(), witnessed(&home, &witnessing)).await;
    published(&publisher.unwrap(), SEEN).await;
    let name = || "witness.example.org".to_owned();
    // Longer by now than what the witness has seen, as long, and shorter.
    for events in [SEEN + 2, SEEN] {
        let refused = refusal_of_another_story(backend, &witnessing, events).await;
        let another = Refusal::WitnessedAnother {
            witness: name(),
            size: SEEN,
        };
        assert_eq!(refused, another, "{events} events");
    }
    let refused = refusal_of_another_story(backend, &witnessing, SEEN - 2).await;
    let ahead = Refusal::Witness {
        witness: name(),
        seen: SEEN,
        known: SEEN - 2,
    };
    assert_eq!(refused, ahead);
}
