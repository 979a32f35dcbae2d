//! The published log (C2SP tlog-tiles) and its proofs, for anyone: that an event is in the log that
//! was signed, and that the log has only grown. Nothing of it is secret.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_log::{Inclusion, Position, Publication, PublishedError};
use meguri_proofs::{Proof, Published, hash_to_base64};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::waiting::waiting;
use crate::{AnswerError, ReadApi};

/// Longest wait for a checkpoint that covers an event.
pub const INCLUDED_WAIT_MAX: Duration = Duration::from_secs(10);

/// That an event is in the log which was signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct InclusionProof {
    /// Position of the event; its entry has this number less one in the tree.
    #[schema(minimum = 1)]
    position: u64,
    /// The entry, base64 of 33 bytes: `0x01 ‖ HMAC-SHA256(blind, header)`.
    entry: String,
    /// The hashes from the entry's neighbour up to the root's child, base64 of 32 bytes each.
    proof: Vec<String>,
    /// The signed note with the size and the root that the proof leads to.
    checkpoint: String,
}

impl From<Inclusion> for InclusionProof {
    fn from(inclusion: Inclusion) -> Self {
        Self {
            position: inclusion.position.get(),
            entry: STANDARD.encode(inclusion.entry),
            proof: lines(&inclusion.proof),
            checkpoint: inclusion.checkpoint.note,
        }
    }
}

fn lines(proof: &Proof) -> Vec<String> {
    proof.hashes().iter().map(hash_to_base64).collect()
}

/// That the log of one size begins with all of a smaller one.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsistencyProof {
    /// Size of the older tree.
    from: u64,
    /// Size of the newer tree.
    to: u64,
    /// The hashes of RFC 6962, section 2.1.2, base64 of 32 bytes each.
    proof: Vec<String>,
}

impl ReadApi {
    /// Proves that an event is in the log, against the last checkpoint, or the one of this size.
    pub async fn inclusion(
        &self,
        position: u64,
        size: Option<u64>,
    ) -> Result<InclusionProof, AnswerError> {
        let inclusion = self.log.inclusion(Position::new(position), size).await?;
        Ok(inclusion.into())
    }

    /// Proves that an event is in the log, as soon as a checkpoint covers it; nothing where none
    /// does within [`INCLUDED_WAIT_MAX`], or where this server does not hear of checkpoints.
    pub async fn included(&self, position: u64) -> Option<InclusionProof> {
        let mut publication = self.publication.clone()?;
        let size = |now: &Publication| now.latest.as_ref().map_or(0, |it| it.tree.size);
        let covered = async {
            let covered = publication.wait_for(|now| size(now) >= position).await;
            covered.map(drop)
        };
        let covered = waiting(timeout(INCLUDED_WAIT_MAX, covered)).await;
        covered.ok()?.ok()?.ok()?;
        self.inclusion(position, None).await.ok()
    }

    /// Proves that the log of one size begins with all of a smaller one (RFC 6962, section 2.1.2).
    pub async fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof, AnswerError> {
        let proof = lines(&self.log.consistency_proof(from, to).await?);
        Ok(ConsistencyProof { from, to, proof })
    }

    /// The last checkpoint that the log has signed, a signed note (C2SP tlog-checkpoint).
    pub async fn checkpoint(&self) -> Result<String, AnswerError> {
        let latest = self.log.latest_checkpoint().await?;
        Ok(latest.ok_or(PublishedError::NotYet { published: 0 })?.note)
    }

    /// A tile of the log's tree, or a bundle of its entries, by the path under which it is
    /// published, such as `0/000` or `entries/000.p/7`.
    pub async fn tile(&self, path: &str) -> Result<Vec<u8>, AnswerError> {
        let wanted = format!("tile/{path}").parse();
        match wanted.map_err(|_| AnswerError::NOT_FOUND)? {
            Published::Tile(tile) => Ok(self.log.tile(tile).await?.as_flattened().to_vec()),
            Published::Bundle(bundle) => Ok(self.log.bundle(bundle).await?),
        }
    }
}
