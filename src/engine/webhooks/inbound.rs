//! Messages that come in: each is a credential for one erasure.

use super::{Direction, WebhookId};
use crate::{
    access::{Message, Origin, Principal, Scope, Signer},
    audit::Outcome,
    engine::{Engine, EraseScope, ErasureAsked, Error, ErrorKind},
    ops::erase::{Erasure, ErasureId},
};

/// A message that is believed: the webhook that signed it, and the number of what it asks for.
#[derive(Debug)]
pub struct Believed {
    principal: Principal,
    erasure: ErasureId,
}

impl Believed {
    /// The webhook.
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Engine {
    /// Believes a message for its signature.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`].
    pub fn believe(
        &self,
        webhook: WebhookId,
        message: &Message<'_>,
        origin: Origin,
        request: u64,
    ) -> Result<Believed, Error> {
        let found = self.webhooks.state.lock().webhooks.get(&webhook).cloned();
        let inbound = found.filter(|hook| matches!(hook.direction, Direction::In));
        let signer = inbound.map(|hook| Signer {
            scope: Scope::Tenant(hook.tenant, hook.tenant_id.clone()),
            actor: format!("webhook:{webhook}"),
        });
        let root = &self.webhooks.root;
        let secret = root.derive_secret(webhook.0);
        let now = self.clock.now();
        let believed = self
            .gate
            .believe(message, &secret, signer, origin, request, now);
        let principal = believed.inspect_err(|_| {
            self.metrics.authentication_failures.inc();
        })?;
        let number = root.derive_number(webhook.0, message.head.id().as_bytes());
        Ok(Believed {
            principal,
            erasure: ErasureId(number),
        })
    }

    /// Erases what a message asks for, as [`Self::erase`] does. The erasure's number comes from the
    /// message's id, so its own record, which is there before anything is removed, is the memory of
    /// messages: one that comes again, now or after a restart, gets what came of the first.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] for the tenant as a whole; [`ErrorKind::Conflict`] if the id was another
    /// message's.
    pub fn erase_for(&self, believed: &Believed, asked: ErasureAsked) -> Result<Erasure, Error> {
        // Its webhooks and erasures end with a tenant: nobody could answer the message's second coming.
        if matches!(asked.scope, EraseScope::Tenant) {
            self.record_outcome(&believed.principal, "erase_tenant", Outcome::Denied)?;
            self.metrics.privilege_escalation_attempts.inc();
            return Err(Error::new(
                ErrorKind::Denied,
                "a webhook may not end the tenant; its owner's key may",
            ));
        }
        self.erase_once(&believed.principal, asked, Some(believed.erasure))
    }
}
