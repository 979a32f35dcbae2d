//! What a try loads: states of streams, which its append then proves.

use meguri_domain::{ActiveMember, Member};
use meguri_events::MemberId;
use meguri_log::{StreamName, Version};

use super::{Attempt, stream};
use crate::snapshot::{Kept, Snapshot};
use crate::{CommandError, Commands};

impl Attempt<'_> {
    /// The state of a stream. The append will hold only if it is still that of the stream.
    ///
    /// # Errors
    /// [`CommandError::Frozen`] where it may depend on what was redacted.
    pub(crate) async fn load<A: Kept>(
        &mut self,
        stream: &StreamName,
    ) -> Result<Option<A>, CommandError> {
        let state = self.load_frozen_too(stream).await?;
        match self.seen.get(stream) {
            Some(seen) if seen.frozen => Err(CommandError::Frozen {
                stream: stream.to_string(),
            }),
            Some(_) | None => Ok(state),
        }
    }

    /// As [`Attempt::load`], also where the state may depend on what was redacted: for what has to
    /// be possible in any case.
    pub(crate) async fn load_frozen_too<A: Kept>(
        &mut self,
        stream: &StreamName,
    ) -> Result<Option<A>, CommandError> {
        if !self.seen.contains_key(stream) {
            let snapshot = self.snapshot::<A>(stream).await?;
            self.seen.insert(stream.clone(), snapshot);
        }
        let state = self
            .seen
            .get(stream)
            .and_then(|snapshot| A::of(&snapshot.state));
        state
            .cloned()
            .ok_or_else(|| CommandError::Broken(format!("{stream} is of another kind")))
    }

    async fn snapshot<A: Kept>(&mut self, stream: &StreamName) -> Result<Snapshot, CommandError> {
        if let Some(cached) = self.commands.cache().get(stream) {
            let proven = self.proven.get(stream);
            if proven.is_none_or(|proven| cached.version < *proven) {
                self.unproven.push(stream.clone());
            }
            return Ok(Snapshot::clone(&cached));
        }
        let snapshot = self.commands.read::<A>(stream).await?;
        if snapshot.version > Version::ZERO {
            self.commands.cache().put(stream.clone(), snapshot.clone());
        }
        Ok(snapshot)
    }

    /// A member; [`CommandError::NotFound`] if there is none.
    pub(crate) async fn member(&mut self, id: MemberId) -> Result<Member, CommandError> {
        let stream = stream(id.stream())?;
        self.load::<Member>(&stream)
            .await?
            .ok_or(CommandError::NotFound)
    }

    /// A member who is to be erased, whatever was redacted of them.
    pub(crate) async fn member_to_erase(&mut self, id: MemberId) -> Result<Member, CommandError> {
        let stream = stream(id.stream())?;
        self.load_frozen_too::<Member>(&stream)
            .await?
            .ok_or(CommandError::NotFound)
    }

    /// The caller, as a member who may act.
    pub(crate) async fn acting(&mut self) -> Result<ActiveMember, CommandError> {
        Ok(self.member(self.caller.id()?).await?.acting()?)
    }
}

impl Commands {
    /// Reads the state of a stream from the log: by its snapshot where it is long.
    pub(crate) async fn read<A: Kept>(
        &self,
        stream: &StreamName,
    ) -> Result<Snapshot, CommandError> {
        let absent = Snapshot::absent::<A>();
        let begun = self.snapshots().begin(self.log(), stream, absent).await?;
        self.read_on(begun, stream).await
    }

    /// Reads what came after a state.
    pub(crate) async fn read_on(
        &self,
        state: Snapshot,
        stream: &StreamName,
    ) -> Result<Snapshot, CommandError> {
        let from = state.version;
        let now = state.read_on(self.log(), stream).await?;
        self.snapshots().grown(stream, from, &now);
        Ok(now)
    }
}
