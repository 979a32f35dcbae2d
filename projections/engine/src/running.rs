//! What keeps the files of views up to date with the log: one feed, a worker for each view, builds
//! beside what is read.

pub mod backoff;
pub mod checking;
pub mod error;
pub mod feed;
pub mod index_follower;
pub mod opening;
pub mod progress;
pub mod projector;
pub mod rebuilds;
pub mod shadow;
pub mod status;
pub mod throttle;
pub mod view_handle;
pub mod worker;
pub mod worker_command;
