//! Publishing the log: its tree as tiles, and signed checkpoints over it (C2SP tlog-tiles), so that
//! anyone can check what it says and that it has only grown.

mod key;
mod outside;
pub(crate) mod place;
mod read;
mod refusal;
mod resume;
pub(crate) mod store;
mod witness;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use meguri_proofs::{KeyName, Tree, VerifierKey};
use meguri_supervision::OnFailure;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{clock::Timestamp, log::Log, read::ReadError};

pub use key::{SigningKey, SigningKeyError};
pub use outside::CheckpointKeeper;
pub use read::{Inclusion, PublishedError};
pub use refusal::{KeptIn, Refusal};
pub use witness::{Witness, WitnessAnswer, Witnesses};

use outside::Outside;
use place::Place;
use worker::Worker;

/// How often who waits for the right to publish asks for it.
pub(crate) const TURN_EVERY: Duration = Duration::from_millis(250);

/// What is written down where a log was, if its key was another one's.
const OF_ANOTHER: &str = "where its key was made";

/// How a log is published.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// The key that signs.
    pub key: SigningKey,
    /// The name of the log, which its checkpoints begin with; without one, that by which it was
    /// published before, or one that is made of the key.
    pub origin: Option<KeyName>,
    /// How often a checkpoint is signed while the log grows.
    pub interval: Duration,
    /// The file that keeps the last checkpoint apart from the database, so that a database which
    /// was restored from an older backup is found out. It belongs in no backup of the database.
    pub outside: PathBuf,
    /// Files that keep the last checkpoint, too, where no restored backup of the log brings an
    /// older one back: on another disk, or beside the backups. Copies of the log that share one
    /// never sign two trees of one size.
    pub elsewhere: Vec<PathBuf>,
    /// What keeps it, too, and is no file, to the same end.
    pub keepers: Vec<Arc<dyn CheckpointKeeper>>,
    /// The file that says where the log is, so that a copy is told from what it was made of.
    pub place: PathBuf,
    /// What whoever runs the server says of what was signed last, where the log was moved.
    pub last_signed: Option<LastSigned>,
    /// Who cosigns.
    pub witnesses: Witnesses,
}

/// What is said to have been signed last of a log that was copied, moved or restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastSigned {
    /// This checkpoint: a signed note.
    Checkpoint(Vec<u8>),
    /// Nothing that this copy of the log does not know.
    NothingLater,
}

/// A checkpoint that was published: the log has signed that it is this tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// How many entries, and the root over them.
    pub tree: Tree,
    /// The signed note, as everybody gets it.
    pub note: String,
}

/// What a publisher is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishState {
    /// Another process publishes this log, or the right to do it is just being taken.
    Waiting,
    /// It publishes.
    Publishing,
    /// The database or a file did not do what it should; it is tried again.
    Failing(String),
    /// It does not sign, so that nobody is told two different stories. Only a person can tell what
    /// is right; it goes on after a restart.
    Refusing(Refusal),
}

impl PublishState {
    /// In one word: `waiting`, `publishing`, `failing` or `refusing`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Publishing => "publishing",
            Self::Failing(_) => "failing",
            Self::Refusing(_) => "refusing",
        }
    }
}

/// How publishing stands.
#[derive(Debug, Clone)]
pub struct Publication {
    /// What the publisher of this process is doing.
    pub state: PublishState,
    /// The last checkpoint that is known to be published, by whatever process.
    pub latest: Option<Arc<SignedCheckpoint>>,
    /// When this process heard of it.
    pub heard_at: Option<Timestamp>,
}

/// Publishes a log for as long as it is not closed, beside everything else: no append waits for it.
///
/// Of any number of publishers of one log, in whatever processes, one works, and another takes over
/// when it goes. It may be stopped at any moment, also by pulling the plug: tiles are durable
/// before a checkpoint is signed, and that is durable before anybody sees it.
#[derive(Debug)]
pub struct Publisher {
    verifier: VerifierKey,
    publication: watch::Receiver<Publication>,
    kept: (Place, Log),
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Begins to publish a log.
    ///
    /// # Errors
    /// [`SigningKeyError`] where the key is not the one that has signed for this log; nothing has
    /// begun then.
    pub async fn start(log: Log, options: PublishOptions) -> Result<Self, SigningKeyError> {
        let place = Place::new(&options);
        // Before there is a key, so that one which is cut off here goes on.
        if is_new(&log, &options, &place).await? {
            let written = place.write(&log, None).await;
            written.map_err(SigningKeyError::Place)?;
        } else if is_of_another(&log, &options, &place).await? {
            let unknown = log.published().keep_place(OF_ANOTHER).await;
            unknown.map_err(ReadError::from)?;
        }
        let signer = key::establish(&log, &options.key, options.origin.as_ref()).await?;
        let verifier = signer.verifier();
        let supervisor = log.supervisor().clone();
        let kept = (place.clone(), log.clone());
        let (worker, publication) = Worker::new(log, signer, place, options);
        let stop = CancellationToken::new();
        let work = worker.run(stop.clone());
        let task = supervisor.spawn("publisher", OnFailure::Unready, &stop, work);
        Ok(Self {
            verifier,
            publication,
            kept,
            stop,
            task: Some(task),
        })
    }

    /// The key by which anyone verifies what it signs.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// How publishing stands, and will stand.
    pub fn watch(&self) -> watch::Receiver<Publication> {
        self.publication.clone()
    }

    /// Stops publishing; another process may go on.
    pub async fn close(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the publisher failed");
        }
        let now = self.publication.borrow().clone();
        let (place, log) = &self.kept;
        let last = now.latest.map(|latest| latest.note.clone());
        // What is put back over the file from now on is older than it.
        if now.state == PublishState::Publishing
            && log.published().require_in_place().is_ok()
            && let Err(error) = place.write(log, last).await
        {
            tracing::warn!(error, "where the log is cannot be written down");
        }
    }
}

/// Whether nothing can have been signed of a log yet: it was never published, and either its key
/// has yet to be made, or the log is where it was made.
async fn is_new(
    log: &Log,
    options: &PublishOptions,
    place: &Place,
) -> Result<bool, SigningKeyError> {
    let known = log.published().verifier().await.map_err(ReadError::from)?;
    if known.is_some() || place.exists() {
        return Ok(false);
    }
    let outside = Outside::new(options).is_anywhere().await;
    if outside.map_err(SigningKeyError::Outside)? {
        return Ok(false);
    }
    match &options.key {
        SigningKey::File(path) => Ok(!path.exists()),
        SigningKey::Given(_) => {
            let made_here = place.is_that_of(log).await;
            Ok(made_here.map_err(ReadError::from)?)
        }
    }
}

/// Whether a log that was never published gets a key that somebody has brought: it may have signed
/// for another log, or for one that was lost.
async fn is_of_another(
    log: &Log,
    options: &PublishOptions,
    place: &Place,
) -> Result<bool, SigningKeyError> {
    let SigningKey::File(path) = &options.key else {
        return Ok(false);
    };
    let known = log.published().verifier().await.map_err(ReadError::from)?;
    Ok(known.is_none() && path.exists() && !place.exists())
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
