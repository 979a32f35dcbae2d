//! Exactly once: whatever is cut off, and wherever, the rows are those of a build from nothing.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use meguri_log::Position;
use tempfile::TempDir;

use super::run::{assert_like_a_fresh_build, open};
use meguri_engine::{
    Decoded, Views,
    files::view_file::{More, ViewFile},
    folding::outcome::Advanced,
};

use crate::{
    rooms::Rooms,
    testing::{batch, decoded, log, new_file, of, rows, story::random_story},
};

/// A future that is dropped after so many steps.
struct CutOff<F> {
    steps: usize,
    future: F,
}

impl<F: Future + Unpin> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps == 0 {
            return Poll::Ready(None);
        }
        self.steps -= 1;
        Pin::new(&mut self.future).poll(context).map(Some)
    }
}

/// Folds all events of a batch into a file and commits.
async fn fold(file: &mut ViewFile, events: &[Decoded]) {
    let batch = batch(events);
    let folded = file
        .advance(&batch, batch.up_to(), More::Unknown)
        .await
        .unwrap();
    assert_eq!(folded, Advanced::Folded);
    file.commit().await.unwrap();
}

/// Cuts off the folding of a second half at every step, into a file that is built already, or one
/// that is still being built.
async fn cut_off_at_any_step(built: bool) {
    let view = of::<Rooms>();
    let events = decoded(&random_story(1, 8));
    let (first, second) = events.split_at(events.len() / 2);
    let mut expected = None;
    // How many steps there are differs from run to run, for SQLite works on a thread of its own.
    let (mut steps, mut cuts) = (0, 0);
    while cuts < 30 {
        let folder = TempDir::new().unwrap();
        let mut file = new_file(folder.path(), &view).await;
        fold(&mut file, first).await;
        if built {
            file.finish().await.unwrap();
        }
        let future = Box::pin(fold(&mut file, second));
        let cut = CutOff { steps, future }.await.is_none();
        if cuts % 2 == 0 {
            // The process is gone; another one opens the file.
            drop(file);
            file = new_file(folder.path(), &view).await;
            let at = file.position().get();
            let whole = events.len() as u64;
            assert!(
                at == whole || at == first.len() as u64,
                "stands at {at} after {steps} steps"
            );
        }
        fold(&mut file, &events).await;
        assert_eq!(file.rescan().await.unwrap(), file.certificate().content);
        let rows = rows(&file.readers()).await;
        assert_eq!(
            &rows,
            expected.get_or_insert_with(|| rows.clone()),
            "after {steps} steps"
        );
        (steps, cuts) = if cut {
            (steps + 1, cuts + 1)
        } else {
            (0, cuts)
        };
    }
}

#[tokio::test]
async fn a_fold_that_is_cut_off_at_any_step_is_done_once_in_the_end() {
    cut_off_at_any_step(true).await;
}

#[tokio::test]
async fn a_build_that_is_cut_off_at_any_step_goes_on_and_does_each_once() {
    cut_off_at_any_step(false).await;
}

#[tokio::test]
async fn a_commit_that_was_not_heard_of_is_found_out_and_not_repeated() {
    let view = of::<Rooms>();
    let events = decoded(&random_story(2, 4));
    let folder = TempDir::new().unwrap();
    let mut one = new_file(folder.path(), &view).await;
    one.finish().await.unwrap();
    let mut other = new_file(folder.path(), &view).await;
    fold(&mut one, &events).await;
    let before = rows(&one.readers()).await;
    // The other does not know of it: what it writes is refused as a whole, and it looks.
    assert_eq!(other.position(), Position::ZERO);
    fold(&mut other, &events).await;
    assert_eq!(other.certificate(), one.certificate());
    assert_eq!(rows(&one.readers()).await, before);
}

/// Kills the process, as far as one test can: its runtime, with all tasks wherever they are.
#[test]
fn views_that_are_killed_again_and_again_end_up_right() {
    let folder = TempDir::new().unwrap();
    let (home, dir) = (folder.path().to_owned(), folder.path().join("views"));
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    let story = random_story(3, 60);
    for (life, events) in story.chunks(40).enumerate() {
        let runtime = runtime();
        runtime.block_on(async {
            let log = log::sqlite(&home).await;
            let views = open(&log, &dir).await;
            log::append(&log, events).await;
            if life % 3 == 2 {
                drop(views.rebuild("rooms").await.unwrap());
            }
            let millis = u64::try_from(life * 7 % 23).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
            let_go_of_the_index(&views).await;
            std::mem::forget(views);
        });
        runtime.shutdown_background();
        wait_for_the_lock(&dir);
    }
    runtime().block_on(async {
        let log = log::sqlite(&home).await;
        let views = open(&log, &dir).await;
        assert_like_a_fresh_build(&views, &log).await;
    });
}

/// The lock of an index goes with its process, and that of the tests lives on.
pub(super) async fn let_go_of_the_index(views: &Views) {
    if let Some(index) = views.handle("search").and_then(|handle| handle.index()) {
        index.let_go().await;
    }
}

/// The tasks of a runtime that is shut down let go of the folder a moment later.
pub(super) fn wait_for_the_lock(dir: &std::path::Path) {
    let lock = std::fs::File::options()
        .write(true)
        .open(dir.join("lock"))
        .unwrap();
    lock.lock().unwrap();
}
