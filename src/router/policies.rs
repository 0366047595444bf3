//! The tenants' policies: kept beside their records, so that directories of before are read as
//! they are. A tenant without one has the default.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, RwLock};

use super::{Router, RouterError, TenantRecord};
use crate::{
    access::{Grant, ManageTenants, Policy, PolicyRecord},
    store::{Catalog, CatalogError, CatalogKind},
    tenant::{TenantId, TenantUuid},
};

/// A quota of what a tenant may store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StoreQuota {
    /// Points, over all collections.
    Points,
    /// Bytes on disk.
    DiskBytes,
}

impl StoreQuota {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Points => "points_max",
            Self::DiskBytes => "disk_bytes_max",
        }
    }
}

/// Every tenant's policy that isn't the default.
#[derive(Debug, Default)]
pub(super) struct Policies {
    held: RwLock<HashMap<TenantUuid, Policy>>,
    /// Held while a policy is read, changed, stored and taken up: requests don't wait for that.
    changing: Mutex<()>,
}

impl Policies {
    pub(super) fn load(catalog: &Catalog) -> Result<Self, CatalogError> {
        let stored = catalog.load(CatalogKind::TenantPolicy)?.into_iter();
        let policies = stored.map(|(id, record)| match record {
            PolicyRecord::V1(policy) => (TenantUuid::from_bytes(id), policy),
        });
        Ok(Self {
            held: RwLock::new(policies.collect()),
            changing: Mutex::default(),
        })
    }
}

impl Router {
    /// A tenant's policy.
    pub fn policy(&self, tenant: TenantUuid) -> Policy {
        let policies = self.policies.held.read();
        policies.get(&tenant).copied().unwrap_or_default()
    }

    /// The quotas of what a living tenant may store, and how much each is.
    pub fn quotas(&self, tenant: TenantUuid) -> Vec<(StoreQuota, u64)> {
        let record = self.own_record(tenant);
        let Some(record) = record.filter(|record| self.living(&record.id) == Some(tenant)) else {
            return Vec::new();
        };
        let disk_bytes_max = self.policy(tenant).allowance.disk_bytes_max;
        let points = record
            .quota
            .points_max
            .map(|most| (StoreQuota::Points, most));
        let disk = disk_bytes_max.map(|most| (StoreQuota::DiskBytes, most));
        points.into_iter().chain(disk).collect()
    }

    /// What the tenants that are open and have such quotas use of them, for the node's own eyes.
    pub fn used(&self) -> Vec<(TenantUuid, StoreQuota, u64, u64)> {
        let mut used = Vec::new();
        for partition in self.tenants.partitions() {
            let tenant = partition.tenant();
            for (quota, limit) in self.quotas(tenant) {
                let own = match quota {
                    StoreQuota::Points => partition.points(),
                    StoreQuota::DiskBytes => partition.bytes().0,
                };
                used.push((tenant, quota, own, limit));
            }
        }
        used
    }

    /// Stores the policy of a tenant that isn't there yet.
    pub(super) fn begin_policy(
        &self,
        tenant: TenantUuid,
        policy: Policy,
    ) -> Result<(), RouterError> {
        if policy != Policy::default() {
            let record = PolicyRecord::V1(policy);
            self.catalog
                .put(CatalogKind::TenantPolicy, *tenant.as_bytes(), &record)?;
            self.policies.held.write().insert(tenant, policy);
        }
        Ok(())
    }

    /// Changes a tenant's record and its policy, both or neither, and has what came of it taken up:
    /// of several changes, that of the last one last.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`], also for one that is being deleted.
    pub fn change_with_policy(
        &self,
        _grant: &Grant<ManageTenants>,
        id: &TenantId,
        change: impl FnOnce(&mut TenantRecord, &mut Policy),
        take_up: impl FnOnce(&TenantRecord, Policy),
    ) -> Result<Arc<TenantRecord>, RouterError> {
        let entry = self.tenants.named(id).ok_or(RouterError::NoTenant)?;
        let _changing = self.policies.changing.lock();
        let mut policy = self.policy(entry.record().uuid);
        let record = self.alter(&entry, |record| {
            change(record, &mut policy);
            Some((CatalogKind::TenantPolicy, PolicyRecord::V1(policy)))
        })?;
        self.policies.held.write().insert(record.uuid, policy);
        take_up(&record, policy);
        Ok(record)
    }
}
