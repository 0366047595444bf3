//! The audit log, read back, and looked after while the node runs.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Grant, Principal, ReadAudit, ReadNodeAudit, Scope},
    audit::{AuditError, Extract},
};

impl Engine {
    /// The tenant's own entries with numbers above `after`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn audit(&self, principal: &Principal, after: u64, limit: usize) -> Result<Extract, Error> {
        let _grant: Grant<ReadAudit> = self.check(principal, None)?;
        let tenant = match principal.scope() {
            Scope::Tenant(_, id) => id.as_str(),
            Scope::Node => return Err(Error::new(ErrorKind::NotFound, "an operator has no log")),
        };
        self.extract(Some(tenant), after, limit)
    }

    /// The node's own entries with numbers above `after`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn node_audit(
        &self,
        principal: &Principal,
        after: u64,
        limit: usize,
    ) -> Result<Extract, Error> {
        let _grant: Grant<ReadNodeAudit> = self.check(principal, None)?;
        self.extract(None, after, limit)
    }

    fn extract(&self, tenant: Option<&str>, after: u64, limit: usize) -> Result<Extract, Error> {
        let extract = self.audit.extract(self.clock.now(), tenant, after, limit);
        extract.map_err(Error::from)
    }

    /// Does what the audit log is due, until the node is gone.
    pub(super) fn settle_audit(engine: &Weak<Self>, gone: &Receiver<()>) {
        while gone.recv_timeout(SETTLE) == Err(RecvTimeoutError::Timeout) {
            let Some(engine) = Weak::upgrade(engine) else {
                return;
            };
            if let Err(error) = engine.audit.settle(engine.clock.now()) {
                tracing::error!(
                    error = Error::from(error).chain(),
                    "the audit log isn't settled"
                );
            }
            drop::<Arc<Self>>(engine);
        }
    }
}

impl From<AuditError> for Error {
    fn from(error: AuditError) -> Self {
        Self::caused(ErrorKind::Unavailable, error)
    }
}

/// How often counts and checkpoints are written.
const SETTLE: Duration = Duration::from_secs(10);
