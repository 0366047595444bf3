//! The table of tenants, and their lives: create, suspend, resume, delete.

use std::{
    collections::HashMap,
    sync::{Arc, Weak, atomic::AtomicU64},
};

use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use super::{
    Router, RouterError,
    record::{TenantRecord, TenantState},
    uses::Uses,
};
use crate::{
    access::{ApiKeyRecord, Contain, Erase, Grant, ManageTenants, Policy, Quota, Scope},
    clock::Timestamp,
    partition::Partition,
    seal,
    store::CatalogKind,
    tenant::{Generation, TenantId, TenantUuid},
};

/// A tenant of the table: a few hundred bytes while no one asks for it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: RwLock<Arc<TenantRecord>>,
    pub(super) place: Mutex<Option<Arc<Partition>>>,
    /// Held by whoever moves the tenant to its next generation, or uses its family without opening
    /// the partition, and by whoever opens it. Taken before `place`.
    pub(super) resealing: Mutex<()>,
    /// How many wait for `resealing` to open the partition.
    pub(super) wanted: AtomicU64,
    /// The partition that was closed last, as long as someone still holds it.
    pub(super) left: Mutex<Weak<Partition>>,
    pub(super) uses: Uses,
    tally: Tally,
}

/// What a tenant asked for since the node started.
#[derive(Debug, Default)]
pub struct Tally {
    /// Queries that were answered.
    pub queries: AtomicU64,
    /// Requests that the gate didn't allow.
    pub rejections: AtomicU64,
}

impl Entry {
    /// The partition, if it is open.
    pub(super) fn open_partition(&self) -> Option<Arc<Partition>> {
        self.place.lock().clone()
    }

    pub(super) fn record(&self) -> Arc<TenantRecord> {
        Arc::clone(&self.record.read())
    }
}

/// Every tenant of the node.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_uuid: RwLock<HashMap<TenantUuid, Arc<Entry>>>,
    by_id: RwLock<HashMap<TenantId, TenantUuid>>,
    open: Mutex<HashMap<TenantUuid, Arc<Entry>>>,
}

impl Table {
    pub(super) fn new(records: Vec<TenantRecord>) -> Self {
        let table = Self::default();
        for record in records {
            table.insert(record);
        }
        table
    }

    fn insert(&self, record: TenantRecord) {
        let (uuid, id) = (record.uuid, record.id.clone());
        let entry = Entry {
            record: RwLock::new(Arc::new(record)),
            place: Mutex::default(),
            resealing: Mutex::default(),
            wanted: AtomicU64::new(0),
            left: Mutex::default(),
            uses: Uses::default(),
            tally: Tally::default(),
        };
        self.by_uuid.write().insert(uuid, Arc::new(entry));
        self.by_id.write().insert(id, uuid);
    }

    pub(super) fn find(&self, uuid: TenantUuid) -> Option<Arc<Entry>> {
        self.by_uuid.read().get(&uuid).cloned()
    }

    pub(super) fn named(&self, id: &TenantId) -> Option<Arc<Entry>> {
        let uuid = *self.by_id.read().get(id)?;
        self.find(uuid)
    }

    pub(super) fn living_named(&self, id: &TenantId) -> Option<TenantUuid> {
        let record = self.named(id)?.record();
        let living = matches!(record.state, TenantState::Active | TenantState::Suspended);
        living.then_some(record.uuid)
    }

    fn records(&self) -> Vec<Arc<TenantRecord>> {
        let mut records: Vec<_> = self
            .by_uuid
            .read()
            .values()
            .map(|entry| entry.record())
            .collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records
    }

    pub(super) fn living(&self) -> usize {
        let living = |entry: &&Arc<Entry>| entry.record().state != TenantState::Deleted;
        self.by_uuid.read().values().filter(living).count()
    }

    pub(super) fn opened(&self, entry: &Arc<Entry>) {
        self.open
            .lock()
            .insert(entry.record().uuid, Arc::clone(entry));
    }

    pub(super) fn closed(&self, entry: &Arc<Entry>) {
        self.open.lock().remove(&entry.record().uuid);
    }

    pub(super) fn open_count(&self) -> usize {
        self.open.lock().len()
    }

    /// The partitions that are open.
    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        let open: Vec<_> = self.open.lock().values().cloned().collect();
        open.iter()
            .filter_map(|entry| entry.place.lock().clone())
            .collect()
    }

    /// The open entries, the one that was used least of late first, if there are more than `max`.
    pub(super) fn least_used_over(&self, max: usize) -> Vec<Arc<Entry>> {
        let open = self.open.lock();
        if open.len() <= max {
            return Vec::new();
        }
        let mut entries: Vec<_> = open.values().cloned().collect();
        drop(open);
        entries.sort_by_cached_key(|entry| entry.uses.rank());
        entries
    }
}

/// A tenant to be made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Its public name.
    pub id: TenantId,
    /// What it may use.
    pub quota: Quota,
    /// Where its operator wants it.
    pub region: Option<String>,
}

impl Router {
    /// Makes a tenant, and its first key: `owner_key` is handed the new tenant's number.
    ///
    /// # Errors
    /// [`RouterError::Taken`] when the id is, or was, another tenant's.
    pub fn create(
        self: &Arc<Self>,
        _grant: &Grant<ManageTenants>,
        new: NewTenant,
        policy: Policy,
        now: Timestamp,
        owner_key: impl FnOnce(TenantUuid) -> ApiKeyRecord,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        let _making = self.making.lock();
        if self.tenants.named(&new.id).is_some() {
            return Err(RouterError::Taken);
        }
        let uuid = TenantUuid::from_bytes(seal::random_bytes()?);
        let generation = Generation::FIRST;
        let spare = self.take_spare()?;
        let key = self.keyring.make(uuid, generation)?;
        Partition::make(&spare.family, &key)?;
        let record = TenantRecord {
            uuid,
            id: new.id,
            state: TenantState::Active,
            generation,
            shelf: spare.shelf,
            family: spare.name,
            quota: new.quota,
            region: new.region,
            created: now,
        };
        let owner_key = owner_key(uuid);
        // First: a crash leaves a policy of nobody, and never a tenant without its own.
        self.begin_policy(uuid, policy)?;
        self.catalog.put_both(
            (CatalogKind::Tenant, *uuid.as_bytes(), &record),
            (CatalogKind::ApiKey, owner_key.id.catalog_id(), &owner_key),
        )?;
        self.tenants.insert(record.clone());
        self.metrics.tenants.inc();
        Ok(Arc::new(record))
    }

    /// Every tenant's record, by id.
    pub fn records(&self, _grant: &Grant<ManageTenants>) -> Vec<Arc<TenantRecord>> {
        self.tenants.records()
    }

    /// A tenant's record.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`].
    pub fn record(
        &self,
        _grant: &Grant<ManageTenants>,
        id: &TenantId,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        self.tenants
            .named(id)
            .map(|entry| entry.record())
            .ok_or(RouterError::NoTenant)
    }

    /// Whether a public name is, or was, a tenant's: to tell in whose log an act belongs.
    pub fn knows(&self, id: &TenantId) -> bool {
        self.tenants.named(id).is_some()
    }

    /// The record of whoever asks, to tell whether it is served.
    pub fn own_record(&self, tenant: TenantUuid) -> Option<Arc<TenantRecord>> {
        self.tenants.find(tenant).map(|entry| entry.record())
    }

    /// Counts something in a tenant's tally, or reads it.
    pub fn tally<T>(&self, tenant: TenantUuid, read: impl FnOnce(&Tally) -> T) -> Option<T> {
        self.tenants.find(tenant).map(|entry| read(&entry.tally))
    }

    /// Every tenant's record, for the node's own start.
    pub(crate) fn every_record(&self) -> Vec<Arc<TenantRecord>> {
        self.tenants.records()
    }

    /// The tenants that are marked for deletion.
    pub fn half_deleted(&self) -> Vec<Arc<TenantRecord>> {
        let mut records = self.tenants.records();
        records.retain(|record| record.state == TenantState::Deleting);
        records
    }

    /// Suspends a tenant: its keys are refused and its partition closed.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`].
    pub fn suspend(
        &self,
        grant: &Grant<ManageTenants>,
        id: &TenantId,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        self.change(grant, id, |record| record.state = TenantState::Suspended)
    }

    /// Suspends the tenant that a grant is about, for its owner.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`].
    pub fn suspend_own(&self, grant: &Grant<Contain>) -> Result<Arc<TenantRecord>, RouterError> {
        self.alter(&self.entry(grant.tenant())?, |record| {
            record.state = TenantState::Suspended;
            ALONE
        })
    }

    /// Whether nothing of a tenant is in memory any more: no request holds its partition, and with it
    /// its data key.
    pub fn is_gone_from_memory(&self, tenant: TenantUuid) -> bool {
        self.tenants.find(tenant).is_none_or(|entry| {
            let left = entry.left.lock();
            entry.place.lock().is_none() && left.strong_count() == 0
        })
    }

    /// Changes a tenant's record: suspends it, resumes it.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`], also for one that is being deleted.
    pub fn change(
        &self,
        _grant: &Grant<ManageTenants>,
        id: &TenantId,
        change: impl FnOnce(&mut TenantRecord),
    ) -> Result<Arc<TenantRecord>, RouterError> {
        let entry = self.tenants.named(id).ok_or(RouterError::NoTenant)?;
        self.alter(&entry, |record| {
            change(record);
            ALONE
        })
    }

    /// Changes a living tenant's record, and what the change gives back together with it.
    pub(super) fn alter<R: Serialize>(
        &self,
        entry: &Arc<Entry>,
        change: impl FnOnce(&mut TenantRecord) -> Option<(CatalogKind, R)>,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        self.rewrite(entry, |record| match record.state {
            TenantState::Deleting | TenantState::Deleted => Err(RouterError::NoTenant),
            TenantState::Active | TenantState::Suspended => Ok(change(record)),
        })
    }

    /// Marks a tenant for deletion, durably: from here on it can't be asked for anything.
    /// [`Self::end_tenant`] and what follows it destroys it.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`] when there is none, or it is deleted already.
    pub fn begin_deletion(
        &self,
        grant: &Grant<ManageTenants>,
        id: &TenantId,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        self.change(grant, id, |record| record.state = TenantState::Deleting)
    }

    /// As [`Self::begin_deletion`], for the tenant's own owner.
    ///
    /// # Errors
    /// [`RouterError::NoTenant`] when it is deleted already.
    pub fn begin_own_deletion(
        &self,
        grant: &Grant<Erase>,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        self.alter(&self.entry(grant.tenant())?, |record| {
            record.state = TenantState::Deleting;
            ALONE
        })
    }

    /// The last act of a deletion, once the tenant's family and key are gone: its API keys are
    /// forgotten, and its record says that it is deleted.
    ///
    /// # Errors
    /// [`RouterError`]; a restart resumes it.
    pub fn finish_deletion(&self, tenant: TenantUuid) -> Result<(), RouterError> {
        let entry = self.entry(tenant)?;
        let keys: Vec<(_, ApiKeyRecord)> = self.catalog.load(CatalogKind::ApiKey)?;
        let own = keys.into_iter().filter(|(_, key)| match &key.scope {
            Scope::Tenant(uuid, _) => *uuid == tenant,
            Scope::Node => false,
        });
        let ids: Vec<_> = own.map(|(_, key)| key.id).collect();
        self.drop_keys(&ids)?;
        self.sweeps.done(tenant, None)?;
        let before = entry.record().state;
        self.rewrite(&entry, |record| {
            record.state = TenantState::Deleted;
            record.region = None;
            Ok(ALONE)
        })?;
        if before != TenantState::Deleted {
            self.metrics.tenants.dec();
        }
        Ok(())
    }

    /// Changes a tenant's record, and what the change gives back together with it: both or neither.
    pub(super) fn rewrite<R: Serialize>(
        &self,
        entry: &Arc<Entry>,
        change: impl FnOnce(&mut TenantRecord) -> Result<Option<(CatalogKind, R)>, RouterError>,
    ) -> Result<Arc<TenantRecord>, RouterError> {
        let mut current = entry.record.write();
        let mut record = (**current).clone();
        let beside = change(&mut record)?;
        let uuid = *record.uuid.as_bytes();
        match &beside {
            None => self.catalog.put(CatalogKind::Tenant, uuid, &record)?,
            Some((kind, other)) => self
                .catalog
                .put_both((CatalogKind::Tenant, uuid, &record), (*kind, uuid, other))?,
        }
        *current = Arc::new(record);
        let record = Arc::clone(&current);
        drop(current);
        if record.state == TenantState::Suspended {
            self.close(entry);
        } else if let Some(partition) = &*entry.place.lock() {
            // What holds by now: of two changes, the one that comes here last may be the earlier.
            partition.set_points_max(entry.record().quota.points_max);
        }
        Ok(record)
    }
}

/// Nothing is stored together with a record.
const ALONE: Option<(CatalogKind, ())> = None;
