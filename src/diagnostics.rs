//! Standard error, which may be closed, full, or read by nobody: none of it is felt by those who
//! write to it.
//!
//! Lines go through a thread of their own. What standard error does not take is lost, and how many
//! lines were lost is said as soon as it takes something again.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for standard error; what comes on top of them is lost.
const LINES_WAITING: usize = 4_096;
/// Of a longer line the rest is lost, in bytes: with those that wait it bounds the memory.
const LINE_BYTES_MAX: usize = 16 * 1_024;
/// How long the end of the process waits for the last lines.
const END_WAIT: Duration = Duration::from_secs(2);

/// The way to standard error. Writing never waits and never fails.
#[derive(Debug, Clone)]
pub struct Diagnostics(&'static Way);

#[derive(Debug)]
struct Way {
    lines: SyncSender<Line>,
    /// Lines that were lost and of which nothing was said yet.
    lost: Arc<AtomicU64>,
}

enum Line {
    Text(Vec<u8>),
    /// Everything before it has been written, or lost.
    Mark(SyncSender<()>),
}

impl Diagnostics {
    /// The one of this process.
    pub fn to_stderr() -> Self {
        static WAY: OnceLock<Way> = OnceLock::new();
        Self(WAY.get_or_init(|| Way::to(io::stderr())))
    }

    /// Writes one line, and never waits for that.
    pub fn line(&self, text: &str) {
        self.send(format!("{text}\n").as_bytes());
    }

    /// Waits until what was written has arrived, for a while at most.
    pub fn flush(&self) {
        let (mark, arrived) = sync_channel(1);
        // Where there is no room, lines are lost anyway.
        if self.0.lines.try_send(Line::Mark(mark)).is_ok() {
            let _ = arrived.recv_timeout(END_WAIT);
        }
    }

    fn send(&self, bytes: &[u8]) {
        let text = match bytes.get(..LINE_BYTES_MAX) {
            Some(beginning) => [beginning, b"\xe2\x80\xa6\n"].concat(),
            None => bytes.to_vec(),
        };
        if self.0.lines.try_send(Line::Text(text)).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Way {
    fn to(target: impl Write + Send + 'static) -> Self {
        let (lines, coming) = sync_channel(LINES_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new().name("diagnostics".to_owned());
        let told = Arc::clone(&lost);
        // Without the thread every line is lost, and counted: that is no reason not to serve.
        let _ = thread.spawn(move || carry(&coming, target, &told));
        Self { lines, lost }
    }
}

/// Writes line after line, whatever becomes of each.
fn carry(coming: &Receiver<Line>, mut target: impl Write, lost: &AtomicU64) {
    while let Ok(line) = coming.recv() {
        match line {
            Line::Text(text) if target.write_all(&text).is_err() => {
                lost.fetch_add(1, Ordering::Relaxed);
            }
            Line::Text(_) => say_lost(&mut target, lost),
            Line::Mark(arrived) => {
                let _ = target.flush();
                let _ = arrived.try_send(());
            }
        }
    }
}

fn say_lost(target: &mut impl Write, lost: &AtomicU64) {
    let count = lost.swap(0, Ordering::Relaxed);
    if count > 0 && writeln!(target, "meguri: {count} lines of diagnostics were lost").is_err() {
        lost.fetch_add(count, Ordering::Relaxed);
    }
}

impl Write for Diagnostics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Diagnostics {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    /// Takes what it is given while it may, and then fails, or waits.
    #[derive(Clone, Default)]
    struct Target(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Write for Target {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut inner = self.0.lock().unwrap();
            if inner.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            inner.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn to(target: impl Write + Send + 'static) -> Diagnostics {
        Diagnostics(Box::leak(Box::new(Way::to(target))))
    }

    #[test]
    fn lines_that_a_full_disk_does_not_take_are_lost_and_counted_when_it_takes_some_again() {
        let target = Target::default();
        let said = to(target.clone());
        said.line("one");
        said.flush();
        target.0.lock().unwrap().1 = true;
        said.line("two");
        said.line("three");
        said.flush();
        target.0.lock().unwrap().1 = false;
        said.line("four");
        said.flush();
        let text = String::from_utf8(target.0.lock().unwrap().0.clone()).unwrap();
        assert_eq!(
            text,
            "one\nfour\nmeguri: 2 lines of diagnostics were lost\n"
        );
    }

    #[test]
    fn who_writes_never_waits_for_a_reader_that_has_stopped() {
        let target = Target::default();
        let stopped = target.0.lock().unwrap();
        let said = to(target.clone());
        for number in 0..3 * LINES_WAITING {
            said.line(&number.to_string());
        }
        drop(stopped);
        // The first that come by find out.
        let late = Instant::now() + Duration::from_mins(1);
        loop {
            said.line("again");
            said.flush();
            let text = String::from_utf8(target.0.lock().unwrap().0.clone()).unwrap();
            if text.contains("lines of diagnostics were lost") {
                break;
            }
            assert!(Instant::now() < late, "{text}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let target = Target::default();
        let said = to(target.clone());
        said.line(&"x".repeat(10 * LINE_BYTES_MAX));
        said.flush();
        let text = String::from_utf8(target.0.lock().unwrap().0.clone()).unwrap();
        assert!(text.len() < 2 * LINE_BYTES_MAX && text.ends_with("…\n"));
    }
}
