//! What everyone may know of a view while it runs: where it stands, and how to read it.

use std::sync::{Arc, PoisonError, RwLock};

use meguri_log::Position;
use sqlx::SqlitePool;
use tokio::sync::{Notify, watch};

use crate::{
    files::{changes::Diff, index::TextIndex, parked::Parked, view_file::ReadFile},
    folding::{outcome::Poison, view::AnyView},
    running::{
        progress::Progress,
        status::{BuildPhase, BuildStatus, Tokenizer, ViewState, ViewStatus},
        throttle::Reads,
    },
};

/// So many parked streams are told by name.
const PARKED_TOLD: usize = 100;

/// The shared side of a view: its worker writes here, everyone else looks.
pub struct ViewHandle {
    pub view: Arc<dyn AnyView>,
    pub fingerprint: String,
    pub reads: Reads,
    /// Held by who looks into the view, one at a time: it is dear, and its files have fixed names.
    pub looked_into: tokio::sync::Mutex<()>,
    readable: RwLock<Option<ReadFile>>,
    standing: watch::Sender<Standing>,
    /// Somebody has found something odd in the file.
    suspicion: Notify,
}

/// Where a view stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of the file that can be read.
    pub live: Option<Position>,
    /// What the version of that file has changed.
    pub changes: Option<Diff>,
    /// Of the file that is being built.
    pub building: Option<Building>,
    pub stopped: Option<Poison>,
    pub withdrawn: Option<String>,
    /// Up to this erasure nothing of what is erased is left, in no file.
    pub erased: Position,
    /// The last erasure that there is.
    pub erasure_due: Position,
    /// Streams that the live file goes on without.
    pub parked: Arc<Parked>,
}

/// Where a build stands, and how fast it came there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Building {
    pub position: Position,
    pub phase: BuildPhase,
    progress: Progress,
}

impl Building {
    /// A build that begins now, here.
    pub fn begun(position: Position) -> Self {
        Self {
            position,
            phase: BuildPhase::Folding,
            progress: Progress::from(position),
        }
    }

    /// How far it is on its way to a position.
    pub fn status(&self, head: Position) -> BuildStatus {
        self.progress.status(self.phase, self.position, head)
    }
}

impl ViewHandle {
    pub fn new(view: Arc<dyn AnyView>, reads: Reads) -> Self {
        let fingerprint = view.fingerprint();
        let standing = watch::Sender::new(Standing::default());
        Self {
            view,
            fingerprint,
            reads,
            looked_into: tokio::sync::Mutex::default(),
            readable: RwLock::default(),
            standing,
            suspicion: Notify::new(),
        }
    }

    pub fn name(&self) -> &'static str {
        self.view.name()
    }

    pub fn readers(&self) -> Option<SqlitePool> {
        self.readable().map(|it| it.readers)
    }

    /// What is found of the rows, where the view is searched.
    pub fn index(&self) -> Option<Arc<TextIndex>> {
        self.readable().and_then(|it| it.index)
    }

    /// Whether the file and its index are as this process left them. Where they are not, nothing is
    /// read before somebody has looked through them.
    pub fn is_whole(&self) -> bool {
        let whole = self
            .readable()
            .is_none_or(|it| it.seal.is_whole() && it.index.is_none_or(|index| index.is_whole()));
        if !whole {
            self.suspect();
        }
        whole
    }

    /// Something is odd about the file: it is looked through at once.
    pub fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Waits until something is odd.
    pub async fn suspected(&self) {
        self.suspicion.notified().await;
    }

    /// The file was looked through, and is what it should be.
    pub fn is_sound(&self) {
        if let Some(readable) = self.readable() {
            readable.seal.put();
            if let Some(index) = readable.index {
                index.seal();
            }
        }
    }

    /// Whether another file is in the place of the one that is read.
    pub fn is_another_file(&self) -> bool {
        self.readable().is_some_and(|it| it.seal.is_another())
    }

    fn readable(&self) -> Option<ReadFile> {
        let readable = self.readable.read();
        readable.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Lets everyone read this file from now on. Queries under way finish on the one before.
    pub fn install(&self, file: ReadFile) {
        let (position, changes) = (file.position, file.changes.clone());
        let parked = Arc::clone(&file.parked);
        let mut readable = self
            .readable
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *readable = Some(file);
        drop(readable);
        // INVARIANT: after the swap, so that who waits for the position reads the new file.
        self.standing.send_modify(|standing| {
            *standing = Standing {
                live: Some(position),
                changes,
                parked,
                erased: standing.erased,
                erasure_due: standing.erasure_due,
                building: standing.building,
                ..Standing::default()
            };
        });
        self.measure_state();
    }

    /// Lets nobody read the file any more: it is not what it should be.
    pub fn withdraw(&self, reason: String) -> Option<SqlitePool> {
        let mut readable = self
            .readable
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.standing.send_modify(|standing| {
            standing.live = None;
            standing.withdrawn = Some(reason);
        });
        self.measure_state();
        readable.take().map(|it| it.readers)
    }

    pub fn reached(&self, position: Position, head: Position) {
        self.standing.send_modify(|standing| {
            // What is withdrawn may go on, and is not read.
            if standing.withdrawn.is_none() {
                standing.live = Some(position);
            }
        });
        self.measure(position, head);
    }

    /// A build has begun here, or has come as far.
    pub fn building(&self, position: Position, head: Position) {
        self.standing.send_modify(|standing| {
            let begun = || Building::begun(position);
            standing.building.get_or_insert_with(begun).position = position;
        });
        self.measure_build(head);
    }

    pub fn phase(&self, phase: BuildPhase, head: Position) {
        self.standing.send_modify(|standing| {
            if let Some(building) = &mut standing.building {
                building.phase = phase;
            }
        });
        self.measure_build(head);
    }

    pub fn built(&self) {
        self.standing
            .send_modify(|standing| standing.building = None);
        self.measure_build(Position::ZERO);
    }

    /// Up to this erasure nothing of what is erased is left.
    pub fn erased(&self, up_to: Position) {
        self.standing
            .send_modify(|standing| standing.erased = up_to);
        self.measure_state();
    }

    /// The live file goes on without these streams.
    pub fn goes_without(&self, parked: &Parked) {
        if *self.standing.borrow().parked != *parked {
            self.standing
                .send_modify(|standing| standing.parked = Arc::new(parked.clone()));
            self.measure_state();
        }
    }

    /// There is an erasure that the view has not done yet.
    pub fn owes_erasure(&self, due: Position) {
        self.standing
            .send_modify(|standing| standing.erasure_due = due);
        self.measure_state();
    }

    pub fn stopped(&self, poison: Poison) {
        self.standing
            .send_modify(|standing| standing.stopped = Some(poison));
        self.measure_state();
    }

    /// It is tried again.
    pub fn retried(&self) {
        self.standing
            .send_modify(|standing| standing.stopped = None);
        self.measure_state();
    }

    pub fn status(&self, head: Position) -> ViewStatus {
        let Standing {
            live,
            changes,
            building,
            stopped,
            withdrawn,
            erased,
            erasure_due,
            parked,
        } = self.standing.borrow().clone();
        let built = building.map(|building| building.position);
        let position = live.or(built).unwrap_or_default();
        let state = match (stopped, withdrawn, live) {
            (Some(poison), _, _) => ViewState::Stopped {
                position: poison.position,
                reason: poison.reason,
            },
            (None, Some(reason), None) => ViewState::Withdrawn { reason },
            (None, _, Some(_)) => ViewState::Live,
            (None, None, None) => ViewState::Building,
        };
        ViewStatus {
            name: self.name().to_owned(),
            version: self.view.version(),
            fingerprint: self.fingerprint.clone(),
            position,
            lag: head.get().saturating_sub(position.get()),
            state,
            build: building.map(|building| building.status(head)),
            changes,
            tokenizer: Tokenizer::of(&*self.view),
            erased_up_to: (erased > Position::ZERO).then_some(erased),
            erasure_due: (erased < erasure_due).then_some(erasure_due),
            parked_streams: parked.len() as u64,
            parked: parked.values().take(PARKED_TOLD).cloned().collect(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are approximate")]
    fn measure(&self, position: Position, head: Position) {
        let lag = head.get().saturating_sub(position.get());
        metrics::gauge!("meguri_view_position", "view" => self.name()).set(position.get() as f64);
        metrics::gauge!("meguri_view_lag_events", "view" => self.name()).set(lag as f64);
    }

    /// All of it is 0 while nothing is being built.
    #[expect(clippy::cast_precision_loss, reason = "gauges are approximate")]
    fn measure_build(&self, head: Position) {
        let building = self.standing.borrow().building;
        let status = building.map(|building| building.status(head));
        let view = self.name();
        for phase in BuildPhase::ALL {
            let now = status.is_some_and(|status| status.phase == phase);
            metrics::gauge!("meguri_view_build_phase", "view" => view, "phase" => phase.name())
                .set(f64::from(u8::from(now)));
        }
        let number = |of: fn(BuildStatus) -> f64| status.map_or(0.0, of);
        metrics::gauge!("meguri_view_build_position", "view" => view)
            .set(number(|status| status.position.get() as f64));
        metrics::gauge!("meguri_view_build_events_per_second", "view" => view)
            .set(number(|status| status.events_per_second as f64));
        // Before the first event there is no telling.
        metrics::gauge!("meguri_view_build_seconds_left", "view" => view).set(number(|status| {
            status.seconds_left.map_or(f64::NAN, |left| left as f64)
        }));
    }

    fn measure_state(&self) {
        let standing = self.standing.borrow();
        let flag = |set: bool| if set { 1.0 } else { 0.0 };
        metrics::gauge!("meguri_view_stopped", "view" => self.name())
            .set(flag(standing.stopped.is_some()));
        metrics::gauge!("meguri_view_withdrawn", "view" => self.name())
            .set(flag(standing.withdrawn.is_some()));
        metrics::gauge!("meguri_view_erasure_due", "view" => self.name())
            .set(flag(standing.erased < standing.erasure_due));
        let parked = u32::try_from(standing.parked.len()).unwrap_or(u32::MAX);
        metrics::gauge!("meguri_view_parked_streams", "view" => self.name()).set(parked);
    }
}

impl std::fmt::Debug for ViewHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewHandle")
            .field("view", &self.name())
            .finish_non_exhaustive()
    }
}
