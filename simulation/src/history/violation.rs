//! What a history shows that the log promises never to do.

use meguri_log::{Expected, Position, StreamName, Version};
use uuid::Uuid;

/// Something that the log promises never to do. Operations are named by their index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Positions have a hole, or go back.
    #[error("position {expected} should stand here, and {found} does")]
    Hole {
        /// Expected.
        expected: Position,
        /// Found.
        found: Position,
    },
    /// Versions of a stream have a hole, or one is taken twice.
    #[error("position {position} has version {found} of {stream}, whose last was {last}")]
    VersionOutOfTurn {
        /// Where.
        position: Position,
        /// The stream.
        stream: StreamName,
        /// The version before.
        last: Version,
        /// The version found.
        found: Version,
    },
    /// The time of the log goes back.
    #[error("the time at {position} is before that of the event before it")]
    TimeGoesBack {
        /// Where.
        position: Position,
    },
    /// A timeline begins beyond the end of the one before.
    #[error("timeline {timeline} keeps {kept}, and the one before ends earlier")]
    KeptTooMuch {
        /// Which.
        timeline: usize,
        /// What it says.
        kept: Position,
    },
    /// An event that nobody asked for.
    #[error("nobody asked for the event {id} at {position}")]
    NobodyAsked {
        /// Where.
        position: Position,
        /// The event.
        id: Uuid,
    },
    /// Different requests asked for an event with one id: this is a fault of who recorded.
    #[error("operation {operation} asks for {id}, as another request does")]
    IdAskedTwice {
        /// The second.
        operation: usize,
        /// The event.
        id: Uuid,
    },
    /// A request stands in part, in another order, in another stream, or with others between.
    #[error("operation {operation} stands torn at {position}")]
    Torn {
        /// Which.
        operation: usize,
        /// Where.
        position: Position,
    },
    /// A request stands twice.
    #[error("operation {operation} stands at {first} and again at {again}")]
    Doubled {
        /// Which.
        operation: usize,
        /// Where first.
        first: Position,
        /// Where else.
        again: Position,
    },
    /// A condition was false where the request stands.
    #[error(
        "operation {operation} stands at {position} on the condition that {stream} is {expected}, \
         and it had version {found}"
    )]
    ConditionFalse {
        /// Which.
        operation: usize,
        /// Where it begins.
        position: Position,
        /// The stream of the condition.
        stream: StreamName,
        /// What it asked for.
        expected: Expected,
        /// The version the stream had.
        found: Version,
    },
    /// What was acknowledged does not stand where the acknowledgement says.
    #[error("operation {operation} was told {position}, and does not stand there")]
    Lost {
        /// Which.
        operation: usize,
        /// Where it was said to stand.
        position: Position,
    },
    /// An acknowledgement does not agree with itself, or with what was asked.
    #[error("operation {operation} was told something else than it asked for")]
    AnswerOfAnother {
        /// Which.
        operation: usize,
    },
    /// An acknowledgement says that the request was made before, and nobody made it.
    #[error("operation {operation} was told that it repeats, and nobody had asked before")]
    RepeatsNothing {
        /// Which.
        operation: usize,
    },
    /// What failed for certain stands.
    #[error("operation {operation} failed for certain, and stands at {position}")]
    FailedAndStands {
        /// Which.
        operation: usize,
        /// Where.
        position: Position,
    },
    /// A request stands before something that the log had shown when the request was made.
    #[error(
        "operation {operation} was made when the log had shown {shown}, and stands at {position}"
    )]
    RealTime {
        /// Which.
        operation: usize,
        /// Where it begins.
        position: Position,
        /// How far the log had come by an answer that was given before.
        shown: Position,
    },
    /// No state of the log during the call justifies the conflict.
    #[error(
        "operation {operation} was refused, for {stream} should be {expected} and was {found}: \
         it was not, at any moment of the call"
    )]
    UnjustifiedConflict {
        /// Which.
        operation: usize,
        /// The stream.
        stream: StreamName,
        /// What was asked for.
        expected: Expected,
        /// What was said to be found.
        found: Version,
    },
    /// A key was said to be used, and was not used by another request.
    #[error("operation {operation} was refused for its key, which no other request had used")]
    UnjustifiedKey {
        /// Which.
        operation: usize,
    },
    /// Two requests under one key were both appended, or answered with different outcomes.
    #[error("operations {first} and {second} have one key and two outcomes")]
    KeyWithTwoOutcomes {
        /// One.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Another request under a used key was answered as if it were the first.
    #[error("operations {first} and {second} ask for different things under one key; both have it")]
    KeyOfAnother {
        /// One.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A request was decided anew, though its key had been answered before it was made.
    #[error("operation {operation} was refused otherwise than by its key, which {first} had used")]
    KeyForgotten {
        /// The one that was acknowledged under the key.
        first: usize,
        /// The one that was refused later.
        operation: usize,
    },
    /// No state of the log during a read is what was read.
    #[error("reading {reading} found {found}, which was so at no moment of the call")]
    UnjustifiedReading {
        /// Which.
        reading: usize,
        /// What was found.
        found: u64,
    },
    /// A follower was given an event that does not stand there, or out of order.
    #[error("follower {follower} was given {found} where {expected} should come")]
    FollowerOutOfTurn {
        /// Which.
        follower: usize,
        /// The next position.
        expected: Position,
        /// The position it was given.
        found: Position,
    },
    /// A follower was given another event than stands at that position.
    #[error("follower {follower} was given another event than stands at {position}")]
    FollowerMisled {
        /// Which.
        follower: usize,
        /// Where.
        position: Position,
    },
    /// A follower did not come as far as it must.
    #[error("follower {follower} came to {reached}, and there is more up to {end}")]
    FollowerBehind {
        /// Which.
        follower: usize,
        /// How far it came.
        reached: Position,
        /// How far it must.
        end: Position,
    },
    /// Two roots were told of one size.
    #[error("{one} and {other} tell two roots of size {size}")]
    TwoRoots {
        /// The size.
        size: u64,
        /// Who told one.
        one: String,
        /// Who told another.
        other: String,
    },
}
