//! Everything that anyone needs to check or to publish the Merkle tree of an append-only log.
#![doc = include_str!("../README.md")]

mod builder;
mod bundle;
mod checkpoint;
mod cosignature;
mod key;
mod note;
mod plan;
mod proof;
mod tile;
mod tree;
mod witness;

pub use builder::{Builder, Piece, ResumeError};
pub use bundle::{BadBundle, ENTRY_BYTES_MAX, EntryTooLong, encode_entries};
pub use checkpoint::{BadCheckpoint, Checkpoint, OpenError};
pub use cosignature::{CosignatureError, Cosigner, WitnessKey, cosigners};
pub use key::{BadKey, BadKeyName, KeyId, KeyName, SignerKey, VerifierKey};
pub use note::{
    BadSignatureLine, NOTE_BYTES_MAX, Note, NoteError, SIGNATURES_MAX, Signature, VerifyError,
};
pub use plan::{MissingTile, Plan, PlanError};
pub use proof::{BadProof, PROOF_HASHES_MAX, Proof, ProofError};
pub use tile::{BadPath, BadTile, Bundle, Published, TILE_WIDTH, Tile, WrongLength};
pub use tree::{Hash, Tree, hash_from_base64, hash_to_base64, leaf, node, root};
pub use witness::{AddCheckpoint, BadAddCheckpoint, WitnessRefusal};
