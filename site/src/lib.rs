//! Pages over HTTP, for people: what auditors and parties see of the log, and the page of the API.
//!
//! What they look like stands in `templates`, which are compiled; what they show is answered by
//! [`ReadApi`]. Everything that comes from outside is escaped.

mod audit;
mod escape;
mod reference;

use axum::Router;
use axum::extract::FromRef;
use meguri_http::Tokens;
use meguri_read_api::ReadApi;

pub use audit::OWN_QUERIES;
pub use reference::{PAGE_PATH, reference};

/// What the pages need.
#[derive(Debug, Clone)]
struct Site {
    read: ReadApi,
    tokens: Tokens,
}

impl FromRef<Site> for Tokens {
    fn from_ref(site: &Site) -> Self {
        site.tokens.clone()
    }
}

/// The pages for people. They are not part of the API's description.
pub fn pages(read: ReadApi, tokens: Tokens) -> Router {
    audit::pages().with_state(Site { read, tokens })
}
