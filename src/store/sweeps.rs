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
    table: Mutex<HashMap<TenantUuid, Noted>>,
    /// Tells that a sweep is to come earlier than before.
    earlier: SyncSender<()>,
}

/// What the catalog keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Record {
    /// When the sweep is to begin.
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    at: Timestamp,
    /// What was noted since a sweep began, while there is one.
    since: Option<Option<Timestamp>>,
}

impl Sweeps {
    /// Takes up the times that the catalog knows. What comes with it is told when one is moved to an
    /// earlier time.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] when a record doesn't open.
    pub fn load(catalog: Arc<Catalog>) -> Result<(Self, Receiver<()>), CatalogError> {
        let records: Vec<([u8; 16], Record)> = catalog.load(CatalogKind::Sweep)?;
        let noted = records.into_iter().map(|(tenant, record)| {
            let noted = Noted {
                at: record.at,
                since: None,
            };
            (TenantUuid::from_bytes(tenant), noted)
        });
        let table = Mutex::new(noted.collect());
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
        let noted = table.get_mut(&tenant);
        if let Some(Noted { at: before, since }) = noted {
            if let Some(since) = since {
                *since = Some(since.map_or(at, |since| since.min(at)));
            }
            if *before <= at {
                return Ok(());
            }
        }
        self.put(tenant, at)?;
        table
            .entry(tenant)
            .and_modify(|noted| noted.at = at)
            .or_insert(Noted { at, since: None });
        // Whoever it is may know already, or be gone.
        let _known = self.earlier.try_send(());
        Ok(())
    }

    /// Every tenant that is to be swept, and when.
    pub fn times(&self) -> Vec<(TenantUuid, Timestamp)> {
        let table = self.table.lock();
        table.iter().map(|(of, noted)| (*of, noted.at)).collect()
    }

    /// Begins what a sweep does: what is noted from here on is for the next one.
    pub fn begin(&self, tenant: TenantUuid) {
        if let Some(noted) = self.table.lock().get_mut(&tenant) {
            noted.since = Some(None);
        }
    }

    /// Ends a sweep that failed: its time stays.
    pub fn failed(&self, tenant: TenantUuid) {
        if let Some(noted) = self.table.lock().get_mut(&tenant) {
            noted.since = None;
        }
    }

    /// Ends a sweep. The next is at `next`, or when what was noted meanwhile says.
    ///
    /// # Errors
    /// [`CatalogError`]; then the tenant is swept once more.
    pub fn done(&self, tenant: TenantUuid, next: Option<Timestamp>) -> Result<(), CatalogError> {
        let mut table = self.table.lock();
        let since = table.get_mut(&tenant).and_then(|noted| noted.since.take());
        let next = next.into_iter().chain(since.flatten()).min();
        match next {
            Some(at) => {
                self.put(tenant, at)?;
                table.insert(tenant, Noted { at, since: None });
            }
            None => {
                self.catalog
                    .remove(CatalogKind::Sweep, &[*tenant.as_bytes()])?;
                table.remove(&tenant);
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
