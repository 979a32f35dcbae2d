//! An append-only event log with proofs, sealed personal data and a vault, on SQLite and
//! PostgreSQL.
//!
//! The log knows nothing of what its events mean. It promises:
//!
//! - **Positions** 1, 2, 3, … without a hole, in commit order: who has seen position P and asks for
//!   what follows can never miss an event.
//! - **Appends** of any number of events to any number of streams, under any number of conditions:
//!   all or nothing, and repeatable under a key.
//! - **Bytes** that are fixed (`formats.md`): a header that is never encoded again, and an entry
//!   for the tree of proofs. What a person typed is sealed under a key of that person; destroying
//!   the key erases it and breaks no proof.
//!
//! ```
//! use meguri_log::{Append, Cause, Condition, Expected, NewEvent, Position, StreamName};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! use meguri_log::{Kek, Location, Log, LogOptions};
//!
//! let location = Location::Sqlite { log: folder.join("log.db"), vault: folder.join("vault.db") };
//! let log = Log::open(&LogOptions::new(location, Kek::File(folder.join("vault.kek")))).await?;
//!
//! let stream: StreamName = "order-1".parse()?;
//! let placed = NewEvent {
//!     id: uuid::Uuid::now_v7(),
//!     stream: stream.clone(),
//!     event_type: "OrderPlaced".into(),
//!     schema: 1,
//!     data: r#"{"items":2}"#.into(),
//!     sealed: Vec::new(),
//! };
//! let appended = log
//!     .append(Append {
//!         cause: Cause { actor: "customer-7".into(), ..Cause::default() },
//!         events: vec![placed],
//!         conditions: vec![Condition { stream, expected: Expected::NoStream }],
//!         key: None,
//!     })
//!     .await?;
//! assert_eq!(appended.position, Position::new(1));
//!
//! let mut follower = log.follow(Position::ZERO);
//! let block = follower.next().await?;
//! assert_eq!(block.events[0].event_type(), "OrderPlaced");
//! log.close().await;
//! # Ok(())
//! # }
//! ```

mod apart;
mod append;
mod appending;
mod audit;
mod backend;
mod blocks;
mod clock;
mod clock_guard;
mod connections;
mod copy;
mod decide;
mod erase;
mod evidence;
mod follow;
mod found;
mod frontiers;
mod header;
mod identity;
mod integrity;
mod known_head;
pub mod limits;
mod log;
mod moment;
mod open;
mod options;
mod postgres;
mod publish;
mod queue;
mod randomness;
mod reach;
mod read;
mod recorded;
mod release;
mod remembered;
mod schedule;
mod seal;
mod secret_file;
#[cfg(feature = "simulation")]
pub mod simulation;
mod sqlite;
mod store;
mod stream;
mod tree;
mod vault;
mod waiting;
mod witnessing;
mod writer;

pub use append::{
    Append, AppendError, Appended, AppendedEvent, Cause, Condition, Expected, NewEvent, NewSection,
    RequestKey,
};
pub use appending::AppendsFail;
pub use audit::{
    Accounts, AuditError, AuditStep, Audited, ErasedKeys, Finding, FindingKind, Place,
    RedactedEvent,
};
pub use blocks::Blocks;
pub use clock::{BadTimestamp, Clock, ManualClock, SystemClock, Timestamp};
pub use clock_guard::{ClockAhead, ClockState};
pub use copy::{CopyError, CopyKey, LogFile, open_vault_copy};
pub use erase::EraseError;
pub use evidence::ShownSection;
pub use follow::Follower;
pub use found::FileFound;
pub use frontiers::TreeError;
pub use header::{Header, HeaderError, SealedRef};
pub use known_head::{HeadGone, HeadWatch};
pub use limits::TooLarge;
pub use log::Log;
pub use open::{OpenedEvent, OpenedEvents};
pub use options::{Location, LogOptions, OpenError, TOKEN_LIFETIME};
pub use publish::{
    CheckpointKeeper, Inclusion, KeptIn, LastSigned, Publication, PublishOptions, PublishState,
    PublishedError, Publisher, Refusal, SignedCheckpoint, SigningKey, SigningKeyError, Witness,
    WitnessAnswer, Witnesses,
};
pub use randomness::{Randomness, SystemRandomness};
pub use reach::OutOfReach;
pub use read::{BadFilter, Direction, Filter, ReadError, StreamRange};
pub use recorded::{Block, Entry, Recorded};
pub use seal::{OpenSealError, Section, SectionContent};
pub use store::Head;
pub use stream::{BadStreamName, Position, STREAM_NAME_BYTES_MAX, StreamName, Version};
pub use tree::{BadFrontier, BadRoot, Frontier, Root};
pub use vault::{
    Kek, KekError, LostKey, LostKeysError, Rotated, StoredToken, TokenHolder, TokenId, Unfinished,
    Vault, VaultError,
};
#[cfg(feature = "simulation")]
pub use waiting::{OnTheSpot, answer_on_the_spot};
pub use waiting::{answered, off_the_runtime};
pub use witnessing::{NotCosigned, WitnessMemoryError, Witnessing};
