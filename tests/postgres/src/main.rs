//! Starts a throwaway PostgreSQL for trying things out, and removes it when its input ends.

use meguri_postgres_cluster::{Cluster, ClusterError};

#[allow(
    clippy::print_stdout,
    reason = "the address is what this program is for"
)]
fn main() -> Result<(), ClusterError> {
    let cluster = Cluster::start()?;
    println!("{}", cluster.create_database()?);
    println!("Press Ctrl-D to stop it; what was written to it is then gone.");
    // An unreadable input is an ended one.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    Ok(())
}
