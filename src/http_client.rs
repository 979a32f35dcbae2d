//! Clients that ask others over HTTP and HTTPS. There is one implementation of TLS, and of what it
//! encrypts with: rustls with ring, as for the databases.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

/// A client whose requests take no longer than this.
///
/// # Errors
/// Where the system gives it nothing to ask with.
pub fn within(longest: Duration) -> reqwest::Result<Client> {
    builder().timeout(longest).build()
}

/// A client to be.
pub fn builder() -> ClientBuilder {
    use_ring();
    #[expect(clippy::disallowed_methods, reason = "nobody else may ask for one")]
    Client::builder()
}

/// Says what TLS encrypts with, once for the process: no client is built before.
pub fn use_ring() {
    // Somebody has said so already: that is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
