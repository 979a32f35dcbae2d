//! What a view is, and how the events of a log become its rows.

pub(crate) mod cell;
pub(crate) mod decode;
pub(crate) mod digest;
pub(crate) mod kinds;
pub(crate) mod outcome;
pub(crate) mod redactions;
pub(crate) mod row;
pub(crate) mod search;
pub(crate) mod table;
pub(crate) mod view;
