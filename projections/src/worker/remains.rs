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
        let Some(mut folding) = task.end().await else {
            self.broke();
            return Err("its worker broke off".to_owned());
        };
        let removed = folding.file.remove_remains().await;
        self.follow(folding.file);
        match removed {
            Ok(true) => self
                .shelf
                .forget_others()
                .map_err(|error| error.to_string()),
            Ok(false) => Err("an older moment of it is being read".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
