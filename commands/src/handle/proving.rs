//! States of the cache proven by what the log says of their streams, and brought up to it: a
//! refusal has no append that would prove them, and is not to cost more than one.

use std::collections::HashMap;

use meguri_log::{StreamName, Version};

use super::Attempt;
use crate::{CommandError, Commands};

/// Versions that streams had at some moment since the command began. A state of that version or a
/// newer one is as good as one read now.
pub(super) type Proven = HashMap<StreamName, Version>;

/// What a look at some streams has shown.
#[derive(Default)]
pub(super) struct Looked {
    /// Their versions.
    pub(super) proven: Proven,
    /// Whether any of them has another version than the state that was used.
    pub(super) moved: bool,
}

impl Attempt<'_> {
    /// The versions of the states of these streams.
    pub(super) fn versions_of<'s>(
        &self,
        streams: impl IntoIterator<Item = &'s StreamName>,
    ) -> Vec<(StreamName, Version)> {
        let versions = streams.into_iter().map(|it| (it.clone(), self.version(it)));
        versions.collect()
    }
}

impl Commands {
    /// Asks the log, in one question, which versions these streams have, and reads what is new of
    /// those that have moved into the cache: only what came after the state that is there.
    pub(super) async fn look_at(
        &self,
        used: &[(StreamName, Version)],
    ) -> Result<Looked, CommandError> {
        if used.is_empty() {
            return Ok(Looked::default());
        }
        let streams: Vec<_> = used.iter().map(|(stream, _)| stream.clone()).collect();
        let proven = self.log().stream_heads(&streams).await?;
        let mut moved = false;
        for (stream, version) in used {
            let head = proven[stream];
            moved |= head != *version;
            self.catch_up(stream, head).await?;
        }
        Ok(Looked { proven, moved })
    }

    /// Brings the state of the cache, if there is one, up to the version that the stream has.
    async fn catch_up(&self, stream: &StreamName, head: Version) -> Result<(), CommandError> {
        let Some(cached) = self.cache().get(stream) else {
            return Ok(());
        };
        if cached.version > head {
            // The log was put back to an earlier state.
            self.cache().forget(stream);
        } else if cached.version < head {
            let newer = self.read_on(cached.as_ref().clone(), stream).await?;
            self.cache().put(stream.clone(), newer);
        }
        Ok(())
    }
}
