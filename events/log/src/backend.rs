//! A backend as all that it is to the log.

use std::sync::Arc;

use crate::{
    audit::store::AuditStore,
    publish::store::PublishStore,
    store::{Store, StoreError},
};

/// One backend, as it is asked by the log, by whoever publishes, and by an audit.
pub(crate) struct Backend {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) published: Arc<dyn PublishStore>,
    pub(crate) audited: Arc<dyn AuditStore>,
}

impl Backend {
    pub(crate) fn new<S: Store + PublishStore + AuditStore>(backend: S) -> Self {
        let backend = Arc::new(backend);
        Self {
            store: Arc::<S>::clone(&backend),
            published: Arc::<S>::clone(&backend),
            audited: backend,
        }
    }

    /// Writes down where the database of a new log is, unless that is known.
    pub(crate) async fn keep_first_place(&self) -> Result<(), StoreError> {
        if self.published.kept_place().await?.is_none() {
            let place = self.published.place().await?;
            self.published.keep_place(&place.identity).await?;
        }
        Ok(())
    }
}
