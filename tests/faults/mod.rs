//! Nothing lost, nothing doubled: the server and its database are killed under load.
//!
//! Sixteen clients take pairs of members through whole exchanges, one command after the other, each
//! under an idempotency key of its own. A command without an answer is sent again, under the same
//! key, until there is one. At the end the log must read as if nothing had ever happened.

mod bundles;
mod corruption;
mod database;
mod disk;
mod failing_disk;
mod hostile;
mod kill;
mod load;
mod log;
mod picture;
mod rebuild;
mod story;
mod verdict;
