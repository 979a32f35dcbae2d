//! The process that runs the views, and the images of its folder that its deaths leave.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use meguri_log::{
    Log,
    simulation::{Link, Machine},
};
use meguri_projections::{ViewSet, ViewSettings, ViewState, ViewStatus, Views, hear_commits};
use tokio::{task::JoinHandle, time::sleep};

use super::{
    VIEW, World,
    reading::{Served, read},
};

/// How long a process waits before it tries again to begin.
const AGAIN: Duration = Duration::from_millis(300);
/// Nothing is to happen before a commit.
const NEVER: i64 = i64::MAX;

/// A process in its place, or the place of one that is dead.
pub(super) struct Server {
    process: u32,
    folder: PathBuf,
    link: Link,
    running: Running,
    task: Option<JoinHandle<()>>,
    commits: Arc<Commits>,
    /// Whether it was live when it died, with nothing lost since but the machine.
    was_live: bool,
    is_revised: bool,
}

type Running = Arc<Mutex<Option<Views>>>;

/// What is to happen before the commits of a process.
struct Commits {
    folder: PathBuf,
    image: PathBuf,
    /// Before so many more commits an image is taken.
    until_image: AtomicI64,
    is_imaged: AtomicBool,
    /// So many commits fail.
    failing: AtomicI64,
}

impl Commits {
    fn before(&self) -> bool {
        if self.until_image.fetch_sub(1, Ordering::SeqCst) == 1 {
            copy(&self.folder, &self.image);
            self.is_imaged.store(true, Ordering::SeqCst);
        }
        self.failing.fetch_sub(1, Ordering::SeqCst) <= 0
    }
}

impl Server {
    pub(super) fn new(world: &World) -> Self {
        Self::in_folder(world, 10, world.folder.path().join("views-10"))
    }

    /// One that builds everything from nothing.
    pub(super) fn anew(world: &World) -> Self {
        Self::in_folder(world, 5_000, world.folder.path().join("anew"))
    }

    fn in_folder(world: &World, process: u32, folder: PathBuf) -> Self {
        let mut server = Self {
            process,
            link: world.database.link(process),
            commits: Commits::new(&folder),
            folder,
            running: Running::default(),
            task: None,
            was_live: false,
            is_revised: false,
        };
        server.begin_again_if_dead(world);
        server
    }

    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// Another process in its place, which finds the folder as the last one left it.
    pub(super) fn begin_again_if_dead(&mut self, world: &World) {
        if self.task.is_some() {
            return;
        }
        self.link = world.database.link(self.process);
        self.running = Running::default();
        self.commits = Commits::new(&self.folder);
        let commits = Arc::clone(&self.commits);
        hear_commits(self.folder.clone(), Arc::new(move || commits.before()));
        let mut views = ViewSet::all().only(&[VIEW]);
        if world.random.chance(1_000) {
            self.is_revised = !self.is_revised;
            self.was_live = false;
        }
        if self.is_revised {
            views = views.revised(VIEW);
        }
        let settings = ViewSettings {
            // Far builds decode on threads of their own.
            block_events: 1_000,
            transaction_events: 1 + world.random.below(8),
            readers: 1,
            build_percent: 100,
            views,
            ..ViewSettings::default()
        };
        let (link, machine) = (self.link.clone(), world.machine.clone());
        let (folder, running) = (self.folder.clone(), Arc::clone(&self.running));
        self.task = Some(tokio::spawn(serve(
            link, machine, folder, settings, running,
        )));
    }

    /// Dies now. Whatever it has not written to its folder is lost.
    pub(super) fn die(&mut self, world: &World) {
        let image = self.commits.image.clone();
        if self.task.is_some() && !self.commits.is_imaged.swap(true, Ordering::SeqCst) {
            copy(&self.folder, &image);
        }
        self.die_as_imaged(world);
    }

    /// Dies before one of the next commits.
    pub(super) fn die_before_a_commit(&mut self, world: &World) {
        let commits = i64::try_from(1 + world.random.below(6)).unwrap_or(1);
        self.commits.until_image.store(commits, Ordering::SeqCst);
    }

    /// Is dead, if an image was taken: that is what it has left.
    pub(super) fn die_as_imaged(&mut self, world: &World) {
        let imaged = self.commits.is_imaged.load(Ordering::SeqCst);
        let Some(task) = self.task.take_if(|_| imaged) else {
            return;
        };
        self.was_live = is_live(&self.commits.image);
        self.link.end();
        task.abort();
        *running(&self.running) = None;
        meguri_projections::forget_commits(&self.folder);
        self.folder = self.commits.image.clone();
        self.process += 10;
        self.commits = Commits::new(&self.folder);
        let dead = format_args!("has died, and left {}", self.was_live);
        world.trace.note(Some(self.process - 10), dead);
    }

    /// The disk takes nothing for a while.
    pub(super) fn fail_commits(&self, world: &World) {
        let commits = i64::try_from(1 + world.random.below(4)).unwrap_or(1);
        self.commits.failing.store(commits, Ordering::SeqCst);
    }

    pub(super) fn let_commits_be(&self, _: &World) {
        self.commits.failing.store(0, Ordering::SeqCst);
        self.commits.until_image.store(NEVER, Ordering::SeqCst);
    }

    /// Somebody has it built anew.
    pub(super) async fn rebuild(&self, world: &World) {
        let views = running(&self.running).clone();
        if let Some(views) = views
            && views.rebuild(VIEW).await.is_ok()
        {
            let what = format_args!("is asked for a rebuild");
            world.trace.note(Some(self.process), what);
        }
    }

    pub(super) fn state(&self) -> Option<ViewStatus> {
        let views = running(&self.running).clone()?;
        views.status().into_iter().next()
    }

    /// What it serves now, if it does.
    pub(super) async fn served(&self) -> Option<Served> {
        let state = self.state()?;
        if state.state != ViewState::Live {
            return None;
        }
        read(&self.folder).await
    }

    /// Compares what it serves with what the log adds up to.
    pub(super) async fn look(&mut self, world: &mut World) {
        let Some(status) = self.state() else { return };
        if self.was_live && world.is_gentle && status.state != ViewState::Live {
            let what = format!("it died while it was live, and now it is {status:?}");
            world.violate(what);
        }
        // Found as it was left.
        self.was_live = false;
        let Some(served) = self.served().await else {
            return;
        };
        world.outcome.served += 1;
        let what = format_args!("serves {} rows at {}", served.rows.len(), served.position);
        world.trace.note(Some(self.process), what);
        if world.is_in_doubt() {
            return;
        }
        let expected = world.expected(served.position);
        if served.position > world.head() || served.root != expected.root {
            let what = format!("it serves another log: {served:?} of {}", world.head());
            world.violate(what);
        } else if served.rows != expected.rows {
            let what = format!("it serves {served:?}, and the log says {:?}", expected.rows);
            world.violate(what);
        }
    }
}

impl Commits {
    fn new(folder: &Path) -> Arc<Self> {
        let mut image = folder.as_os_str().to_owned();
        image.push("+");
        Arc::new(Self {
            folder: folder.to_owned(),
            image: image.into(),
            until_image: AtomicI64::new(NEVER),
            is_imaged: AtomicBool::new(false),
            failing: AtomicI64::new(0),
        })
    }
}

fn running(running: &Running) -> MutexGuard<'_, Option<Views>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole life of a process. It ends by being aborted.
async fn serve(
    link: Link,
    machine: Machine,
    folder: PathBuf,
    settings: ViewSettings,
    known: Running,
) {
    let log = loop {
        match Log::simulated(&link, &machine).await {
            Ok(log) => break log,
            Err(_) => sleep(AGAIN).await,
        }
    };
    let views = loop {
        match Views::open(log.clone(), folder.clone(), settings.clone()).await {
            Ok(views) => break views,
            Err(error) => {
                link.say(format_args!("the views do not open: {error}"));
                sleep(AGAIN).await;
            }
        }
    };
    link.say(format_args!("the views are open"));
    *running(&known) = Some(views);
    std::future::pending::<()>().await;
}

fn is_live(folder: &Path) -> bool {
    folder.join(VIEW).join("current").exists()
}

/// Copies a folder as it is on disk at this moment.
fn copy(from: &Path, to: &Path) {
    // What a folder cannot give any more is not there.
    let _ = fs::create_dir_all(to);
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            let _ = fs::copy(source, target);
        }
    }
}
