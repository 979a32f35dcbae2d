//! Looking into a view: is it what the log says, how does it differ from the one before, from
//! which event on, and what was it in the past?

use std::path::Path;

use meguri_engine::{AsOf, Other};
use meguri_engine::{control::Answer, control::Request};

use super::bars::Bar;
use super::outcome::outcome;
use super::owner::{Owner, whole};
use super::report::{self, Report, Words};
use crate::failure::Failure;

pub(super) async fn verify(
    owner: &Owner,
    name: &str,
    words: Words,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let request = Request::Verify { name: name.into() };
    let Some(Answer::Verified(verified)) = outcome(owner, request, name, bar).await?.answer else {
        return Err(Failure::OwnerGone);
    };
    // What was found wanting is being built anew.
    owner.settle(name, bar).await?;
    Ok(report::verified(name, &verified, words))
}

pub(super) async fn diff(
    owner: &Owner,
    name: &str,
    words: Words,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let request = Request::Diff { name: name.into() };
    match outcome(owner, request, name, bar).await?.answer {
        Some(Answer::Compared(diff)) => Ok(report::compared(&diff, words)),
        Some(_) | None => Err(Failure::OwnerGone),
    }
}

pub(super) async fn bisect(
    owner: &Owner,
    name: &str,
    with: Other,
    words: Words,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let request = Request::Bisect {
        name: name.to_owned(),
        with,
    };
    match outcome(owner, request, name, bar).await?.answer {
        Some(Answer::Bisected(bisected)) => Ok(report::bisected(name, &bisected, words)),
        Some(_) | None => Err(Failure::OwnerGone),
    }
}

pub(super) async fn build(
    owner: &Owner,
    name: &str,
    as_of: AsOf,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    let request = Request::Build {
        name: name.to_owned(),
        as_of,
    };
    match outcome(owner, request, name, bar).await?.answer {
        Some(Answer::Built(built)) => Ok(report::built(&built)),
        Some(_) | None => Err(Failure::OwnerGone),
    }
}

/// Which file is compared with a build.
pub(super) fn file(with: Option<&Path>, previous: bool) -> Result<Other, Failure> {
    Ok(match with {
        Some(path) => Other::File { path: whole(path)? },
        None if previous => Other::Previous,
        None => Other::Live,
    })
}
