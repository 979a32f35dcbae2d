//! The process that runs the views, and the images of its folder that its deaths leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use meguri_engine::{ViewSettings, ViewState, ViewStatus, Views, hear_commits};
use meguri_log::simulation::Link;
use tokio::{task::JoinHandle, time::sleep};

use super::{
    Process, World,
    model::{VIEWS, difference},
    reading::{Served, live, read},
};

/// How long a process waits before it tries again to begin.
const AGAIN: Duration = Duration::from_millis(300);
/// How long the last word of a text is.
const WORD: usize = 16;
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
    /// The views of which a file was live when it died, with nothing lost since but the machine.
    was_live: BTreeSet<&'static str>,
    /// The files that were live when one last looked.
    seen: BTreeMap<&'static str, String>,
    /// How often somebody has had a view built anew without that its live file was seen to change:
    /// a build that its process did not survive may be over after the next one was asked for.
    anew: BTreeMap<&'static str, u32>,
    /// Views that count as changed.
    revised: BTreeSet<&'static str>,
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
            was_live: BTreeSet::new(),
            seen: BTreeMap::new(),
            anew: BTreeMap::new(),
            revised: BTreeSet::new(),
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
        let mut views = meguri_views::all().only(&VIEWS);
        if world.random.chance(1_000) {
            let view = world.any_view();
            if !self.revised.remove(view) {
                self.revised.insert(view);
            }
            self.is_built_anew(view);
        }
        for view in &self.revised {
            views = views.revised(view);
        }
        let settings = ViewSettings {
            // Far builds decode on threads of their own.
            block_events: 1_000,
            transaction_events: 1 + world.random.below(8),
            readers: 1,
            build_percent: 100,
            views,
            ..meguri_views::settings()
        };
        let (link, process) = (self.link.clone(), world.process());
        let (folder, running) = (self.folder.clone(), Arc::clone(&self.running));
        self.task = Some(tokio::spawn(serve(
            link, process, folder, settings, running,
        )));
    }

    /// What is live of this view may be another file from now on.
    fn is_built_anew(&mut self, view: &'static str) {
        self.was_live.remove(view);
        *self.anew.entry(view).or_default() += 1;
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
        let image = &self.commits.image;
        let views = VIEWS.into_iter();
        self.was_live = views.filter(|view| live(image, view).is_some()).collect();
        self.link.end();
        task.abort();
        *running(&self.running) = None;
        meguri_engine::forget_commits(&self.folder);
        self.folder = self.commits.image.clone();
        self.process += 10;
        self.commits = Commits::new(&self.folder);
        let dead = format_args!("has died, and left {:?}", self.was_live);
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

    /// Somebody has a view built anew.
    pub(super) async fn rebuild(&mut self, world: &World) {
        let (view, views) = (world.any_view(), running(&self.running).clone());
        if let Some(views) = views {
            self.is_built_anew(view);
            if views.rebuild(view).await.is_ok() {
                let what = format_args!("is asked for a rebuild of {view}");
                world.trace.note(Some(self.process), what);
            }
        }
    }

    pub(super) fn state(&self, view: &str) -> Option<ViewStatus> {
        let views = running(&self.running).clone()?;
        views.status().into_iter().find(|it| it.name == view)
    }

    /// What it serves now, if it does.
    pub(super) async fn served(&self, view: &str) -> Option<Served> {
        let state = self.state(view)?;
        if state.state != ViewState::Live {
            return None;
        }
        read(&self.folder, view).await
    }

    /// Compares what it serves with what the log adds up to.
    pub(super) async fn look(&mut self, world: &mut World) {
        for view in VIEWS {
            self.look_at(view, world).await;
        }
    }

    async fn look_at(&mut self, view: &'static str, world: &mut World) {
        let Some(status) = self.state(view) else {
            return;
        };
        let was_live = self.was_live.remove(view);
        if was_live && world.is_gentle && status.state != ViewState::Live {
            let what = format!("{view} was live when its process died, and now it is {status:?}");
            world.violate(what);
        }
        let Some(served) = self.served(view).await else {
            return;
        };
        world.outcome.served += 1;
        let (count, position) = (served.rows.len(), served.position);
        let what = format_args!("serves {count} rows of {view} at {position}");
        world.trace.note(Some(self.process), what);
        let Some(file) = live(&self.folder, view) else {
            return;
        };
        if world.is_in_doubt(view, &file) {
            return;
        }
        self.is_still(view, &file, world);
        let expected = world.expected(view, position);
        if position > world.head() || served.root != expected.root {
            let what = format!(
                "{view} serves another log: what it was made of up to {position} has the root \
                 {:?}, and the log, which ends at {}, {:?}",
                served.root,
                world.head(),
                expected.root
            );
            world.violate(what);
        } else if let Some(difference) = difference(&served.rows, &expected.rows) {
            world.violate(format!("{view} serves at {position}: {difference}"));
        }
    }

    /// Where nothing was wrong with the log, nobody throws away a file and builds another without
    /// being asked to: then what it held was not what it said of itself.
    fn is_still(&mut self, view: &'static str, file: &str, world: &mut World) {
        let before = self.seen.insert(view, file.to_owned());
        if before.is_none_or(|before| before == file) {
            return;
        }
        let asked = self.anew.entry(view).or_default();
        if *asked == 0 && world.is_gentle {
            world.violate(format!(
                "{view} threw away a file with which nothing should be wrong, and built another"
            ));
        }
        *asked = asked.saturating_sub(1);
    }

    /// The files that there are, of all views.
    pub(super) fn files(&self) -> BTreeSet<(&'static str, String)> {
        let of = |view: &'static str| {
            let files = fs::read_dir(self.folder.join(view)).into_iter().flatten();
            let files = files.flatten().map(|entry| entry.file_name());
            files.map(move |name| (view, name.to_string_lossy().into_owned()))
        };
        VIEWS.into_iter().flat_map(of).collect()
    }

    /// All files of the views, and of what there was of them before, that hold one of these texts,
    /// each of which ends with a word of its own.
    pub(super) fn files_with(&self, texts: &[String]) -> Vec<(PathBuf, String)> {
        let words = texts.iter().filter_map(|text| text.rsplit(' ').next());
        let words: BTreeSet<&[u8]> = words.map(str::as_bytes).collect();
        let mut found = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = fs::read(&path).unwrap_or_default();
                // A file is megabytes, and the texts are many: it is gone through once.
                let mut parts = bytes.split(|byte| *byte == b' ');
                let begins = |part: &&[u8]| part.get(..WORD).is_some_and(|it| words.contains(it));
                let text = parts.find(begins).map(String::from_utf8_lossy);
                found.extend(text.map(|text| (path, text[..WORD].to_owned())));
            }
        }
        found
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
    process: Process,
    folder: PathBuf,
    settings: ViewSettings,
    known: Running,
) {
    let log = process.open(&link).await;
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
