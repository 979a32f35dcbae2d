//! The verdict: reads the log, holds everything that was recorded against it, and audits it.

use std::{fmt::Write as _, sync::Arc};

use meguri_log::{Accounts, AuditStep, ErasedKeys, Filter, Header, Log, Position, RedactedEvent};
use meguri_simulation::history::{
    Answer, Counted, History, RootTold, StoredEvent, Timeline, check,
};

/// Most violations that are quoted.
const QUOTED: usize = 20;

/// Nothing is erased and nothing redacted.
struct Nothing;

impl Accounts for Nothing {
    fn erased(&self, _: &Header<'_>) -> Vec<ErasedKeys> {
        Vec::new()
    }

    fn redacted(&self, _: &Header<'_>) -> Option<RedactedEvent> {
        None
    }
}

/// Checks a history against the log as it is now, and says how much there was to check.
///
/// # Panics
/// Where the log has broken a promise, with what was found.
pub async fn judge(log: &Log, mut history: History) -> Counted {
    history.timelines = vec![Timeline::only(everything(log).await)];
    let sizes: Vec<_> = history.roots.iter().map(|root| root.size).collect();
    for size in sizes {
        let frontier = log.frontier_at(Position::new(size)).await;
        let root = frontier.expect("the tree is read").root().0;
        let by = "the log in the end".to_owned();
        history.roots.push(RootTold { size, root, by });
    }
    let verdict = check(&history);
    let mut said = String::new();
    for violation in verdict.violations.iter().take(QUOTED) {
        let _ = writeln!(said, "- {violation}");
    }
    assert!(
        verdict.violations.is_empty(),
        "{} violations:\n{said}",
        verdict.violations.len()
    );
    let mut findings = Vec::new();
    let mut tell = |step: AuditStep| {
        if let AuditStep::Found(finding) = step {
            findings.push(finding);
        }
    };
    let audited = log.audit(Arc::new(Nothing), None, &mut tell).await;
    audited.expect("the log is audited");
    assert!(findings.is_empty(), "{findings:?}");
    verdict.counted
}

/// How many calls came to no certain end.
pub fn unknown(history: &History) -> usize {
    let unknown = history
        .operations
        .iter()
        .filter(|operation| matches!(operation.answered, None | Some((_, Answer::Unknown))));
    unknown.count()
}

async fn everything(log: &Log) -> Vec<StoredEvent> {
    let (mut events, mut after) = (Vec::new(), Position::ZERO);
    loop {
        let block = log.read_all(after, &Filter::default(), 10_000).await;
        let block = block.expect("the log is read");
        if block.up_to == after {
            return events;
        }
        after = block.up_to;
        let stored = block.events.iter().map(StoredEvent::read);
        events.extend(stored.map(|event| event.expect("every event has its header")));
    }
}
