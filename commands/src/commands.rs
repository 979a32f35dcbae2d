//! The one handle through which everything is written.

use std::sync::Arc;

use axum::extract::FromRef;
use meguri_http::{Buckets, RequestDigest, Tokens};
use meguri_log::{Log, RequestKey};

use crate::cache::Cache;
use crate::password::Passwords;
use crate::{CommandSettings, Ids, SystemIds};

/// Carries out commands on a log. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Commands {
    shared: Arc<Shared>,
    ids: Arc<dyn Ids>,
}

#[derive(Debug)]
struct Shared {
    log: Log,
    settings: CommandSettings,
    cache: Cache,
    passwords: Passwords,
    log_in_attempts: Buckets,
    tokens: Tokens,
}

impl Commands {
    /// Commands on this log.
    pub fn new(log: Log, settings: CommandSettings) -> Self {
        let mut tokens = Tokens::new(log.vault().clone());
        if let Some(rate) = settings.account_rate {
            tokens = tokens.limited(rate);
        }
        let shared = Shared {
            cache: Cache::new(settings.states_cached),
            passwords: Passwords::new(settings.password_cost, settings.hashing_at_once),
            log_in_attempts: Buckets::new(settings.log_in_rate),
            tokens,
            settings,
            log,
        };
        Self {
            shared: Arc::new(shared),
            ids: Arc::new(SystemIds),
        }
    }

    /// The same with another source of ids, e.g. one that gives the same ids again.
    #[must_use]
    pub fn with_ids(&self, ids: Arc<dyn Ids>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ids,
        }
    }

    /// The log that is written.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// What is in force.
    pub fn settings(&self) -> &CommandSettings {
        &self.shared.settings
    }

    /// The key under which the log remembers a client's request for 30 days. What the client
    /// sent is in it under the vault's pepper only, for it may be guessed.
    pub fn request_key(&self, digest: RequestDigest) -> RequestKey {
        let request = hex::encode(digest.request);
        let request = self.log().vault().pepper_hmac("request", &request);
        RequestKey {
            key: digest.key,
            request,
            expires: true,
        }
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        self.ids.as_ref()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.shared.passwords
    }

    pub(crate) fn log_in_attempts(&self) -> &Buckets {
        &self.shared.log_in_attempts
    }
}

impl FromRef<Commands> for Tokens {
    fn from_ref(commands: &Commands) -> Self {
        commands.shared.tokens.clone()
    }
}
