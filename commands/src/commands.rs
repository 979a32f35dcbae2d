//! The one handle through which everything is written.

use std::sync::Arc;

use meguri_log::{Log, RequestKey};

use crate::attempts::Attempts;
use crate::cache::Cache;
use crate::password::Passwords;
use crate::snapshots::Snapshots;
use crate::{CommandSettings, Ids, SystemIds, Visitor};

/// What is kept of a request that may be repeated under a key of its client: two hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDigest {
    /// SHA-256 of actor, route and the client's key.
    pub key: [u8; 32],
    /// SHA-256 of method, path and body: tells a repeated request from another one.
    pub request: [u8; 32],
}

/// Carries out commands on a log. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Commands {
    shared: Arc<Shared>,
    ids: Arc<dyn Ids>,
    visitor: Visitor,
}

#[derive(Debug)]
struct Shared {
    log: Log,
    settings: CommandSettings,
    cache: Cache,
    snapshots: Snapshots,
    passwords: Passwords,
    attempts: Attempts,
}

impl Commands {
    /// Commands on this log.
    pub fn new(log: Log, settings: CommandSettings) -> Self {
        let shared = Shared {
            cache: Cache::new(settings.states_cached),
            snapshots: Snapshots::open(settings.snapshots_in.as_deref(), settings.snapshot_every),
            passwords: Passwords::new(settings.password_cost, settings.hashing_at_once),
            attempts: Attempts::new(&settings),
            settings,
            log,
        };
        Self {
            shared: Arc::new(shared),
            ids: Arc::new(SystemIds),
            visitor: Visitor::default(),
        }
    }

    /// The same for somebody who asks from there: who gives a password, or registers.
    #[must_use]
    pub fn asked_from(&self, visitor: Visitor) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ids: Arc::clone(&self.ids),
            visitor,
        }
    }

    /// The same with another source of ids, e.g. one that gives the same ids again.
    #[must_use]
    pub fn with_ids(&self, ids: Arc<dyn Ids>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ids,
            visitor: self.visitor.clone(),
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

    /// The key under which the log remembers the request of a visitor, who is nobody yet. What was
    /// asked is part of it: visitors share no space of keys, and one who comes back from another
    /// address with the same request under the same key is recognised. All of it is under the
    /// vault's pepper, for what a person gives to register may be guessed.
    pub fn visitors_key(&self, digest: RequestDigest) -> RequestKey {
        let both = [digest.key, digest.request].map(hex::encode).concat();
        RequestKey {
            key: self.log().vault().pepper_hmac("visitor", &both),
            ..self.request_key(digest)
        }
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        self.ids.as_ref()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    pub(crate) fn snapshots(&self) -> &Snapshots {
        &self.shared.snapshots
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.shared.passwords
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.shared.attempts
    }

    pub(crate) fn visitor(&self) -> &Visitor {
        &self.visitor
    }
}
