//! What everyone may know of a view while it runs: where it stands, and how to read it.

use std::sync::{Arc, PoisonError, RwLock};

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use tokio::sync::watch;

use crate::{store::Poison, view::AnyView};

/// What a view is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ViewState {
    /// Its first file is being built; nothing can be read yet.
    Building,
    /// It can be read and follows the log.
    Live,
    /// It met an event that it cannot fold. What it has can be read; nothing is skipped.
    Stopped {
        /// The event it stands before.
        position: Position,
        /// Why it cannot be folded.
        reason: String,
    },
}

/// A view at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewStatus {
    /// Its name.
    pub name: String,
    /// Its declared version.
    pub version: u32,
    /// What its rows depend on beside the events, in short.
    pub fingerprint: String,
    /// Every event up to here is in what can be read (while building: in what is being built).
    pub position: Position,
    /// How many events the log is ahead.
    pub lag: u64,
    /// What it is doing.
    #[serde(flatten)]
    pub state: ViewState,
    /// How far a new file is that is being built beside the live one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rebuilding: Option<Position>,
}

/// The shared side of a view: its worker writes here, everyone else looks.
pub(crate) struct Slot {
    pub(crate) view: Arc<dyn AnyView>,
    pub(crate) fingerprint: String,
    readers: RwLock<Option<SqlitePool>>,
    standing: watch::Sender<Standing>,
}

/// Where a view stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Of the file that can be read.
    pub(crate) live: Option<Position>,
    /// Of the file that is being built.
    pub(crate) building: Option<Position>,
    pub(crate) stopped: Option<Poison>,
}

impl Slot {
    pub(crate) fn new(view: Arc<dyn AnyView>) -> Self {
        let fingerprint = view.fingerprint();
        let standing = watch::Sender::new(Standing::default());
        Self {
            view,
            fingerprint,
            readers: RwLock::default(),
            standing,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.view.name()
    }

    pub(crate) fn readers(&self) -> Option<SqlitePool> {
        self.readers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Lets everyone read this file from now on. Queries under way finish on the one before.
    pub(crate) fn install(&self, readers: SqlitePool, position: Position) {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = Some(readers);
        // INVARIANT: after the swap, so that who waits for the position reads the new file.
        self.standing.send_modify(|standing| {
            *standing = Standing {
                live: Some(position),
                building: None,
                stopped: None,
            };
        });
        metrics::gauge!("meguri_view_stopped", "view" => self.name()).set(0.0);
    }

    pub(crate) fn reached(&self, position: Position, head: Position) {
        self.standing
            .send_modify(|standing| standing.live = Some(position));
        self.measure(position, head);
    }

    pub(crate) fn building(&self, position: Option<Position>) {
        self.standing
            .send_modify(|standing| standing.building = position);
    }

    pub(crate) fn stopped(&self, poison: Poison) {
        self.standing
            .send_modify(|standing| standing.stopped = Some(poison));
        metrics::gauge!("meguri_view_stopped", "view" => self.name()).set(1.0);
    }

    pub(crate) fn status(&self, head: Position) -> ViewStatus {
        let Standing {
            live,
            building,
            stopped,
        } = self.standing.borrow().clone();
        let position = live.or(building).unwrap_or_default();
        let state = match (stopped, live) {
            (Some(Poison { position, reason }), _) => ViewState::Stopped { position, reason },
            (None, Some(_)) => ViewState::Live,
            (None, None) => ViewState::Building,
        };
        ViewStatus {
            name: self.name().to_owned(),
            version: self.view.version(),
            fingerprint: self.fingerprint.clone(),
            position,
            lag: head.get().saturating_sub(position.get()),
            state,
            rebuilding: live.and(building),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are approximate")]
    fn measure(&self, position: Position, head: Position) {
        let lag = head.get().saturating_sub(position.get());
        metrics::gauge!("meguri_view_position", "view" => self.name()).set(position.get() as f64);
        metrics::gauge!("meguri_view_lag_events", "view" => self.name()).set(lag as f64);
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("view", &self.name())
            .finish_non_exhaustive()
    }
}
