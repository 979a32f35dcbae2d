//! Who is hidden from whom: neither side of a block sees the other (C12).

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use meguri_events::MemberId;
use meguri_http::{Member, Problem, kinds};
use meguri_views::Moment;

use crate::views::{View, refusal};
use crate::{ReadApi, asker};

/// Who reads what is public: a member, who does not see everybody, or anyone else, who does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader(Option<MemberId>);

impl Reader {
    /// The member of this id, if it is one.
    pub(crate) fn of(member: Option<MemberId>) -> Self {
        Self(member)
    }
}

impl FromRequestParts<ReadApi> for Reader {
    type Rejection = Problem;

    /// A token that is unknown or revoked is refused: who sent it does not expect to see what
    /// everybody sees.
    async fn from_request_parts(parts: &mut Parts, api: &ReadApi) -> Result<Self, Problem> {
        match <Member as OptionalFromRequestParts<ReadApi>>::from_request_parts(parts, api).await {
            Ok(member) => member.as_ref().map(asker::id_of).transpose().map(Self),
            // A valid token, but not a member's.
            Err(problem) if problem.status() == kinds::FORBIDDEN.status => Ok(Self(None)),
            Err(problem) => Err(problem),
        }
    }
}

/// The members whom a reader does not see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden(Vec<MemberId>);

impl Hidden {
    /// Whether this member is one of them.
    pub(crate) fn has(&self, member: MemberId) -> bool {
        self.0.contains(&member)
    }

    /// All of them, for lists that leave them out.
    pub(crate) fn members(&self) -> &[MemberId] {
        &self.0
    }
}

impl ReadApi {
    /// Whom this reader does not see, as of everything that this process knows to have happened:
    /// a block that was acknowledged holds for the next request. Also what is read of the past is
    /// read under the blocks of today.
    ///
    /// # Errors
    /// 503 where the blocks do not get there in time, or cannot be read: nobody is shown then.
    pub(crate) async fn hidden_from(
        &self,
        reader: Reader,
        min_position: Option<u64>,
    ) -> Result<Hidden, Problem> {
        let Reader(Some(member)) = reader else {
            return Ok(Hidden::default());
        };
        let known = self.views.head().get();
        let needed = min_position.map_or(known, |asked| asked.max(known));
        self.views_at_least(&[View::Blocks], Some(needed)).await?;
        let hidden = Moment::live(&self.views).blocks().hidden_from(member).await;
        hidden.map(Hidden).map_err(refusal)
    }
}
