//! The control plane: tenants for the operator, usage for the tenant.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{Engine, Error, keys::owners_key};
use crate::{
    access::{
        Allowance, ApiKey, Grant, KnownKey, ManageTenants, Policy, Principal, Quota, ReadSelf,
        ReadUsage, Scope, Watch,
    },
    clock::Timestamp,
    router::{NewTenant, TenantRecord, TenantState},
    tenant::TenantId,
};

/// A tenant that was made, and its owner's key: to be handed over.
#[derive(Debug)]
pub struct CreatedTenant {
    /// The tenant.
    pub record: Arc<TenantRecord>,
    /// Its owner's key.
    pub owner_key: ApiKey,
}

/// What an operator sets of a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TenantSettings {
    /// How much it may store and ask.
    pub quota: Quota,
    /// What else it may use at a time.
    pub allowance: Allowance,
    /// What is done about its odd keys.
    pub watch: Watch,
    /// Where its operator wants it.
    pub region: Option<String>,
}

/// Who is asking.
#[derive(Debug)]
pub struct SelfReport {
    /// The key, or the one that the token was given to; none for an issuer's token.
    pub key: Option<Arc<KnownKey>>,
    /// The tenant's record, for a key that has one.
    pub tenant: Option<Arc<TenantRecord>>,
}

/// What a tenant uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Its collections.
    pub collections: usize,
    /// Its points.
    pub points: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes of vectors and links in memory.
    pub memory_bytes: u64,
    /// Queries that were answered since the node started.
    pub queries: u64,
    /// Requests that weren't allowed since the node started.
    pub rejections: u64,
    /// Whether the partition was open before this was asked.
    pub was_open: bool,
}

impl Engine {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](super::ErrorKind::Conflict) when the id is taken, or was once.
    pub fn create_tenant(
        &self,
        principal: &Principal,
        new: NewTenant,
    ) -> Result<CreatedTenant, Error> {
        self.create_tenant_with(principal, new, Policy::default())
    }

    /// Makes a tenant with a policy.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](super::ErrorKind::Conflict) when the id is taken, or was once.
    pub fn create_tenant_with(
        &self,
        principal: &Principal,
        new: NewTenant,
        policy: Policy,
    ) -> Result<CreatedTenant, Error> {
        let grant: Grant<ManageTenants> = self.check(principal, None)?;
        self.record_act(principal, "create_tenant")?;
        let now = self.clock.now();
        let owner_key = ApiKey::make().map_err(crate::router::RouterError::from)?;
        let (id, quota) = (new.id.clone(), new.quota);
        let mut kept = None;
        let record = self.router.create(&grant, new, policy, now, |uuid| {
            let scope = Scope::Tenant(uuid, id);
            let record = owners_key(scope, "first owner key".to_owned(), now);
            let hash = owner_key.hash(self.gate.keys().hasher());
            kept.insert(record(owner_key.id, hash)).clone()
        })?;
        self.gate.limits().set(record.uuid, quota, policy.allowance);
        if let Some(record) = kept {
            self.gate.keys().insert(record);
        }
        Ok(CreatedTenant { record, owner_key })
    }

    /// Every tenant that isn't deleted.
    ///
    /// # Errors
    /// [`Error`].
    pub fn tenants(&self, principal: &Principal) -> Result<Vec<Arc<TenantRecord>>, Error> {
        let grant: Grant<ManageTenants> = self.check(principal, None)?;
        let mut records = self.router.records(&grant);
        records.retain(|record| record.state != TenantState::Deleted);
        Ok(records)
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](super::ErrorKind::NotFound).
    pub fn tenant(&self, principal: &Principal, id: &TenantId) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        Ok(self.router.record(&grant, id)?)
    }

    /// Suspends a tenant: its keys are refused and its partition closed, until it is resumed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](super::ErrorKind::NotFound).
    pub fn suspend(
        &self,
        principal: &Principal,
        id: &TenantId,
    ) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        self.record_act_about(principal, id, "suspend_tenant")?;
        Ok(self.router.suspend(&grant, id)?)
    }

    /// Resumes a tenant.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](super::ErrorKind::NotFound).
    pub fn resume(&self, principal: &Principal, id: &TenantId) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        self.record_act_about(principal, id, "resume_tenant")?;
        Ok(self
            .router
            .change(&grant, id, |record| record.state = TenantState::Active)?)
    }

    /// Changes what a tenant may use, what is done about its odd keys, or where its operator wants it.
    /// `change` is handed what holds: of two at the same time, neither undoes what the other did.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](super::ErrorKind::NotFound).
    pub fn change_tenant(
        &self,
        principal: &Principal,
        id: &TenantId,
        change: impl FnOnce(&mut TenantSettings),
    ) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        self.record_act_about(principal, id, "change_tenant")?;
        let merge = |record: &mut TenantRecord, policy: &mut Policy| {
            let mut settings = TenantSettings {
                quota: record.quota,
                allowance: policy.allowance,
                watch: policy.watch,
                region: record.region.take(),
            };
            change(&mut settings);
            (record.quota, record.region) = (settings.quota, settings.region);
            (policy.allowance, policy.watch) = (settings.allowance, settings.watch);
        };
        let limits = self.gate.limits();
        Ok(self
            .router
            .change_with_policy(&grant, id, merge, |record, policy| {
                limits.set(record.uuid, record.quota, policy.allowance);
            })?)
    }

    /// A tenant's policy, for whoever was shown the tenant.
    pub fn policy_of(&self, record: &TenantRecord) -> Policy {
        self.router.policy(record.uuid)
    }

    /// Who is asking: whoever has a credential may know.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](super::ErrorKind::Denied) for someone of a tenant that is suspended.
    pub fn self_report(&self, principal: &Principal) -> Result<SelfReport, Error> {
        let _grant: Grant<ReadSelf> = self.check(principal, None)?;
        let tenant = principal
            .tenant()
            .and_then(|tenant| self.router.own_record(tenant));
        Ok(SelfReport {
            key: principal.known().cloned(),
            tenant,
        })
    }

    /// What the principal's tenant uses.
    ///
    /// # Errors
    /// [`Error`].
    pub fn usage(&self, principal: &Principal) -> Result<Usage, Error> {
        let grant: Grant<ReadUsage> = self.check(principal, None)?;
        let was_open = self.is_warm(principal);
        let partition = self.partition(principal, &grant)?;
        let (collections, points, disk_bytes, memory_bytes) = partition.usage(&grant)?;
        let (queries, rejections) = self
            .router
            .tally(grant.tenant(), |tally| {
                let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
                (read(&tally.queries), read(&tally.rejections))
            })
            .unwrap_or_default();
        Ok(Usage {
            collections,
            points,
            disk_bytes,
            memory_bytes,
            queries,
            rejections,
            was_open,
        })
    }

    /// The time, for whoever reports how long a key is still good.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
