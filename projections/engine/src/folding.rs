//! What a view is, and how the events of a log become its rows.

pub mod cell;
pub mod decode;
pub mod digest;
pub mod erasure;
pub mod facts;
pub mod kinds;
pub mod outcome;
pub mod redactions;
pub mod row;
pub mod search;
pub mod table;
pub mod view;
