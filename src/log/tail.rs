//! `meguri log tail`: events as they happen.

use std::io::Write;

use meguri_log::{Log, Position};

use super::line::line;
use crate::failure::{Failure, to_stdout};

/// Follows the log from the end, or from after a position, until interrupted or `count` is met.
pub(super) async fn run(
    log: &Log,
    after: Option<u64>,
    count: Option<u64>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let after = match after {
        Some(after) => Position::new(after),
        None => log.head().await?.position,
    };
    let mut left = count.unwrap_or(u64::MAX);
    let mut follower = log.follow(after);
    while left > 0 {
        let block = tokio::select! {
            block = follower.next() => block?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        for event in &block.events {
            if left == 0 {
                break;
            }
            writeln!(out, "{}", line(event)?).map_err(to_stdout)?;
            left -= 1;
        }
        out.flush().map_err(to_stdout)?;
    }
    Ok(())
}
