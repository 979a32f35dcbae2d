//! A throwaway PostgreSQL cluster for tests and benches: started, used, and gone without a trace.
//!
//! ```no_run
//! # fn main() -> Result<(), meguri_postgres_cluster::ClusterError> {
//! let cluster = meguri_postgres_cluster::Cluster::start()?;
//! let url = cluster.create_database()?; // postgres://postgres@127.0.0.1:PORT/test_…
//! cluster.stop_immediate()?;            // as if the server had crashed
//! cluster.start_again()?;               // same port, same data: `url` is still good
//! # Ok(())
//! # }
//! ```
//!
//! Most tests want a database of their own and care for nothing else: [`shared`] gives them one
//! server for the whole run of the suite.
//!
//! Nothing is left behind, however the process ends: every cluster has a watchdog, a small process
//! outside the test's process group, which stops the server and removes its folder as soon as the
//! owner is gone. There is no async code here, so that every kind of test can use it.

mod binaries;
mod cluster;
mod error;
mod shared;
mod watchdog;

pub use cluster::{Cluster, Durability, Options};
pub use error::ClusterError;
pub use shared::{SharedCluster, shared};
