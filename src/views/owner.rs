//! The owner of the views: a running process, which is asked, or else this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use meguri_engine::{
    OpenViewsError, ViewCopy, ViewSet, ViewSettings, ViewState, ViewStatus, Views,
};
use meguri_engine::{control, control::Answer, control::Client, control::Request};
use meguri_log::{Log, Position};
use tokio::sync::mpsc;

use super::bars::Bar;
use crate::command_line::{ALL_VIEWS, ViewCommand, ViewsCommand};
use crate::failure::Failure;
use crate::opened::ViewAccess;
use crate::settings::Settings;
use crate::{dictionary, storage};

/// How long a list waits for views that have just been opened.
const LEVEL_IN: Duration = Duration::from_secs(2);
/// Pause between two looks at a view that is being built.
const PAUSE: Duration = Duration::from_millis(50);

/// The process that owns the folder of the views.
pub(super) enum Owner {
    /// Another one, reached through the socket in this data folder.
    Other(PathBuf),
    /// This one.
    Us { log: Log, views: Views },
}

impl Owner {
    /// Asks for the owner; takes the folder if there is none, and opens what is needed.
    pub(super) async fn find(settings: &Settings, about: &About) -> Result<Self, Failure> {
        let data = &settings.data.value;
        if Client::ask(data, &Request::List).await?.is_some() {
            return Ok(Self::Other(data.clone()));
        }
        let log = storage::open_existing(settings).await?;
        match Self::take(settings, about, &log).await {
            Ok(views) => Ok(Self::Us { log, views }),
            Err(failure) => {
                log.close().await;
                Err(failure)
            }
        }
    }

    async fn take(settings: &Settings, about: &About, log: &Log) -> Result<Views, Failure> {
        let of_views = ViewSettings {
            views: about.views().await?,
            on_poison: settings.on_poison.value.into(),
            ..meguri_views::settings()
        };
        let of_views = dictionary::searching(settings, of_views)?;
        let folder = storage::views_folder(settings);
        Ok(Views::open(log.clone(), folder, of_views).await?)
    }

    /// Notes in the log that somebody reads the rows of these views.
    pub(super) async fn note(
        &self,
        settings: &Settings,
        access: &ViewAccess,
        names: &[String],
    ) -> Result<(), Failure> {
        match self {
            Self::Us { log, .. } => access.record(log, names).await,
            Self::Other(_) => {
                let log = storage::open_existing(settings).await?;
                let noted = access.record(&log, names).await;
                log.close().await;
                noted
            }
        }
    }

    /// Whether it is another process.
    pub(super) fn is_another(&self) -> bool {
        matches!(self, Self::Other(_))
    }

    /// Asks it.
    pub(super) async fn ask(&self, request: Request) -> Result<Answers, Failure> {
        match self {
            Self::Us { views, .. } => Ok(Answers::Ours(control::answer(views, request))),
            Self::Other(data) => {
                let client = Client::ask(data, &request).await?;
                Ok(Answers::Theirs(client.ok_or(Failure::OwnerGone)?))
            }
        }
    }

    /// Where the log ends, and every view.
    pub(super) async fn list(&self) -> Result<(Position, Vec<ViewStatus>), Failure> {
        let mut answers = self.ask(Request::List).await?;
        match answers.next().await? {
            Some(Answer::Views { head, views }) => Ok((head, views)),
            Some(Answer::Refused { reason }) => Err(Failure::Refused(reason)),
            Some(_) | None => Err(Failure::OwnerGone),
        }
    }

    /// Gives views that have just been opened the time to be level; what is late after that is
    /// shown as it is.
    pub(super) async fn level(&self) {
        if let Self::Us { views, .. } = self {
            let (head, all) = (views.head(), views.status());
            let level = all
                .iter()
                .map(|view| views.wait_for(&view.name, head, LEVEL_IN));
            join_all(level).await;
        }
    }

    /// One view.
    pub(super) async fn view(&self, name: &str) -> Result<ViewStatus, Failure> {
        let (_, views) = self.list().await?;
        let view = views.into_iter().find(|view| view.name == name);
        view.ok_or(Failure::OwnerGone)
    }

    /// Waits until a view that has just been opened is as it will be: level with the log, or
    /// stopped. A server has had the time.
    pub(super) async fn settle(&self, name: &str, bar: &mut Bar) -> Result<(), Failure> {
        if self.is_another() {
            return Ok(());
        }
        let (target, _) = self.list().await?;
        loop {
            let view = self.view(name).await?;
            let level = view.state == ViewState::Live && view.position >= target;
            match view.build {
                None if level || view.is_stopped() => return Ok(()),
                Some(build) => bar.show(build, target),
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
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

/// What a command is about.
pub(super) enum About {
    /// These views.
    Views(Vec<String>),
    /// The view that this file is of.
    File(PathBuf),
}

impl About {
    pub(super) fn of(command: &ViewsCommand) -> Self {
        let ViewsCommand::Of(command) = command else {
            return Self::all();
        };
        match command {
            ViewCommand::Rebuild { name } | ViewCommand::Verify { name, .. }
                if name == ALL_VIEWS =>
            {
                Self::all()
            }
            ViewCommand::Rebuild { name }
            | ViewCommand::Verify { name, .. }
            | ViewCommand::Diff { name, .. }
            | ViewCommand::Bisect { name, .. }
            | ViewCommand::Build { name, .. }
            | ViewCommand::Retry { name }
            | ViewCommand::Rollback { name }
            | ViewCommand::Export { name, .. } => Self::Views(vec![name.clone()]),
            ViewCommand::Import { file } => Self::File(file.clone()),
        }
    }

    fn all() -> Self {
        let names = meguri_views::all().names();
        Self::Views(names.into_iter().map(str::to_owned).collect())
    }

    /// What its bars are called.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Views(names) => names.clone(),
            Self::File(file) => vec![file.display().to_string()],
        }
    }

    /// The views that have to be opened.
    async fn views(&self) -> Result<ViewSet, Failure> {
        Ok(match self {
            Self::Views(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                meguri_views::all().only(&names)
            }
            Self::File(file) => meguri_views::all().only(&[&ViewCopy::of_file(file).await?.view]),
        })
    }
}

/// A path that means the same to a process that works in another folder.
pub(super) fn whole(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|source| Failure::Folder {
        path: path.to_owned(),
        source,
    })
}

/// Answers as they come.
pub(super) enum Answers {
    Theirs(Client),
    Ours(mpsc::Receiver<Answer>),
}

impl Answers {
    /// The next one; none after the last, or when whoever answers has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Failure> {
        match self {
            Self::Ours(answers) => Ok(answers.recv().await),
            Self::Theirs(client) => Ok(client.next().await?),
        }
    }
}

impl From<OpenViewsError> for Failure {
    fn from(error: OpenViewsError) -> Self {
        Self::Views(error)
    }
}
