//! Proofs: that an event is in the log that was signed, and that the log has only grown.

use axum::extract::State;
use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_http::{Json, Path, Problem, Problems, Query};
use meguri_log::{Inclusion, Position};
use meguri_proofs::{Proof, hash_to_base64};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::published::not_published;
use crate::{ReadApi, freshness};

/// Against which checkpoint.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Against {
    /// Size of a checkpoint that was published; without it, the last one.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    size: Option<u64>,
}

/// That an event is in the log which was signed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InclusionProof {
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

/// From which size to which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Growth {
    /// How many events the older checkpoint has.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(required = true, minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    from: Option<u64>,
    /// How many the newer one has.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(required = true, minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    to: Option<u64>,
}

/// That the log of one size begins with all of a smaller one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsistencyProof {
    /// Size of the older tree.
    from: u64,
    /// Size of the newer tree.
    to: u64,
    /// The hashes of RFC 6962, section 2.1.2, base64 of 32 bytes each.
    proof: Vec<String>,
}

/// Proves that an event is in the log.
///
/// Against the last checkpoint, or any other that was published. The proof is checked with the
/// verifier key alone (RFC 6962, section 2.1.1): it says that the log has signed this entry at
/// this place, and nothing of what the event says.
#[utoipa::path(
    get, path = "/events/{position}/proof", tag = "audit", operation_id = "prove_event",
    extensions(("x-summary-ja" = json!("記録に含まれることの証明"))),
    security(()),
    params(("position" = u64, Path, minimum = 1, description = "Position of the event"), Against),
    responses(
        (status = 200, description = "The proof", body = InclusionProof),
        (status = 404, description = "No such event or checkpoint, or not published yet",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn prove_event(
    State(api): State<ReadApi>,
    Path(position): Path<u64>,
    Query(against): Query<Against>,
) -> Result<Json<InclusionProof>, Problem> {
    let inclusion = api.log.inclusion(Position::new(position), against.size);
    let inclusion = inclusion.await.map_err(not_published)?;
    Ok(Json(inclusion.into()))
}

/// Proves that the log has only grown.
///
/// Between any two sizes up to that of the last checkpoint (RFC 6962, section 2.1.2). Verify it
/// with the roots of two checkpoints that you hold.
#[utoipa::path(
    get, path = "/proof/consistency", tag = "audit", operation_id = "prove_growth",
    extensions(("x-summary-ja" = json!("記録が追加のみであることの証明"))),
    security(()),
    params(Growth),
    responses(
        (status = 200, description = "The proof", body = ConsistencyProof),
        (status = 404, description = "Not published yet, or the log never shrank so",
            content_type = "application/problem+json", body = meguri_http::ProblemBody),
        Problems,
    )
)]
pub(crate) async fn prove_growth(
    State(api): State<ReadApi>,
    Query(growth): Query<Growth>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let (Some(from), Some(to)) = (growth.from, growth.to) else {
        return Err(Problem::new(meguri_http::kinds::BAD_REQUEST).detail(
            "from と to の両方を指定してください",
            "Both `from` and `to` are needed",
        ));
    };
    let proof = api.log.consistency_proof(from, to).await;
    let proof = lines(&proof.map_err(not_published)?);
    Ok(Json(ConsistencyProof { from, to, proof }))
}
