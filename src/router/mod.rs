//! From a grant to its partition. The only code that sees more than one tenant.
//!
//! Owns: the tenants' records, which partitions are open, where a tenant is stored.
//! **Invariant:** a partition is found by a grant and by nothing else: no function here takes a
//! tenant's name and gives its data. **Invariant:** a tenant that doesn't open fails alone.
//! Called by: `engine`.

mod credentials;
#[cfg(test)]
mod golden;
mod placement;
mod policies;
mod record;
mod reseal;
mod restore;
mod root;
mod spares;
mod tenants;
mod turns;
mod uses;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

use self::{
    placement::Placement, policies::Policies, spares::Spares, tenants::Entry, uses::UseClock,
};
pub use self::{
    policies::StoreQuota,
    record::{TenantRecord, TenantState},
    reseal::{Intent, Place, Step},
    restore::{RestoreId, RestoreRecord, RestoreState, Source},
    tenants::{NewTenant, Tally},
    turns::{Turn, Turns},
};
use crate::{
    access::{Grant, Op},
    partition::{Partition, PartitionError},
    seal::{CustodyError, GenerationKey, Keyring, KeyringError, RotationError, SealError},
    store::{Catalog, CatalogError, CatalogKind, Family, Shelves, StoreError, Sweeps},
    telemetry::Metrics,
    tenant::TenantUuid,
};

/// All tenants of a node.
pub struct Router {
    shelves: Shelves,
    keyring: Keyring,
    catalog: Arc<Catalog>,
    sweeps: Arc<Sweeps>,
    tenants: tenants::Table,
    placement: Mutex<Placement>,
    policies: Policies,
    spares: Spares,
    turns: Turns,
    restores: restore::Restores,
    /// Held while a tenant is made, so that no id is given out twice.
    making: Mutex<()>,
    /// To tell which partitions are used least.
    clock: UseClock,
    open_max: usize,
    metrics: Arc<Metrics>,
}

impl Router {
    /// Takes up the tenants that the catalog knows. Opens none of them.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn new(
        shelves: Shelves,
        keyring: Keyring,
        catalog: Arc<Catalog>,
        sweeps: Arc<Sweeps>,
        open_max: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RouterError> {
        let records: Vec<TenantRecord> = catalog
            .load(CatalogKind::Tenant)?
            .into_iter()
            .map(|(_, record)| record)
            .collect();
        let placement = Placement::new(&records);
        let policies = Policies::load(&catalog)?;
        let spares = Spares::new(records.iter().map(|record| record.family));
        let tenants = tenants::Table::new(records);
        let restores = restore::Restores::load(&catalog)?;
        metrics
            .tenants
            .set(i64::try_from(tenants.living()).unwrap_or(i64::MAX));
        Ok(Self {
            shelves,
            keyring,
            catalog,
            sweeps,
            tenants,
            placement: Mutex::new(placement),
            policies,
            spares,
            turns: Turns::default(),
            restores,
            making: Mutex::default(),
            clock: UseClock::new(open_max),
            open_max,
            metrics,
        })
    }

    /// The partition that a grant is good for, opened if it isn't. However many ask for it at
    /// the same time, it is opened once.
    ///
    /// # Errors
    /// [`RouterError::Partition`] with [`PartitionError::Corrupt`] when it doesn't open.
    pub fn partition<O: Op>(&self, grant: &Grant<O>) -> Result<Arc<Partition>, RouterError> {
        let entry = self
            .tenants
            .find(grant.tenant())
            .ok_or(RouterError::NoTenant)?;
        entry.uses.count(self.clock.tick());
        if let Some(partition) = entry.open_partition() {
            return Ok(partition);
        }
        // A resealing of a partition that isn't open gives up; one of a partition that was closed
        // meanwhile comes to its end. Either way its generation isn't opened a second time.
        entry.wanted.fetch_add(1, Ordering::Relaxed);
        let alone = entry.resealing.lock();
        entry.wanted.fetch_sub(1, Ordering::Relaxed);
        let mut place = entry.place.lock();
        if let Some(partition) = &*place {
            return Ok(Arc::clone(partition));
        }
        let partition = Arc::new(self.open(&entry.record())?);
        *place = Some(Arc::clone(&partition));
        drop(place);
        drop(alone);
        self.metrics.partition_opens.inc();
        let (read, rebuilt) = partition.segments_read();
        self.metrics.segments_read.inc_by(read);
        self.metrics.segments_rebuilt.inc_by(rebuilt);
        self.tenants.opened(&entry);
        self.evict();
        Ok(partition)
    }

    /// When tenants have to be swept.
    pub const fn sweeps(&self) -> &Arc<Sweeps> {
        &self.sweeps
    }

    /// Whether a grant's partition is open, so that using it waits for no disk.
    pub fn is_open(&self, tenant: TenantUuid) -> bool {
        self.tenants
            .find(tenant)
            .is_some_and(|entry| entry.place.try_lock().is_some_and(|place| place.is_some()))
    }

    fn open(&self, record: &TenantRecord) -> Result<Partition, RouterError> {
        let (family, key) = self.generation(record)?;
        let partition = self.opened(family, &key)?;
        partition.set_points_max(record.quota.points_max);
        Ok(partition)
    }

    /// A partition as it is served from, of a family that is about to be, or is, a tenant's.
    fn opened(
        &self,
        family: Arc<Family>,
        key: &GenerationKey,
    ) -> Result<Partition, PartitionError> {
        Ok(Partition::open(family, key)?
            .counted(self.metrics.stages.clone())
            .swept_by(Arc::clone(&self.sweeps)))
    }

    /// A tenant's present generation: its family and its key.
    fn generation(
        &self,
        record: &TenantRecord,
    ) -> Result<(Arc<Family>, GenerationKey), RouterError> {
        if record.state == TenantState::Deleting || record.state == TenantState::Deleted {
            return Err(RouterError::NoTenant);
        }
        let key = match self.keyring.load(record.uuid, record.generation) {
            Ok(key) => key,
            // A key that isn't there or isn't this tenant's: the same to whoever asks.
            Err(KeyringError::Missing | KeyringError::Unopened(_)) => {
                return Err(PartitionError::Corrupt.into());
            }
            Err(error) => return Err(error.into()),
        };
        let shelf = self.shelves.shelf(record.shelf)?;
        let family = match shelf.family(record.family) {
            Ok(family) => family,
            Err(StoreError::NoFamily) => return Err(PartitionError::Corrupt.into()),
            Err(error) => return Err(error.into()),
        };
        Ok((family, key))
    }

    /// Closes the partitions that were used least of late, down to the limit. One that is in use is
    /// passed over.
    fn evict(&self) {
        for entry in self.tenants.least_used_over(self.open_max) {
            if self.tenants.open_count() <= self.open_max {
                break;
            }
            let closed = entry.place.try_lock().and_then(|mut place| {
                let idle = place
                    .as_ref()
                    .is_some_and(|open| Arc::strong_count(open) == 1);
                if idle { place.take() } else { None }
            });
            if closed.is_some() {
                self.tenants.closed(&entry);
            }
        }
        self.show_open();
    }

    fn show_open(&self) {
        let open = self.tenants.open_count();
        self.metrics
            .partitions_open
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    fn close(&self, entry: &Arc<Entry>) {
        let partition = entry.place.lock().take();
        if let Some(partition) = partition {
            partition.close();
            *entry.left.lock() = Arc::downgrade(&partition);
            self.tenants.closed(entry);
            self.show_open();
        }
    }
}

impl Drop for Router {
    /// Stores the indexes that have changed, so that the next start's first questions don't wait.
    fn drop(&mut self) {
        for partition in self.tenants.partitions() {
            partition.store_changed();
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Router")
    }
}

/// Why the router couldn't do something.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// The id is taken, or was once: ids are never given out again.
    #[error("the tenant id is taken, or was once; ids are never given out again")]
    Taken,
    /// The tenant was resealed four billion times.
    #[error("the tenant has used up its generations")]
    Generations,
    /// The tenant's generation or place changed meanwhile.
    #[error("the tenant's data was resealed or moved meanwhile")]
    Moved,
    /// There is no such restore.
    #[error("there is no such restore")]
    NoRestore,
    /// A key that came back from custody isn't one that is missing.
    #[error("{why}; nothing was changed")]
    NotPutBack {
        /// Why not.
        why: String,
    },
    /// A key couldn't be exported.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The root key couldn't be replaced.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The partition couldn't do it.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The keyring failed.
    #[error("the keyring failed")]
    Keyring(#[from] KeyringError),
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    /// A shelf failed.
    #[error("the shelf can't be used")]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error("no random bytes")]
    Seal(#[from] SealError),
}
