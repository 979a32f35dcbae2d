//! From a token's holder to the member the views know.

use meguri_events::MemberId;
use meguri_http::{Member, Problem, kinds};

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
