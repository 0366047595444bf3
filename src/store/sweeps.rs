//! When tenants have to be swept: what has ended or was removed is still on the disk until then.
//!
//! Owns: one catalog record a tenant that has anything to be swept, with a time and nothing of the
//! tenant's own words, so that a cold tenant needn't be opened to know. **Invariant:** a time is
//! durable before the commit that makes it due, and moves on only when what was removed before is
//! destroyed, by a sweep or by another erasure; so after a crash a tenant is swept once too often,
//! never once too seldom.
//! Called by: `partition` (notes), `router` (opening, deletion), `ops` (erasures), `engine` (sweeps).

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError, CatalogKind};
use crate::{clock::Timestamp, tenant::TenantUuid};

/// The times of the next sweeps.
pub struct Sweeps {
    catalog: Arc<Catalog>,
    table: Mutex<Table>,
    /// Tells that a sweep is to come earlier than before.
    earlier: SyncSender<()>,
}

/// What the catalog keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Record {
    /// When the sweep is to begin.
    at: Timestamp,
}

#[derive(Debug)]
struct Table {
    /// When each sweep is to begin.
    times: HashMap<TenantUuid, Timestamp>,
    /// What was noted since a sweep began, while there is one. It may be one that nothing was noted
    /// for: any erasure destroys what a sweep would.
    since: HashMap<TenantUuid, Option<Timestamp>>,
}

impl Sweeps {
    /// Takes up the times that the catalog knows. What comes with it is told when one is moved to an
    /// earlier time.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] when a record doesn't open.
    pub fn load(catalog: Arc<Catalog>) -> Result<(Self, Receiver<()>), CatalogError> {
        let records: Vec<([u8; 16], Record)> = catalog.load(CatalogKind::Sweep)?;
        let times = records.into_iter();
        let times = times.map(|(tenant, record)| (TenantUuid::from_bytes(tenant), record.at));
        let table = Mutex::new(Table {
            times: times.collect(),
            since: HashMap::new(),
        });
        let (earlier, told) = sync_channel(1);
        let sweeps = Self {
            catalog,
            table,
            earlier,
        };
        Ok((sweeps, told))
    }

    /// Sees to it that a tenant is swept at this time or earlier. Durable once this returns.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn note(&self, tenant: TenantUuid, at: Timestamp) -> Result<(), CatalogError> {
        // Ends that come closer and closer mustn't each cost a write.
        let at = Timestamp(at.0 - at.0 % GRAIN_MILLIS);
        let mut table = self.table.lock();
        if let Some(since) = table.since.get_mut(&tenant) {
            *since = Some(since.map_or(at, |since| since.min(at)));
        }
        if table.times.get(&tenant).is_some_and(|before| *before <= at) {
            return Ok(());
        }
        self.put(tenant, at)?;
        table.times.insert(tenant, at);
        // Whoever it is may know already, or be gone.
        let _known = self.earlier.try_send(());
        Ok(())
    }

    /// Every tenant that is to be swept, and when.
    pub fn times(&self) -> Vec<(TenantUuid, Timestamp)> {
        let table = self.table.lock();
        table.times.iter().map(|(of, at)| (*of, *at)).collect()
    }

    /// Begins what a sweep does: what is noted from here on is for the next one.
    pub fn begin(&self, tenant: TenantUuid) {
        self.table.lock().since.insert(tenant, None);
    }

    /// Ends a sweep that failed: its time stays.
    pub fn failed(&self, tenant: TenantUuid) {
        self.table.lock().since.remove(&tenant);
    }

    /// Ends a sweep. The next is at `next`, or when what was noted meanwhile says.
    ///
    /// # Errors
    /// [`CatalogError`]; then the tenant is swept once more.
    pub fn done(&self, tenant: TenantUuid, next: Option<Timestamp>) -> Result<(), CatalogError> {
        let mut table = self.table.lock();
        let since = table.since.remove(&tenant);
        let next = next.into_iter().chain(since.flatten()).min();
        match next {
            Some(at) => {
                self.put(tenant, at)?;
                table.times.insert(tenant, at);
            }
            None => {
                self.catalog
                    .remove(CatalogKind::Sweep, &[*tenant.as_bytes()])?;
                table.times.remove(&tenant);
            }
        }
        Ok(())
    }

    fn put(&self, tenant: TenantUuid, at: Timestamp) -> Result<(), CatalogError> {
        let record = Record { at };
        self.catalog
            .put(CatalogKind::Sweep, *tenant.as_bytes(), &record)
    }
}

impl fmt::Debug for Sweeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweeps")
    }
}

/// Times are told apart by five minutes.
const GRAIN_MILLIS: u64 = 5 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    #[test]
    fn golden_sweeps_read_back() {
        let record = Record {
            at: Timestamp(1_800_000_000_000),
        };
        golden(&record, include_bytes!("../../tests/golden/sweep.v1.bin"));
    }
}
