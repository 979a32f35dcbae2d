//! What is kept of the streams that tell who somebody is, apart from the events, against these.

use super::{
    Audit, AuditError,
    chain::Chain,
    finding::{Finding, FindingKind, Place},
};
use crate::{log::Log, read::ReadError};

/// Streams that are read at once.
const STREAMS_AT_ONCE: u32 = 5_000;

/// Compares everything that is kept, and finds what is not.
pub(super) async fn check(
    log: &Log,
    chain: &mut Chain,
    audit: &mut Audit<'_>,
) -> Result<(), AuditError> {
    let mut after = Vec::new();
    let find = |audit: &mut Audit<'_>, reason: String| {
        let place = Place::Identities;
        audit.found(Finding::new(place, FindingKind::Identity, reason));
    };
    loop {
        let kept = log.audited().audit_identities(&after, STREAMS_AT_ONCE);
        let kept = kept.await.map_err(ReadError::from)?;
        let Some(last) = kept.last() else { break };
        after.clone_from(&last.stream);
        for kept in kept {
            let recorded = chain.take_identity(&kept.stream);
            let written_meanwhile = kept.position.is_some_and(|it| it > chain.end().to_sql());
            if !written_meanwhile && recorded != Some(kept.version) {
                let stream = String::from_utf8_lossy(&kept.stream);
                let reason = format!(
                    "{stream} is kept with version {}, and has {}",
                    kept.version,
                    recorded.unwrap_or_default()
                );
                find(audit, reason);
            }
        }
    }
    let missing = chain.identities();
    if missing > 0 {
        find(audit, format!("{missing} streams are not kept"));
    }
    Ok(())
}
