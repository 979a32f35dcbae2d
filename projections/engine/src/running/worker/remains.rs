//! Removing what is left of erased rows from all files of a view.

use super::Worker;

impl Worker {
    /// Removes what is left of erased rows: in the live file, which is read all the time, and in
    /// those that were live before.
    pub(super) async fn remove_remains(&mut self) -> Result<(), String> {
        if self.build.is_some() {
            return Err("a new file is being built".to_owned());
        }
        let Some(task) = self.live.take() else {
            return Err("it does not follow the log".to_owned());
        };
        let Some(mut projector) = task.end().await else {
            self.broke_off("while it was told to erase");
            return Err("its worker broke off".to_owned());
        };
        let removed = projector.file.remove_remains().await;
        self.follow(projector.file);
        match removed {
            Ok(true) => self
                .view_dir
                .forget_others()
                .map_err(|error| error.to_string()),
            Ok(false) => Err("an older moment of it is being read".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Throws every file away, whatever state they are in, and builds the view from what is left
    /// in the log. It is not served until that is done.
    pub(super) async fn start_over(&mut self, reason: String) -> Result<(), String> {
        self.checker = None;
        self.goes_on = None;
        let readers = self.handle.withdraw(reason);
        self.handle.retried();
        for task in [self.live.take(), self.build.take()].into_iter().flatten() {
            if let Some(projector) = task.end().await {
                projector.file.close().await;
            }
        }
        self.handle.built();
        if let Some(readers) = readers {
            readers.close().await;
        }
        let discarded = self.view_dir.discard_all();
        self.build_to_serve(true).await;
        discarded.map_err(|error| error.to_string())
    }
}
