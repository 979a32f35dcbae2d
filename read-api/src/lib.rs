//! The read side: who may read what, how fresh, and as of when.
//!
//! [`ReadApi`] is what everything that reads goes through, with or without HTTP: its methods take
//! who reads ([`Viewer`]), what is asked, how fresh it has to be ([`Freshness`]), and answer with
//! something that can be written as JSON, or with an [`AnswerError`], which says what the reader
//! can do. It knows nothing of HTTP.
//!
//! What each reader may see: the board, profiles, received thanks and status are public, but the
//! two sides of a block do not see each other; an exchange, its room and its history are seen by
//! its two parties, and by nobody else; the log is read by auditors, and so is evidence. Nothing
//! here writes an event: what opens text to an auditor is handed what notes it.

pub mod accesses;
pub mod audit;
pub mod blocks;
pub mod board;
pub mod codes;
pub mod evidence;
pub mod exchange;
pub mod history;
pub mod list;
pub mod log;
pub mod matches;
pub mod member;
pub mod post;
pub mod proof;
pub mod room;
pub mod search;
pub mod status;
pub mod stream;

mod error;
mod freshness;
mod health;
mod names;
mod own;
mod parties;
mod viewer;
mod views;
mod waiting;

use std::sync::Arc;

use meguri_engine::Views;
use meguri_log::{Log, Publication};
use tokio::sync::{Semaphore, watch};

pub use error::{AnswerError, Sentence, Unreadable};
pub use freshness::{Freshness, MIN_POSITION_WAIT_MAX, POSITION_MAX, Seen};
pub use health::READY_LAG_MAX;
pub use meguri_engine::AsOf;
pub use meguri_log::{Position, Timestamp};
pub use names::{Names, Person};
pub use proof::INCLUDED_WAIT_MAX;
pub use status::{BackupStanding, PolicyStanding};
pub use viewer::{Asking, Principal, Viewer};
pub use waiting::{Turn, waiting, with_turn};

/// Answers queries from a log and its views. Cloning is cheap.
#[derive(Clone)]
pub struct ReadApi {
    log: Log,
    views: Views,
    parties: parties::Parties,
    bundles: Arc<Semaphore>,
    publication: Option<watch::Receiver<Publication>>,
    backups: Option<watch::Receiver<BackupStanding>>,
    policies: Option<Arc<dyn Fn() -> PolicyStanding + Send + Sync>>,
    for_auditors: evidence::ForAuditors,
}

impl ReadApi {
    /// Reads this log and these views.
    pub fn new(log: Log, views: Views) -> Self {
        Self {
            log,
            views,
            parties: parties::Parties::default(),
            bundles: Arc::new(Semaphore::new(evidence::BUNDLES_AT_ONCE)),
            publication: None,
            backups: None,
            policies: None,
            for_auditors: evidence::ForAuditors::default(),
        }
    }

    /// Lets auditors take away evidence in which texts are open, for a reason that is noted first.
    #[must_use]
    pub fn open_to_auditors(mut self, note: evidence::NoteAccess) -> Self {
        self.for_auditors = evidence::ForAuditors::Everything(note);
        self
    }

    /// Tells how publishing stands, and lets commands wait for it.
    #[must_use]
    pub fn published_by(mut self, publication: watch::Receiver<Publication>) -> Self {
        self.publication = Some(publication);
        self
    }

    /// Tells how the backups stand that this server makes.
    #[must_use]
    pub fn backed_up_by(mut self, standing: watch::Receiver<BackupStanding>) -> Self {
        self.backups = Some(standing);
        self
    }

    /// Tells how much the policies of this server could not do.
    #[must_use]
    pub fn policies_stand_as(
        mut self,
        standing: impl Fn() -> PolicyStanding + Send + Sync + 'static,
    ) -> Self {
        self.policies = Some(Arc::new(standing));
        self
    }
}

impl std::fmt::Debug for ReadApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadApi").finish_non_exhaustive()
    }
}
