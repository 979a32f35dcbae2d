//! A limit on the size of files (`ulimit -f`): reaching it is an error of a write, as a full disk
//! is, and not the end of the process.

use std::io;

/// Makes a write beyond the limit fail with `EFBIG`. Without that the system ends the process by a
/// signal (setrlimit(2)).
///
/// # Errors
/// Where the signal cannot be taken.
#[cfg(target_os = "linux")]
pub(crate) fn refuse_writes_beyond_the_limit() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // That it is taken is enough: it stays so when nobody waits for it.
    signal(too_large).map(drop)
}

/// Other systems than Linux are not served, and have no such limit here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn refuse_writes_beyond_the_limit() -> io::Result<()> {
    Ok(())
}
