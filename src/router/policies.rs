//! The tenants' policies: kept beside their records, so that directories of before are read as
//! they are. A tenant without one has the default.

use std::collections::HashMap;

use parking_lot::RwLock;

use super::{Router, RouterError};
use crate::{
    access::{Grant, ManageTenants, Policy, PolicyRecord},
    store::{Catalog, CatalogError, CatalogKind},
    tenant::{TenantId, TenantUuid},
};

/// Every tenant's policy that isn't the default.
#[derive(Debug, Default)]
pub(super) struct Policies(RwLock<HashMap<TenantUuid, Policy>>);

impl Policies {
    pub(super) fn load(catalog: &Catalog) -> Result<Self, CatalogError> {
        let stored = catalog.load(CatalogKind::TenantPolicy)?.into_iter();
        let policies = stored.map(|(id, record)| match record {
            PolicyRecord::V1(policy) => (TenantUuid::from_bytes(id), policy),
        });
        Ok(Self(RwLock::new(policies.collect())))
    }
}

impl Router {
    /// A tenant's policy.
    pub fn policy(&self, tenant: TenantUuid) -> Policy {
        let policies = self.policies.0.read();
        policies.get(&tenant).copied().unwrap_or_default()
    }

    /// Changes a tenant's policy.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`].
    pub fn change_policy(
        &self,
        grant: &Grant<ManageTenants>,
        id: &TenantId,
        change: impl FnOnce(&mut Policy),
    ) -> Result<Policy, RouterError> {
        let tenant = self.record(grant, id)?.uuid;
        let mut policies = self.policies.0.write();
        let mut policy = policies.get(&tenant).copied().unwrap_or_default();
        change(&mut policy);
        self.catalog.put(
            CatalogKind::TenantPolicy,
            *tenant.as_bytes(),
            &PolicyRecord::V1(policy),
        )?;
        policies.insert(tenant, policy);
        Ok(policy)
    }
}
