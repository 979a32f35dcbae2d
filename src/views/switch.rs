//! Making another file the live one: built anew, or the one before; and going on after a stop.

use std::time::Instant;

use meguri_engine::control::Request;

use super::bars::Bar;
use super::outcome::{Outcome, outcome};
use super::owner::Owner;
use super::report::Report;
use crate::failure::Failure;
use crate::figures::{grouped, rate};

pub(super) async fn rebuild(owner: &Owner, name: &str, bar: &mut Bar) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let started = Instant::now();
    let request = Request::Rebuild { name: name.into() };
    let Outcome { switched, .. } = outcome(owner, request, name, bar).await?;
    let (position, content) = switched.ok_or(Failure::OwnerGone)?;
    let lasted = started.elapsed();
    let (seconds, rate) = (lasted.as_secs_f64(), grouped(rate(position.get(), lasted)));
    Ok(Report::of(format!(
        "{name}: rebuilt up to position {position} in {seconds:.1} s, {rate} events/s, \
         content {content}"
    )))
}

pub(super) async fn rollback(owner: &Owner, name: &str, bar: &mut Bar) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let request = Request::Rollback { name: name.into() };
    let Outcome { switched, .. } = outcome(owner, request, name, bar).await?;
    let (position, content) = switched.ok_or(Failure::OwnerGone)?;
    Ok(Report::of(format!(
        "{name}: the file before is live again, at position {position}, content {content}"
    )))
}

pub(super) async fn retry(owner: &Owner, name: &str, bar: &mut Bar) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    // Opening the views has tried already.
    if owner.is_another() || owner.view(name).await?.is_stopped() {
        let request = Request::Retry { name: name.into() };
        outcome(owner, request, name, bar).await?;
    }
    let position = owner.view(name).await?.position;
    Ok(Report::of(format!(
        "{name}: goes on, at position {position}"
    )))
}
