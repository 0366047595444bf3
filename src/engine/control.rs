//! The control plane: tenants for the operator, keys and usage for the tenant.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{
        Allowance, ApiKey, ApiKeyId, ApiKeyRecord, Grant, ManageKeys, ManageTenants, Policy,
        Principal, Quota, ReadUsage, Role, Scope, Watch,
    },
    clock::Timestamp,
    router::{NewTenant, TenantRecord, TenantState},
    tenant::{CollectionName, TenantId},
};

/// A tenant that was made, and its owner's key: to be handed over.
#[derive(Debug)]
pub struct CreatedTenant {
    /// The tenant.
    pub record: Arc<TenantRecord>,
    /// Its owner's key.
    pub owner_key: ApiKey,
}

/// What is to change of a tenant. What isn't said stays.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// What it may use.
    pub limits: Option<(Quota, Allowance)>,
    /// What is done about its odd keys.
    pub watch: Option<Watch>,
    /// Where its operator wants it.
    pub region: Option<String>,
}

/// A key to be made.
#[derive(Debug)]
pub struct NewKey {
    /// Its name, for people.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How long it is good.
    pub lasts: Duration,
    /// The collections it is good for.
    pub collections: Option<Vec<CollectionName>>,
    /// The networks it may be used from.
    pub networks: Option<Vec<IpNet>>,
}

/// A key that was made: to be shown once.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key.
    pub key: ApiKey,
    /// What the server keeps of it.
    pub record: ApiKeyRecord,
}

/// Who is asking.
#[derive(Debug)]
pub struct SelfReport {
    /// The key's record.
    pub key: ApiKeyRecord,
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
    /// [`ErrorKind::Conflict`] when the id is taken, or was once.
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
    /// [`ErrorKind::Conflict`] when the id is taken, or was once.
    pub fn create_tenant_with(
        &self,
        principal: &Principal,
        new: NewTenant,
        policy: Policy,
    ) -> Result<CreatedTenant, Error> {
        let grant: Grant<ManageTenants> = self.check(principal, None)?;
        let now = self.clock.now();
        let owner_key = ApiKey::make().map_err(crate::router::RouterError::from)?;
        let (id, quota) = (new.id.clone(), new.quota);
        let mut kept = None;
        let record = self.router.create(&grant, new, now, |uuid| {
            let record = ApiKeyRecord {
                id: owner_key.id,
                hash: owner_key.hash(self.gate.keys().hasher()),
                scope: Scope::Tenant(uuid, id),
                role: Role::Owner,
                name: "first owner key".to_owned(),
                created: now,
                expires: Some(now.plus(KEY_LASTS_DEFAULT)),
                collections: None,
                networks: None,
            };
            kept.insert(record).clone()
        })?;
        if policy != Policy::default() {
            self.router
                .change_policy(&grant, &record.id, |kept| *kept = policy)?;
        }
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
    /// [`ErrorKind::NotFound`].
    pub fn tenant(&self, principal: &Principal, id: &TenantId) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        Ok(self.router.record(&grant, id)?)
    }

    /// Suspends a tenant: its keys are refused and its partition closed, until it is resumed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn suspend(
        &self,
        principal: &Principal,
        id: &TenantId,
    ) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        Ok(self.router.suspend(&grant, id)?)
    }

    /// Resumes a tenant.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn resume(&self, principal: &Principal, id: &TenantId) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        Ok(self
            .router
            .change(&grant, id, |record| record.state = TenantState::Active)?)
    }

    /// Sets what a tenant may use, what is done about its odd keys, or where its operator wants it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn change_tenant(
        &self,
        principal: &Principal,
        id: &TenantId,
        change: TenantChange,
    ) -> Result<Arc<TenantRecord>, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        let TenantChange {
            limits,
            watch,
            region,
        } = change;
        let record = self.router.change(&grant, id, |record| {
            record.quota = limits.map_or(record.quota, |(quota, _)| quota);
            if region.is_some() {
                record.region = region;
            }
        })?;
        let mut policy = self.router.policy(record.uuid);
        if limits.is_some() || watch.is_some() {
            policy = self.router.change_policy(&grant, id, |policy| {
                policy.allowance = limits.map_or(policy.allowance, |(_, allowance)| allowance);
                policy.watch = watch.unwrap_or(policy.watch);
            })?;
        }
        self.gate
            .limits()
            .set(record.uuid, record.quota, policy.allowance);
        Ok(record)
    }

    /// A tenant's policy, for whoever was shown the tenant.
    pub fn policy_of(&self, record: &TenantRecord) -> Policy {
        self.router.policy(record.uuid)
    }

    /// Makes a key for the principal's tenant.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a role that isn't a tenant's.
    pub fn create_key(&self, principal: &Principal, new: NewKey) -> Result<CreatedKey, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        if new.role == Role::Operator {
            return Err(Error::invalid(
                "role must be inference, writer, owner or auditor",
            ));
        }
        if self.keys_of(principal).len() >= KEYS_MAX {
            return Err(Error::invalid(format!(
                "a tenant may have {KEYS_MAX} keys; revoke some"
            )));
        }
        let now = self.clock.now();
        let key = ApiKey::make().map_err(crate::router::RouterError::from)?;
        let record = ApiKeyRecord {
            id: key.id,
            hash: key.hash(self.gate.keys().hasher()),
            scope: principal.scope().clone(),
            role: new.role,
            name: new.name,
            created: now,
            expires: Some(now.plus(new.lasts)),
            collections: new.collections.map(Arc::from),
            networks: new.networks,
        };
        self.router.keep_key(&record)?;
        self.gate.keys().insert(record.clone());
        Ok(CreatedKey { key, record })
    }

    /// The keys of the principal's tenant.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keys(&self, principal: &Principal) -> Result<Vec<Arc<ApiKeyRecord>>, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        Ok(self.keys_of(principal))
    }

    /// Revokes a key of the principal's tenant. It is good for nothing once this returns.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's key.
    pub fn revoke_key(&self, principal: &Principal, id: ApiKeyId) -> Result<(), Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        if !self.keys_of(principal).iter().any(|key| key.id == id) {
            return Err(Error::new(ErrorKind::NotFound, "there is no such key"));
        }
        self.router.drop_key(id)?;
        self.gate.keys().remove(id);
        Ok(())
    }

    fn keys_of(&self, principal: &Principal) -> Vec<Arc<ApiKeyRecord>> {
        principal
            .tenant()
            .map_or_else(Vec::new, |tenant| self.gate.keys().of_tenant(tenant))
    }

    /// Who is asking. Needs no more than a credential.
    pub fn self_report(&self, principal: &Principal) -> SelfReport {
        let tenant = principal
            .tenant()
            .and_then(|tenant| self.router.own_record(tenant));
        SelfReport {
            key: principal.key().clone(),
            tenant,
        }
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

/// How long a key is good if it isn't said.
const KEY_LASTS_DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Keys a tenant may have.
const KEYS_MAX: usize = 1_000;
