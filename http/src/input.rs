//! What a client sent, read into what a route takes: JSON bodies, queries, paths. Every failure is
//! told in both languages, and names the place.

mod error;
mod fields;
mod json;
mod text;
mod tree;

pub(crate) use error::InputError;
pub(crate) use json::read_json;
pub(crate) use text::{OneText, Pairs};
