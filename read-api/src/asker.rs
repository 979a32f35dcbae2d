//! From a token's holder to the member the views know.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use meguri_events::MemberId;
use meguri_http::{Auditor, Member, Problem, kinds};
use meguri_views::history::Asking;

use crate::ReadApi;

/// The member's id.
///
/// # Errors
/// 401 where the token was issued for something that is no member.
pub(crate) fn id_of(member: &Member) -> Result<MemberId, Problem> {
    MemberId::from_stream(&member.subject).ok_or_else(|| {
        tracing::error!(
            subject = member.subject,
            "a member's token is held by no member"
        );
        Problem::new(kinds::UNAUTHENTICATED)
    })
}

/// Who asks what happened: a party, or an auditor, whose duty it is.
#[derive(Debug, Clone)]
pub(crate) struct Inquirer {
    /// Whose exchanges may be seen.
    pub(crate) asking: Asking,
    /// `member-<id>`, or the auditor's name.
    pub(crate) subject: String,
}

impl FromRequestParts<ReadApi> for Inquirer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &ReadApi) -> Result<Self, Problem> {
        let member = <Member as FromRequestParts<ReadApi>>::from_request_parts(parts, api).await;
        match member {
            Ok(member) => Ok(Self {
                asking: Asking::Member(id_of(&member)?),
                subject: member.subject,
            }),
            // A valid token, but not a member's.
            Err(problem) if problem.status() == kinds::FORBIDDEN.status => {
                let auditor = Auditor::from_request_parts(parts, api).await?;
                Ok(Self {
                    asking: Asking::Auditor,
                    subject: auditor.subject,
                })
            }
            Err(problem) => Err(problem),
        }
    }
}
