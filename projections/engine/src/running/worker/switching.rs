//! Making a new file the live one.

use meguri_log::answered;

use super::{REST, Worker};
use crate::files::proof::damage_of;
use crate::{
    files::{error::StoreError, mismatch::Mismatch, proof},
    folding::outcome::Poison,
    running::{
        projector::{End, Projector},
        worker_command::{RebuildStep, failed, tell},
    },
};

/// Why a new file does not take over.
enum NotSwitched {
    /// It is of no use: it never serves.
    Mismatch(Mismatch),
    /// It met an event that cannot be folded.
    Poison(Poison),
    /// It was told to stop.
    Stopped,
    /// Something else stands in the way: the same may go well later.
    Trouble(String),
}

/// How a new file has taken over.
enum Switched {
    /// The next start finds it live.
    OnDisk,
    /// It is right, and its name could not be written down: the next start finds it and goes on.
    InMemory(String),
}

impl NotSwitched {
    /// A failure, which may be that of a damaged file.
    fn of(error: StoreError) -> Self {
        match damage_of(error) {
            Ok(reason) => Self::Mismatch(Mismatch::Damaged { reason }),
            Err(error) => Self::Trouble(error.to_string()),
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Mismatch(mismatch) => mismatch.to_string(),
            Self::Poison(poison) => poison.reason.clone(),
            Self::Stopped => "it was stopped".to_owned(),
            Self::Trouble(reason) => reason.clone(),
        }
    }
}

impl Worker {
    /// Makes the new file the live one. Reads go on all the time: from the old one while the new
    /// one takes its last steps, then from the new one, which is never behind what was seen before.
    pub async fn switch(&mut self, mut new: Projector) {
        let old = match self.live.take() {
            Some(task) => task.end().await,
            None => None,
        };
        let target = old
            .as_ref()
            .map(|old| old.file.position())
            .unwrap_or_default();
        let switched = match self.catch_up(&mut new, target).await {
            Ok(()) => self.take_over(&mut new).await,
            Err(not) => Err(not),
        };
        match (switched, old) {
            (Ok(switched), old) => self.serve(new, switched, old).await,
            (Err(not), Some(old)) => {
                self.follow(old.file);
                failed(new.role.asked_by(), &not.reason());
                match not {
                    NotSwitched::Mismatch(mismatch) => self.give_up(new, &mismatch).await,
                    NotSwitched::Poison(_) | NotSwitched::Stopped | NotSwitched::Trouble(_) => {
                        new.file.close().await;
                    }
                }
            }
            (Err(not), None) => self.not_first(new, not).await,
        }
    }

    async fn catch_up(
        &self,
        new: &mut Projector,
        target: meguri_log::Position,
    ) -> Result<(), NotSwitched> {
        while new.file.position() < target {
            match new.catch_up().await {
                // The log ends there: it has fallen back, and what served until now has consumed
                // what is no more.
                End::CaughtUp if new.file.position() < target => return Ok(()),
                End::CaughtUp => {}
                End::Poison(poison) => return Err(NotSwitched::Poison(poison)),
                End::Mismatch(mismatch) => return Err(NotSwitched::Mismatch(mismatch)),
                End::Stopped => return Err(NotSwitched::Stopped),
            }
        }
        Ok(())
    }

    async fn serve(&mut self, new: Projector, switched: Switched, old: Option<Projector>) {
        if let Switched::InMemory(error) = switched {
            tracing::warn!(
                view = self.handle.name(),
                error,
                "the switch is not on disk"
            );
        }
        let (position, content) = (new.file.position(), &new.file.certificate().content);
        self.checker = None;
        self.rest = REST;
        self.handle.install(new.file.to_be_read());
        let content = content.short();
        let step = RebuildStep::Switched { position, content };
        tell(new.role.asked_by(), step);
        self.follow(new.file);
        if let Some(old) = old {
            old.file.close().await;
        }
    }

    /// Nothing served before, and the new file does not take over: it is not read.
    async fn not_first(&mut self, new: Projector, not: NotSwitched) {
        let asked_by = new.role.asked_by().cloned();
        failed(asked_by.as_ref(), &not.reason());
        match not {
            NotSwitched::Mismatch(mismatch) => {
                self.give_up(new, &mismatch).await;
                self.build_first().await;
            }
            NotSwitched::Poison(poison) => self.rest(new, End::Poison(poison)).await,
            NotSwitched::Stopped => new.file.close().await,
            NotSwitched::Trouble(reason) => {
                let (view, rest) = (self.handle.name(), self.rest);
                tracing::warn!(view, reason, again_in = ?rest, "a new file does not serve yet");
                self.handle
                    .building(new.file.position(), self.log.known_head());
                self.build = Some(self.spawn(new.file, new.role, rest));
                self.rest = (rest * 2).min(super::REST_MAX);
            }
        }
    }

    async fn take_over(&self, new: &mut Projector) -> Result<Switched, NotSwitched> {
        if new.file.has_remains() {
            let removed = new.file.remove_remains().await;
            removed.map_err(NotSwitched::of)?;
        }
        let caught_up = new.file.catch_up_index().await;
        caught_up.map_err(NotSwitched::of)?;
        // Proven when it was built, with all its rows; since then it has followed the log.
        let proven = proof::of_tree(new.file.certificate(), &self.log).await;
        let proven = proven.map_err(|error| NotSwitched::Trouble(error.to_string()))?;
        if let Some(mismatch) = proven {
            return Err(NotSwitched::Mismatch(mismatch));
        }
        let flushed = answered(new.file.flush()).await;
        flushed.map_err(|error| NotSwitched::of(error.into()))?;
        let serves = self.live.is_some() || self.handle.readers().is_some();
        match self.view_dir.make_live(&new.file.folder) {
            Ok(()) => Ok(Switched::OnDisk),
            Err(error) if serves => Err(NotSwitched::Trouble(error.to_string())),
            Err(error) => Ok(Switched::InMemory(error.to_string())),
        }
    }
}
