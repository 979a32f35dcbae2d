//! A witness with its memory on disk, far enough away that answers get lost.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use meguri_log::{
    ManualClock, NotCosigned, Timestamp, Witness, WitnessAnswer, Witnessing, simulation::Random,
};
use meguri_proofs::{
    AddCheckpoint, Checkpoint, Cosigner, KeyName, SignerKey, WitnessKey, WitnessRefusal,
};
use tokio::time::sleep;

use super::{told::Told, verifier};

/// Out of ten thousand answers so many get lost.
const ANSWERS_LOST: u32 = 800;
/// The longest way of a question, in milliseconds.
const WAY_MS: u64 = 300;

pub(super) struct SimulatedWitness {
    number: u32,
    key: WitnessKey,
    folder: PathBuf,
    random: Random,
    told: Arc<Told>,
    /// The process that remembers; none while it is down.
    running: Mutex<Option<Witnessing>>,
    /// No answer gets lost any more.
    calm: AtomicBool,
}

impl fmt::Debug for SimulatedWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedWitness")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl SimulatedWitness {
    pub(super) fn new(number: u32, folder: PathBuf, random: Random, told: Arc<Told>) -> Self {
        let running = open(number, &folder);
        Self {
            number,
            key: running.key(),
            folder,
            random,
            told,
            running: Mutex::new(Some(running)),
            calm: AtomicBool::new(false),
        }
    }

    /// It goes down, with whatever it had not written.
    pub(super) fn fail(&self) {
        *self.running() = None;
    }

    /// It is up again, and reads what it remembers.
    pub(super) fn recover(&self) {
        let mut running = self.running();
        if running.is_none() {
            *running = Some(open(self.number, &self.folder));
        }
    }

    /// It is up, and everybody hears what it answers.
    pub(super) fn calm_down(&self) {
        self.recover();
        self.calm.store(true, Ordering::Relaxed);
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Witnessing>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn travel(&self) {
        sleep(Duration::from_millis(1 + self.random.below(WAY_MS))).await;
    }

    /// What the process at the other end says; nothing where there is none.
    fn decide(&self, request: &AddCheckpoint) -> Option<Result<WitnessAnswer, String>> {
        let running = self.running();
        let running = running.as_ref()?;
        let from = format!("witness {}", self.number);
        self.told.sign(&from, &request.note.to_string());
        Some(match running.cosign(request) {
            Ok(signature) => {
                if let Ok(checkpoint) = request.note.text().parse::<Checkpoint>() {
                    self.told.cosign(self.number, *checkpoint.tree());
                }
                Ok(WitnessAnswer::Cosigned(vec![signature]))
            }
            Err(NotCosigned::Refused(WitnessRefusal::Conflict { seen })) => {
                Ok(WitnessAnswer::Conflict { seen })
            }
            Err(NotCosigned::Refused(WitnessRefusal::Unproven(_))) => Ok(WitnessAnswer::Unproven),
            Err(error) => Err(error.to_string()),
        })
    }
}

fn open(number: u32, folder: &Path) -> Witnessing {
    let name: KeyName = format!("witness-{number}.example.org")
        .parse()
        .expect("INVARIANT: it is a name");
    let mut seed = [5; 32];
    seed[0] = u8::try_from(number).unwrap_or_default();
    let cosigner = Cosigner::new(SignerKey::from_seed(name, &seed));
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(
        1_800_000_000_000_000,
    )));
    Witnessing::open(folder, vec![verifier()], cosigner, clock)
        .expect("INVARIANT: nobody else has the folder of a witness")
}

#[async_trait]
impl Witness for SimulatedWitness {
    fn key(&self) -> &WitnessKey {
        &self.key
    }

    async fn ask(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, String> {
        self.travel().await;
        let decided = self.decide(request);
        self.travel().await;
        let lost = self.random.chance(ANSWERS_LOST) && !self.calm.load(Ordering::Relaxed);
        let answer = decided.filter(|_| !lost);
        answer.unwrap_or_else(|| Err("no answer".to_owned()))
    }
}
