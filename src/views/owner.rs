//! Who owns the views: a running process, which is asked, or nobody, so that we do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_log::{Log, Position};
use meguri_projections::control::{Answer, Client, ControlError, Request};
use meguri_projections::{OpenViewsError, RebuildStep, ViewSettings, ViewStatus, Views};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::settings::Settings;
use crate::storage;

/// How long a list waits for views that have just been opened.
const LEVEL_IN: Duration = Duration::from_secs(2);
/// How long a rebuild waits for a view that is being built for the first time.
const BUILT_IN: Duration = Duration::from_hours(24);

/// The process that owns the folder of the views.
pub(super) enum Owner {
    /// Another one, reached through the socket in this data folder.
    Other(PathBuf),
    /// This one.
    Us { log: Log, views: Views },
}

impl Owner {
    /// Asks for the owner; takes the folder if there is none.
    pub(super) async fn find(settings: &Settings) -> Result<Self, Failure> {
        let data = &settings.data.value;
        if ask(data, &Request::List).await?.is_some() {
            return Ok(Self::Other(data.clone()));
        }
        let log = storage::open_existing(settings).await?;
        let folder = storage::views_folder(settings);
        match Views::open(log.clone(), folder, ViewSettings::default()).await {
            Ok(views) => Ok(Self::Us { log, views }),
            Err(error) => {
                log.close().await;
                Err(error.into())
            }
        }
    }

    /// Where the log ends, and every view.
    pub(super) async fn list(&self) -> Result<(Position, Vec<ViewStatus>), Failure> {
        match self {
            Self::Us { views, .. } => {
                // They have just been opened; what is late after that is shown as it is.
                let _late = views.wait_for_all(views.head(), LEVEL_IN).await;
                Ok((views.head(), views.status()))
            }
            Self::Other(data) => match answer(data, &Request::List).await? {
                Answer::Views { head, views } => Ok((head, views)),
                other @ (Answer::Rebuild(_) | Answer::Refused { .. }) => Err(unexpected(other)),
            },
        }
    }

    /// Begins to rebuild a view.
    pub(super) async fn rebuild(&self, name: &str) -> Result<Steps, Failure> {
        match self {
            Self::Us { views, .. } => {
                // A view that is built for the first time cannot be rebuilt beside; one that has
                // stopped can, so it does not matter why the wait has ended.
                let _ended = views.wait_for(name, views.head(), BUILT_IN).await;
                Ok(Steps::Ours(views.rebuild(name).await?))
            }
            Self::Other(data) => {
                let request = Request::Rebuild {
                    name: name.to_owned(),
                };
                let client = ask(data, &request).await?.ok_or(Failure::OwnerGone)?;
                Ok(Steps::Theirs(client))
            }
        }
    }

    /// Lets go of the views, if they are ours.
    pub(super) async fn close(self) {
        if let Self::Us { log, views } = self {
            views.close().await;
            log.close().await;
        }
    }
}

/// The steps of a rebuild as they happen.
pub(super) enum Steps {
    Theirs(Client),
    Ours(mpsc::Receiver<RebuildStep>),
}

impl Steps {
    /// The next one; none when whoever rebuilds has ended.
    pub(super) async fn next(&mut self) -> Result<Option<RebuildStep>, Failure> {
        match self {
            Self::Ours(steps) => Ok(steps.recv().await),
            Self::Theirs(client) => match client.next().await? {
                None => Ok(None),
                Some(Answer::Rebuild(step)) => Ok(Some(step)),
                Some(other @ (Answer::Views { .. } | Answer::Refused { .. })) => {
                    Err(unexpected(other))
                }
            },
        }
    }
}

async fn ask(data: &Path, request: &Request) -> Result<Option<Client>, ControlError> {
    Client::ask(data, request).await
}

async fn answer(data: &Path, request: &Request) -> Result<Answer, Failure> {
    let mut client = ask(data, request).await?.ok_or(Failure::OwnerGone)?;
    client.next().await?.ok_or(Failure::OwnerGone)
}

fn unexpected(answer: Answer) -> Failure {
    match answer {
        Answer::Refused { reason } => Failure::Refused(reason),
        Answer::Views { .. } | Answer::Rebuild(_) => Failure::OwnerGone,
    }
}

impl From<OpenViewsError> for Failure {
    fn from(error: OpenViewsError) -> Self {
        Self::Views(error)
    }
}
