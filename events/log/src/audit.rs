//! The audit of the whole log: whatever is stored is computed again from the bytes it was made of,
//! and whatever does not fit is named.

mod accounts;
mod chain;
mod closed;
mod event;
mod finding;
mod identities;
mod published;
mod requests;
pub(crate) mod store;

use std::{hash::RandomState, path::Path, sync::Arc};

use futures::{StreamExt, stream};
use tokio::runtime::Handle;

use crate::{
    header::Header, integrity::not_found, log::Log, read::ReadError, seal::Opener,
    stream::Position, tree::Root, vault::VaultError,
};

pub use accounts::{Accounts, ErasedKeys, RedactedEvent};
pub use finding::{Finding, FindingKind, Place};

use chain::Chain;
use event::{Checked, Common};
use published::PublishedTree;

/// Positions that are read and checked at once.
const BLOCK_POSITIONS: usize = 4_000;

/// What an audit tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditStep {
    /// Every event up to here has been looked at.
    Checked(Position),
    /// Something does not fit.
    Found(Finding),
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// Events whose entry was computed anew from their header.
    pub events: u64,
    /// Sealed sections that open to what their header commits to.
    pub opened: u64,
    /// Sealed sections that were not looked at, for there was no vault.
    pub unopened: u64,
    /// Sealed sections that a logged erasure covers.
    pub erased: u64,
    /// Events that were redacted, as a later event says.
    pub redacted: u64,
    /// Full tiles that are the tree's.
    pub tiles: u64,
    /// Checkpoints that are signed and the tree's.
    pub checkpoints: u64,
    /// The root of the tree over these events; none where it cannot be told.
    pub root: Option<Root>,
    /// What does not fit.
    pub findings: u64,
}

/// Why the audit could not be carried through. It can be begun again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The vault cannot be asked whether sections open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A part of it broke off.
    #[error("the audit broke off: {0}")]
    BrokeOff(String),
}

/// What an audit has come to so far.
struct Audit<'a> {
    audited: Audited,
    tell: &'a mut (dyn FnMut(AuditStep) + Send),
}

impl Audit<'_> {
    fn found(&mut self, finding: Finding) {
        self.audited.findings += 1;
        (self.tell)(AuditStep::Found(finding));
    }
}

impl Log {
    /// Checks every event there is: its entry against its header, its columns against what the
    /// header says, versions, times and causes against the events before, every sealed section
    /// against its commitment or against the erasure that covers it; what is remembered of
    /// requests against the events that it names; and everything that is published, or kept as a
    /// shortcut, against the entries. Nothing is changed.
    ///
    /// `accounts` reads what the application's own events say of erasures and redactions;
    /// `outside` is the file that keeps the last checkpoint apart from the database. Where the log
    /// is being written meanwhile, what was there at the beginning is checked.
    ///
    /// # Errors
    /// [`AuditError`]; what was told so far is true.
    pub async fn audit(
        &self,
        accounts: Arc<dyn Accounts>,
        outside: Option<&Path>,
        tell: &mut (dyn FnMut(AuditStep) + Send),
    ) -> Result<Audited, AuditError> {
        let audited = Audited::default();
        let mut audit = Audit { audited, tell };
        for wrong in self
            .audited()
            .audit_integrity(None)
            .await
            .map_err(ReadError::from)?
        {
            audit.found(Finding::new(Place::Database, FindingKind::Integrity, wrong));
        }
        for wrong in self.vault_integrity().await? {
            audit.found(Finding::new(Place::Vault, FindingKind::Integrity, wrong));
        }
        // INVARIANT: read before the head, so that no true checkpoint is ahead of it.
        let mut tree = PublishedTree::begin(self, outside, &mut audit).await?;
        let head = self.store().head().await.map_err(ReadError::from)?;
        let streams = RandomState::new();
        let mut chain = Chain::new(head, streams.clone());
        let common = Common { accounts, streams };
        let count = self
            .audited()
            .audit_count()
            .await
            .map_err(ReadError::from)?;
        // However far the log says that it goes: as far as there can be events without a gap.
        let dense = head.position.get().min(count);
        let ranges = (0..dense).step_by(BLOCK_POSITIONS);
        let blocks = stream::iter(ranges).map(|after| {
            let up_to = dense.min(after + BLOCK_POSITIONS as u64);
            let (after, up_to) = (Position::new(after), Position::new(up_to));
            check_block(self.clone(), common.clone(), after, up_to)
        });
        let mut blocks = std::pin::pin!(blocks.buffered(blocks_at_once()));
        while let Some(block) = blocks.next().await {
            take(self, block?, &mut tree, &mut chain, &mut audit).await?;
        }
        let mut after = Position::new(dense);
        while after < head.position {
            let block = check_block(self.clone(), common.clone(), after, head.position).await?;
            let Some(last) = block.last() else { break };
            after = last.position;
            take(self, block, &mut tree, &mut chain, &mut audit).await?;
        }
        requests::check(self, &chain, &mut audit).await?;
        identities::check(self, &mut chain, &mut audit).await?;
        chain.finish(&mut audit);
        tree.finish(self, &mut audit).await?;
        Ok(audit.audited)
    }
}

impl Log {
    async fn vault_integrity(&self) -> Result<Vec<String>, VaultError> {
        if !self.has_vault() {
            return Ok(Vec::new());
        }
        self.vault().integrity(None).await
    }
}

/// Compares the next events with those before them, and with what is published.
async fn take(
    log: &Log,
    block: Vec<Checked>,
    tree: &mut PublishedTree,
    chain: &mut Chain,
    audit: &mut Audit<'_>,
) -> Result<(), AuditError> {
    if let (Some(first), Some(last)) = (block.first(), block.last()) {
        let after = Position::new(first.position.get().saturating_sub(1));
        let unfound = log.audited().audit_lookups(after, last.position).await;
        for position in unfound.map_err(ReadError::from)? {
            let reason = not_found(position);
            audit.found(Finding::at(position, FindingKind::Lookup, reason));
        }
    }
    for event in block {
        tree.take(log, &event, audit).await?;
        chain.take(event, audit);
    }
    (audit.tell)(AuditStep::Checked(chain.position()));
    Ok(())
}

/// Blocks that are checked at once: one more than cores, for reading waits.
fn blocks_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1
}

/// Reads some events and checks each by itself, on a thread of its own.
async fn check_block(
    log: Log,
    common: Common,
    after: Position,
    up_to: Position,
) -> Result<Vec<Checked>, AuditError> {
    let runtime = Handle::current();
    let checking = tokio::task::spawn_blocking(move || {
        let rows = runtime.block_on(log.audited().audit_rows(after, up_to, BLOCK_POSITIONS));
        let rows = rows.map_err(ReadError::from)?;
        let headers: Vec<_> = rows.iter().map(event::header).collect();
        let sealed = |header: &Option<Result<Header<'_>, String>>| match header {
            Some(Ok(header)) => header.sealed.len(),
            Some(Err(_)) | None => 0,
        };
        let readable = headers.iter().flatten().flatten();
        let listed = readable.flat_map(|header| &header.sealed);
        let ids: Vec<&str> = listed.map(|section| section.key).collect();
        let emptied = rows.iter().zip(&headers).filter_map(|(row, header)| {
            let header = header.as_ref()?.as_ref().ok()?;
            let is_emptied = row.sealed.as_ref().is_none_or(Vec::is_empty);
            is_emptied.then_some(header)
        });
        let doubted = emptied.flat_map(|header| &header.sealed);
        let doubted: Vec<&str> = doubted.map(|section| section.key).collect();
        log.vault().doubt(&doubted);
        let keys = if log.has_vault() {
            Some(runtime.block_on(log.vault().keys(&ids))?)
        } else {
            None
        };
        let (mut keys, mut opener) = (keys.as_deref(), Opener::default());
        let mut checked = Vec::with_capacity(rows.len());
        for (row, header) in rows.iter().zip(&headers) {
            let own = keys.as_mut().map(|keys| {
                let own = keys.split_off(..sealed(header));
                own.expect("INVARIANT: there is a key for each section that was asked for")
            });
            checked.push(event::check(
                row,
                header.as_ref(),
                own,
                &common,
                &mut opener,
            ));
        }
        Ok(checked)
    });
    checking
        .await
        .map_err(|error| AuditError::BrokeOff(error.to_string()))?
}
