//! What keeps the files of views up to date with the log: one feed, a worker for each view, builds
//! beside what is read.

pub(crate) mod backoff;
pub(crate) mod checking;
pub(crate) mod error;
pub(crate) mod feed;
pub(crate) mod index_follower;
pub(crate) mod opening;
pub(crate) mod progress;
pub(crate) mod projector;
pub(crate) mod rebuilds;
pub(crate) mod shadow;
pub(crate) mod status;
pub(crate) mod throttle;
pub(crate) mod view_handle;
pub(crate) mod worker;
pub(crate) mod worker_command;
