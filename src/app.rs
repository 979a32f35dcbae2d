//! Both sides of the house in one process: the log, the commands and policies, the views, HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use meguri_api::{Metrics, Streaming};
use meguri_commands::policies::UndoneCount;
use meguri_commands::{CommandSettings, Commands, keep_snapshots, policies};
use meguri_domain::FollowUpPeriods;
use meguri_engine::control::Server;
use meguri_engine::{OpenViewsError, ViewSettings, Views};
use meguri_http::{Limits, Tokens, guard};
use meguri_log::{Clock, LastSigned, Log, Publisher, SystemClock};
use meguri_read_api::{BackupStanding, PolicyStanding, ReadApi};
use meguri_supervision::{OnFailure, Outcome};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::backup::schedule::{self, Schedule};
use crate::connections::{ConnectionLimits, Connections, Ending, Entrance};
use crate::data_folder::DataFolder;
use crate::failure::Failure;
use crate::opened::noting;
use crate::settings::{AuditorDiscloses, Settings};
use crate::{descriptors, dictionary, matches, storage, telemetry, vault};

/// How often one looks whether the views are free.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How an app is put together where the settings do not say; the default is that of production.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// The write side; the periods of [`Settings`] go before its own.
    pub commands: CommandSettings,
    /// The limits of HTTP.
    pub limits: Limits,
    /// The views, and how they are run.
    pub views: ViewSettings,
    /// What is said to have been signed last, where the log was moved.
    pub last_signed: Option<LastSigned>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            commands: CommandSettings::default(),
            limits: Limits::default(),
            views: meguri_views::settings(),
            last_signed: None,
        }
    }
}

/// Everything that serves, running.
pub struct App {
    log: Log,
    views: Views,
    commands: Commands,
    read: ReadApi,
    publisher: Publisher,
    router: Router,
    connections: ConnectionLimits,
    /// Cancelled when no more requests are taken: ends live streams.
    stopping: CancellationToken,
    /// Cancelled when the last answer is out: ends policies and what else runs beside.
    stopped: CancellationToken,
    beside: Vec<JoinHandle<()>>,
    grace: Duration,
    /// How much the policies could not do.
    undone: watch::Sender<UndoneCount>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("App")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Opens the log and the views and starts everything that runs beside requests.
    pub async fn start(settings: &Settings) -> Result<Self, Failure> {
        Self::start_with(settings, Parts::default()).await
    }

    /// As [`App::start`], put together otherwise.
    pub async fn start_with(settings: &Settings, parts: Parts) -> Result<Self, Failure> {
        let log = storage::open_to_serve(settings, Arc::clone(&parts.clock)).await?;
        Self::start_on(log, settings, parts, Instant::now()).await
    }

    /// As [`App::start_with`], on a log that is open. Views that another process owns are waited
    /// for until then.
    pub async fn start_on(
        log: Log,
        settings: &Settings,
        parts: Parts,
        views_until: Instant,
    ) -> Result<Self, Failure> {
        let metrics = telemetry::metrics()?;
        let views = match open_views(&log, settings, parts.views, views_until).await {
            Ok(views) => views,
            Err(failure) => {
                log.close().await;
                return Err(failure);
            }
        };
        let publisher = match storage::publish(&log, settings, parts.last_signed).await {
            Ok(publisher) => publisher,
            Err(failure) => {
                views.close().await;
                log.close().await;
                return Err(failure);
            }
        };
        let commands = Commands::new(log.clone(), command_settings(settings, parts.commands));
        let (stopping, connections) = (CancellationToken::new(), connection_limits(settings));
        let tokens = tokens(&log, &parts.limits);
        let limits = limits(settings, parts.limits, &connections, tokens.clone());
        let streaming = Streaming::at_most(connections.all / 4, stopping.clone());
        let read = ReadApi::new(log.clone(), views.clone()).published_by(publisher.watch());
        let (undone, left) = watch::channel(UndoneCount::default());
        let (backups, standing) = watch::channel(BackupStanding::default());
        let read = open_to_auditors(read, settings, &log)
            .policies_stand_as(move || standing_of(*left.borrow()));
        let read = match Schedule::of(settings) {
            Some(_) => read.backed_up_by(standing),
            None => read,
        };
        let router = router(&commands, &read, &tokens, rendering(&metrics), streaming)?;
        let mut app = Self {
            router: guard(router, &limits),
            read,
            connections,
            grace: settings.shutdown_grace.value.duration(),
            stopped: CancellationToken::new(),
            undone,
            beside: vec![],
            log,
            views,
            commands,
            publisher,
            stopping,
        };
        app.start_beside(settings, metrics);
        app.start_backups(settings, backups);
        Ok(app)
    }

    /// Starts what runs beside requests.
    fn start_beside(&mut self, settings: &Settings, metrics: PrometheusHandle) {
        let data = settings.data.value.clone();
        match DataFolder::at(&data) {
            Ok(folder) => {
                let watching = folder.watch(self.stopped.clone());
                self.run_beside("data folder", OnFailure::EndProcess, watching);
            }
            Err(error) => tracing::warn!(%error, "nobody sees where the data folder is moved"),
        }
        match Server::bind(&self.views, &data) {
            Ok(server) => {
                let asked = server.run(self.views.clone(), self.stopped.clone());
                self.beside("control socket", asked);
            }
            Err(error) => tracing::warn!(%error, "`meguri views` cannot reach this server"),
        }
        let (commands, stop) = (self.commands.clone(), self.stopped.clone());
        let policies = policies::run_telling(commands, data, self.undone.clone(), stop);
        self.beside("policies", policies);
        let epochs = policies::keep_epochs(self.commands.clone(), self.stopped.clone());
        self.beside("key rotation", epochs);
        let snapshots = keep_snapshots(self.commands.clone(), self.stopped.clone());
        self.beside("snapshots", snapshots);
        if settings.tell_of_matches.value {
            let (commands, read) = (self.commands.clone(), self.read.clone());
            let telling = matches::tell(commands, read, self.stopped.clone());
            self.beside("matches", telling);
        }
        self.beside("metrics", telemetry::upkeep(metrics, self.stopped.clone()));
    }

    /// Starts to make backups, where the settings say so, and what lets an older vault be known.
    fn start_backups(&mut self, settings: &Settings, told: watch::Sender<BackupStanding>) {
        let generations = vault::keep_generations(self.log.clone(), self.stopped.clone());
        self.beside("vault generations", generations);
        if let Some(schedule) = Schedule::of(settings) {
            let (log, stop) = (self.log.clone(), self.stopped.clone());
            let making = schedule::run(log, settings.clone(), schedule, told, stop);
            self.beside("backups", making);
        }
    }

    /// Runs a loop beside requests until the last answer is out.
    fn beside<W>(&mut self, name: &'static str, work: W)
    where
        W: Future<Output: Outcome> + Send + 'static,
    {
        self.run_beside(name, OnFailure::Unready, work);
    }

    fn run_beside<W>(&mut self, name: &'static str, on_failure: OnFailure, work: W)
    where
        W: Future<Output: Outcome> + Send + 'static,
    {
        let supervisor = self.log.supervisor();
        let running = supervisor.spawn(name, on_failure, &self.stopped, work);
        self.beside.push(running);
    }

    /// Every route, ready to be called.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The views.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// The write side.
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// Serves until it is told to end, then takes no more requests, answers those that were
    /// accepted, and closes everything.
    ///
    /// # Errors
    /// [`Failure::Loop`] where it had to end because nothing works any more.
    pub async fn serve(
        self,
        entrance: Entrance,
        told: impl Future<Output = Ending>,
    ) -> Result<(), Failure> {
        let mut connections = Connections::new(self.router.clone(), self.connections.clone());
        let supervisor = self.log.supervisor().clone();
        let told = async {
            tokio::select! {
                ending = told => (ending, Ok(())),
                failed = supervisor.must_end() => (Ending::Stop, Err(Failure::loop_failed(failed))),
            }
        };
        let (ending, outcome) = connections.accept(entrance, told).await;
        tracing::info!("stopping: answering what was accepted");
        self.stopping.cancel();
        let answered = connections.finish(ending);
        if tokio::time::timeout(self.grace, answered).await.is_err() {
            tracing::warn!(grace = ?self.grace, "some clients did not finish in time");
        }
        self.close().await;
        outcome
    }

    /// Ends what runs beside, then publishing, the views and the log: it finishes what it has
    /// accepted.
    pub async fn close(self) {
        self.stopping.cancel();
        self.stopped.cancel();
        for task in self.beside {
            if let Err(error) = task.await {
                tracing::error!(%error, "something that ran beside the server failed");
            }
        }
        self.publisher.close().await;
        self.views.close().await;
        self.log.close().await;
    }
}

/// Limits on connections, as many as the system lets this process have.
pub(crate) fn connection_limits(settings: &Settings) -> ConnectionLimits {
    let proxies = settings.trusted_proxies.value.clone();
    ConnectionLimits::within(descriptors::raise(), proxies)
}

/// After which periods a one-sided completion is followed up.
pub(crate) fn follow_up(settings: &Settings) -> FollowUpPeriods {
    FollowUpPeriods {
        remind_after: settings.remind_after.value.duration(),
        complete_after: settings.complete_after.value.duration(),
    }
}

fn command_settings(settings: &Settings, parts: CommandSettings) -> CommandSettings {
    CommandSettings {
        follow_up: follow_up(settings),
        erasure: settings.erasure(),
        snapshots_in: Some(settings.data.value.clone()),
        ..parts
    }
}

/// The token store, with the limit of each account.
fn tokens(log: &Log, limits: &Limits) -> Tokens {
    let tokens = Tokens::new(log.vault().clone());
    match limits.per_account {
        Some(rate) => tokens.limited(rate),
        None => tokens,
    }
}

fn limits(
    settings: &Settings,
    parts: Limits,
    connections: &ConnectionLimits,
    tokens: Tokens,
) -> Limits {
    Limits {
        waits: parts.waits.min(connections.all / 4),
        trusted_proxies: settings.trusted_proxies.value.clone(),
        tokens: Some(tokens),
        ..parts
    }
}

/// What the policies have left undone, as readers are told.
fn standing_of(undone: UndoneCount) -> PolicyStanding {
    let UndoneCount { parked, unreadable } = undone;
    PolicyStanding {
        parked_duties: parked,
        unreadable_events: unreadable,
    }
}

fn open_to_auditors(read: ReadApi, settings: &Settings, log: &Log) -> ReadApi {
    match settings.auditor_discloses.value {
        AuditorDiscloses::Nothing => read,
        AuditorDiscloses::Everything => read.open_to_auditors(noting(log.clone())),
    }
}

fn rendering(metrics: &PrometheusHandle) -> Metrics {
    let metrics = metrics.clone();
    Metrics::new(move || metrics.render())
}

/// Opens the views; those that another process owns as soon as it lets go of them.
async fn open_views(
    log: &Log,
    settings: &Settings,
    how: ViewSettings,
    until: Instant,
) -> Result<Views, Failure> {
    let how = ViewSettings {
        on_poison: settings.on_poison.value.into(),
        erase_within: settings.erase_views_within.value.duration(),
        ..dictionary::searching(settings, how)?
    };
    loop {
        let folder = storage::views_folder(settings);
        match Views::open(log.clone(), folder, how.clone()).await {
            Err(OpenViewsError::Owned(_)) if Instant::now() < until => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// The routes of both sides, the pages, and their description.
fn router(
    commands: &Commands,
    read: &ReadApi,
    tokens: &Tokens,
    metrics: Metrics,
    streaming: Streaming,
) -> Result<Router, Failure> {
    let writing = meguri_api::writing(commands.clone(), tokens.clone());
    let reading = meguri_api::reading(read.clone(), tokens.clone(), metrics, streaming);
    let all = OpenApiRouter::new()
        .merge(meguri_api::proving(writing, read.clone()))
        .merge(reading);
    let (router, description) = all.split_for_parts();
    let (document, described) = meguri_api::described(description.clone())
        .map_err(|error| Failure::Description(error.to_string()))?;
    // A browser that opens the address finds the page for people.
    let front_door = get(async || Redirect::temporary(meguri_site::PAGE_PATH));
    let router = router
        .merge(described)
        .merge(meguri_site::reference(&document))
        .merge(meguri_site::pages(read.clone(), tokens.clone()))
        .route("/", front_door);
    let own = &meguri_site::OWN_QUERIES;
    Ok(meguri_http::declared_queries(router, &description, own))
}
