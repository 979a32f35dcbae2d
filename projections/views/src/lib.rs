//! The views of the product, one file each, and what they are asked.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod blocks;
pub mod board;
mod catalog;
mod column;
mod error;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod history;
mod moment;
mod page;
pub mod posts;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod profiles;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod rooms;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod search;
mod set;
pub mod thanks;

pub use column::Json;
pub use error::QueryError;
pub use moment::Moment;
pub use page::{BadCursor, Cursor, PAGE_ITEMS_MAX, Page};
pub use set::{all, settings};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
