//! The views of the product, one file each, and what they are asked.

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod blocks;
pub mod board;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod history;
mod moment;
pub(crate) mod page;
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

pub use moment::Moment;
pub use page::{BadCursor, Cursor, PAGE_ITEMS_MAX, Page};
