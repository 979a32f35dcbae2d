//! What is kept of the past: bounded in number and size, the least recently asked for goes first.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{Arc, Weak},
};

use meguri_log::Position;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    PastError,
    build::{Entry, ViewPast},
};
use crate::{
    files::view_dir::AS_OF,
    files::{folder_lock, view_dir::ViewDir},
    running::{opening::Environment, shadow::Shadows, view_handle::ViewHandle},
    settings::PastBounds,
};

/// Files that are built at the same time: those that one answer needs, and one more asker's.
const BUILDS_AT_ONCE: usize = 2;

/// The past of all views of a process.
pub struct AsOfCache {
    dir: PathBuf,
    views: Vec<Arc<ViewPast>>,
    /// The least recently asked for first.
    entries: Mutex<Vec<Arc<Entry>>>,
    turns: Arc<Semaphore>,
    shadows: Shadows,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Gone when the views are closed: then the folder may be another's.
    lock: Weak<File>,
    bounds: PastBounds,
}

impl AsOfCache {
    /// Takes up what there is of the past of these views, and removes what other fingerprints left.
    pub fn open(
        environment: &Environment<'_>,
        handles: &[Arc<ViewHandle>],
        bounds: &PastBounds,
    ) -> io::Result<Self> {
        let Environment { dir, limits, .. } = *environment;
        let stop = environment.stop.child_token();
        let (mut views, mut entries) = (Vec::new(), Vec::new());
        for handle in handles {
            let view = Arc::new(ViewPast {
                handle: Arc::clone(handle),
                view_dir: ViewDir::of_the_past(dir, Arc::clone(&handle.view), limits),
                readers: limits.readers,
            });
            for folder in view.view_dir.folders()? {
                match view.position(&folder) {
                    Some(position) => {
                        let written = fs::metadata(view.view_dir.path(&folder))?.modified()?;
                        let entry = Entry::new(Arc::clone(&view), position, stop.child_token());
                        entries.push((written, Arc::new(entry)));
                    }
                    None => view.view_dir.discard(&folder)?,
                }
            }
            views.push(view);
        }
        entries.sort_by_key(|(written, _)| *written);
        Ok(Self {
            dir: dir.to_owned(),
            views,
            entries: Mutex::new(entries.into_iter().map(|(_, entry)| entry).collect()),
            turns: Arc::new(Semaphore::new(BUILDS_AT_ONCE)),
            shadows: Shadows::new(
                environment.log.clone(),
                environment.rebuilds.clone(),
                environment.block_events,
            ),
            stop,
            tasks: environment.tasks.clone(),
            lock: Arc::downgrade(environment.lock),
            bounds: *bounds,
        })
    }

    pub fn shadows(&self) -> &Shadows {
        &self.shadows
    }

    /// A view as of a position that the log has reached; it is built where it is not there.
    pub async fn ask(
        self: &Arc<Self>,
        view: &str,
        position: Position,
    ) -> Result<Arc<Entry>, PastError> {
        let known = self.views.iter().find(|one| one.handle.name() == view);
        let known = known.ok_or_else(|| PastError::UnknownView(view.to_owned()))?;
        let lock = self.lock.upgrade().ok_or(PastError::BrokenOff)?;
        let mut entries = self.entries.lock().await;
        let is_it = |entry: &Arc<Entry>| entry.view() == view && entry.position == position;
        let entry = if let Some(index) = entries.iter().position(is_it) {
            entries.remove(index)
        } else {
            self.make_room(&mut entries).await?;
            let stop = self.stop.child_token();
            Arc::new(Entry::new(Arc::clone(known), position, stop))
        };
        entries.push(Arc::clone(&entry));
        if entry.begins() {
            self.build(Arc::clone(&entry), lock);
        }
        Ok(entry)
    }

    /// Removes what is one too many.
    async fn make_room(&self, entries: &mut Vec<Arc<Entry>>) -> Result<(), PastError> {
        while entries.len() >= self.bounds.files.max(1) {
            let end = entries.len();
            if !remove_one(entries, end).await {
                return Err(PastError::Busy);
            }
        }
        Ok(())
    }

    fn build(self: &Arc<Self>, entry: Arc<Entry>, lock: Arc<File>) {
        let kept = Arc::clone(self);
        let building = async move {
            entry
                .build(kept.shadows.clone(), Arc::clone(&kept.turns))
                .await;
            kept.sweep().await;
        };
        self.tasks.spawn(folder_lock::held(lock, building));
    }

    /// Removes what is too large together. What was asked for last stays, however large it is.
    async fn sweep(&self) {
        let mut entries = self.entries.lock().await;
        let bytes = |entries: &[Arc<Entry>]| entries.iter().map(|one| one.bytes()).sum::<u64>();
        while bytes(&entries) > self.bounds.bytes {
            let end = entries.len().saturating_sub(1);
            if !remove_one(&mut entries, end).await {
                return;
            }
        }
    }

    /// Removes everything, whoever uses it.
    pub async fn forget(&self) -> io::Result<()> {
        let closed = || io::Error::other("the views are closed");
        let _lock = self.lock.upgrade().ok_or_else(closed)?;
        let mut entries = self.entries.lock().await;
        for entry in entries.drain(..) {
            entry.let_go().await;
        }
        let mut outcome = Ok(());
        for view in fs::read_dir(&self.dir)? {
            let removed = fs::remove_dir_all(view?.path().join(AS_OF));
            if let Err(error) = removed
                && !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                )
            {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Lets go of all files, and leaves them where they are.
    pub async fn close(&self) {
        for entry in self.entries.lock().await.drain(..) {
            entry.let_go().await;
        }
    }
}

/// Removes the least recently asked for that nobody uses, among the first so many.
async fn remove_one(entries: &mut Vec<Arc<Entry>>, among: usize) -> bool {
    let mut candidates = entries.iter().take(among);
    // INVARIANT: others get hold of an entry under the lock of this list only.
    let unused = candidates.position(|entry| Arc::strong_count(entry) == 1);
    let Some((index, entry)) = unused.and_then(|index| Some((index, entries.get(index)?))) else {
        return false;
    };
    if let Err(error) = entry.remove().await {
        tracing::warn!(view = entry.view(), %error, "a file of the past is still there");
    }
    entries.remove(index);
    true
}
