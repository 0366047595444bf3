//! An owner's key for a tenant whose owner lost theirs, made by the operator. The tenant sees it done: in its
//! own audit log, among its keys, and by its webhooks.

use super::{CreatedKey, Engine, Error, Event, keys::owners_key};
use crate::{
    access::{Grant, KeyExtras, MakeRecoveryKey, Principal, Scope, Target},
    router::{RouterError, TenantState},
    tenant::TenantId,
};

impl Engine {
    /// Makes an owner's key for a tenant. The reason stands in its name.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`], also for a tenant that is being deleted; [`super::ErrorKind::Denied`] for one that
    /// is suspended.
    pub fn recovery_key(
        &self,
        principal: &Principal,
        id: &TenantId,
        reason: &str,
    ) -> Result<CreatedKey, Error> {
        let living = self.router.living(id);
        let record = living.and_then(|tenant| self.router.own_record(tenant));
        let state = record.as_ref().map(|record| record.state);
        let target = match state {
            Some(TenantState::Active) => Target::Tenant(id),
            Some(TenantState::Suspended) => Target::Suspended,
            Some(TenantState::Deleting | TenantState::Deleted) | None => Target::Whole,
        };
        let grant: Grant<MakeRecoveryKey> = self.ask_gate(principal, target)?;
        let record = record.ok_or(RouterError::NoTenant)?;
        let now = grant.now();
        let scope = Scope::Tenant(record.uuid, record.id.clone());
        let key = owners_key(scope, format!("recovery: {reason}"), now);
        let made = self.keep_key_of(KeyExtras::default(), key)?;
        // Deleted meanwhile: its keys were refused before this one was there.
        if self.router.living(id) != Some(record.uuid) {
            self.router.drop_keys(&[made.record.id])?;
            self.gate.keys().remove(made.record.id);
            return Err(RouterError::NoTenant.into());
        }
        let event = Event::SecuritySuspicious {
            what: "recovery_key",
            key: Some(made.record.id),
            actor: principal.actor().into_owned(),
        };
        self.notify(record.uuid, &event);
        Ok(made)
    }
}
