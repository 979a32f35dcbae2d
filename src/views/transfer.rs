//! Taking a view from one node to another, as a file.

use std::path::Path;

use meguri_engine::{control::Answer, control::Request};

use super::bars::Bar;
use super::outcome::{Outcome, outcome};
use super::owner::{Owner, whole};
use super::report::Report;
use crate::failure::Failure;
use crate::figures::{bytes, grouped};

pub(super) async fn export(
    owner: &Owner,
    name: &str,
    file: &Path,
    bar: &mut Bar,
) -> Result<Report, Failure> {
    owner.settle(name, bar).await?;
    let request = Request::Export {
        name: name.to_owned(),
        path: whole(file)?,
    };
    let Outcome { answer, .. } = outcome(owner, request, name, bar).await?;
    let Some(Answer::Exported(copy)) = answer else {
        return Err(Failure::OwnerGone);
    };
    Ok(Report::of(format!(
        "{name}: written to {}, {}, position {}, {} rows, content {}",
        file.display(),
        bytes(copy.bytes),
        copy.position,
        grouped(copy.rows),
        copy.content,
    )))
}

pub(super) async fn import(owner: &Owner, file: &Path, bar: &mut Bar) -> Result<Report, Failure> {
    let request = Request::Import { path: whole(file)? };
    let what = file.display().to_string();
    let Outcome { switched, answer } = outcome(owner, request, &what, bar).await?;
    let (Some((position, content)), Some(Answer::Imported(copy))) = (switched, answer) else {
        return Err(Failure::OwnerGone);
    };
    Ok(Report::of(format!(
        "{}: proven at position {}, live at position {position}, content {content}",
        copy.view, copy.position,
    )))
}
