//! What the tests of the whole product stand on: a server as a child process, and its API.

pub(crate) mod api;
pub(crate) mod bucket;
pub(crate) mod chance;
pub(crate) mod connection;
pub(crate) mod server;
