//! Stops a cluster and removes its folder when the process that owns it is gone.

use crate::ClusterError;
use crate::binaries::Binaries;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// `$1` the owner's process id, `$2` the cluster's folder, `$3` its `pg_ctl`, `$4` a file to remove
/// at the end. It also ends when the folder is gone: the owner has tidied up.
const SCRIPT: &str = r#"
while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 1; done
[ -d "$2" ] && PREFIX "$3" stop --pgdata "$2/data" --mode immediate
rm -rf "$2"
[ -z "$4" ] || rm -f "$4"
"#;

/// Starts the watchdog of the cluster in `folder`, owned by the process `owner`.
///
/// `also` is a file that goes with the cluster, if any.
pub(crate) fn watch(
    binaries: &Binaries,
    owner: u32,
    folder: &Path,
    also: Option<&Path>,
) -> Result<(), ClusterError> {
    let mut watchdog = Command::new("sh");
    watchdog
        .arg("-c")
        .arg(SCRIPT.replace("PREFIX", binaries.owner_prefix()))
        .arg("watchdog");
    watchdog
        .arg(owner.to_string())
        .arg(folder)
        .arg(binaries.path("pg_ctl"));
    watchdog.arg(also.unwrap_or(Path::new("")));
    // Its own process group: what interrupts or kills the test's group must not reach it. No
    // handles of ours: a test runner waits until everyone has let go of a test's output.
    watchdog.current_dir("/").process_group(0);
    watchdog
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Not waited for: it outlives this process by design.
    watchdog
        .spawn()
        .map(drop)
        .map_err(ClusterError::io("start the cluster's watchdog"))
}
