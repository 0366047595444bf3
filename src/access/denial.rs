//! Why an act isn't allowed, though the credential is good.

use std::time::Duration;

use super::{
    bounds::Bounds,
    role::{Action, Role},
};
use crate::audit::AuditError;

/// Why an act isn't allowed.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    /// The role falls short.
    #[error("the role `{}` may not `{}`", role.name(), action.name())]
    Role {
        /// The principal's role.
        role: Role,
        /// What it asked for.
        action: Action,
    },
    /// The key isn't good for this collection.
    #[error("the key isn't good for this collection")]
    Collection,
    /// The key isn't good for what is about every collection.
    #[error("the key is bound to collections, and this is about the whole tenant")]
    WholeTenant,
    /// What is asked for would reach further than the key does.
    #[error("the key is bound, and so is what it makes, rotates, resumes and revokes: {to}")]
    Bound {
        /// What the key is bound to.
        to: Bounds,
    },
    /// The tenant is suspended.
    #[error("the tenant is suspended, or being deleted; ask the operator")]
    Suspended,
    /// Too many requests.
    #[error("too many requests; try again in {} ms", wait.as_millis())]
    Limited {
        /// How long until the next one may pass.
        wait: Duration,
    },
    /// It couldn't be recorded.
    #[error("the audit log can't be written, so nothing is allowed")]
    Audit(#[from] AuditError),
}
