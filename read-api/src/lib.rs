//! The routes that read: what the views show, the log itself, and live updates.
//!
//! Who may see what: the board, profiles, received thanks, status and the description of the API
//! are public, but the two sides of a block do not see each other; an exchange,
//! its room and its history are seen by its two parties, and by nobody else; the log is read by
//! auditors, and so is evidence. Nothing here writes an event: what opens text to an auditor is
//! handed what notes it.
//!
//! [`routes()`] reads as the table of contents; [`document`] describes all routes of both sides.

mod accesses;
mod asker;
mod audit;
mod block;
mod blocks;
mod board;
mod codes;
mod document;
pub mod evidence;
mod exchange;
mod freshness;
mod health;
mod history;
mod html;
mod included;
mod list;
mod log;
mod matches;
mod member;
mod names;
mod own;
mod parties;
mod post;
mod proof;
mod published;
mod room;
mod search;
mod status;
mod stream;
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use meguri_engine::Views;
use meguri_http::{Tokens, documented};
use meguri_log::{Log, Publication};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use audit::OWN_QUERIES;
pub use document::{DOCUMENT_PATH, PAGE_PATH, document};
pub use freshness::{MIN_POSITION_WAIT_MAX, POSITION_HEADER};
pub use health::READY_LAG_MAX;
pub use included::{INCLUDED_WAIT_MAX, included};
pub use status::{BackupStanding, PolicyStanding};
pub use stream::STREAMS_MAX;

/// Renders the metrics of the process in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the reading side needs to answer. Cloning is cheap.
#[derive(Clone)]
pub struct ReadApi {
    log: Log,
    views: Views,
    tokens: Tokens,
    metrics: Metrics,
    shutdown: CancellationToken,
    parties: parties::Parties,
    streams: Arc<stream::Streams>,
    bundles: Arc<Semaphore>,
    keep_alive: Duration,
    publication: Option<watch::Receiver<Publication>>,
    backups: Option<watch::Receiver<BackupStanding>>,
    policies: Option<Arc<dyn Fn() -> PolicyStanding + Send + Sync>>,
    for_auditors: evidence::ForAuditors,
}

impl ReadApi {
    /// Reads this log and these views. Streams end when `shutdown` is cancelled.
    pub fn new(
        log: Log,
        views: Views,
        tokens: Tokens,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            log,
            views,
            tokens,
            metrics,
            shutdown,
            parties: parties::Parties::default(),
            streams: Arc::new(stream::Streams::new(STREAMS_MAX)),
            bundles: Arc::new(Semaphore::new(evidence::BUNDLES_AT_ONCE)),
            keep_alive: stream::KEEP_ALIVE,
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

    /// Lets so many streams of members be open, and so many without a token, at most.
    #[must_use]
    pub fn streams_at_most(mut self, most: usize) -> Self {
        self.streams = Arc::new(stream::Streams::new(most.min(STREAMS_MAX)));
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

    /// Lets silent streams say so often that they are alive.
    #[must_use]
    pub fn keep_alive_every(mut self, time: Duration) -> Self {
        self.keep_alive = time;
        self
    }
}

impl std::fmt::Debug for ReadApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadApi").finish_non_exhaustive()
    }
}

impl FromRef<ReadApi> for Tokens {
    fn from_ref(api: &ReadApi) -> Self {
        api.tokens.clone()
    }
}

/// The routes that read: those below `/api`, and beside it those for who runs the server.
pub fn routes(api: ReadApi) -> OpenApiRouter {
    let below = OpenApiRouter::new()
        .routes(routes!(board::read_board))
        .routes(routes!(search::search))
        .routes(routes!(search::suggest))
        .routes(routes!(search::match_need))
        .routes(routes!(search::match_offer))
        .routes(routes!(search::read_vocabulary))
        .routes(routes!(post::read_need))
        .routes(routes!(post::read_offer))
        .routes(routes!(member::read_member))
        .routes(routes!(member::read_thanks))
        .routes(routes!(member::read_me))
        .routes(routes!(accesses::read_accesses))
        .routes(routes!(matches::read_own_matches))
        .routes(routes!(blocks::list_blocks))
        .routes(routes!(exchange::list_exchanges))
        .routes(routes!(room::read_exchange))
        .routes(routes!(room::read_messages))
        .routes(routes!(history::read_history))
        .routes(routes!(evidence::read_evidence))
        .routes(routes!(status::read_status))
        .routes(routes!(stream::follow_stream))
        .routes(routes!(log::read_log))
        .routes(routes!(proof::prove_event))
        .routes(routes!(proof::prove_growth));
    OpenApiRouter::with_openapi(documented())
        .nest("/api", below)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(published::read_checkpoint))
        .routes(routes!(published::read_tile))
        .merge(OpenApiRouter::from(audit::pages(&api)))
        .with_state(api)
}
