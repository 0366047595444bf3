//! Which generation keys were exported, to whom: copies that the server can't shred.
//!
//! **Invariant:** an export is recorded before the key is touched, so there is none that a later
//! receipt doesn't name (`it/custody`).
//! Called by: `engine`; by erasures, for their receipts ([`Custody::of_generation`]).

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    store::{Catalog, CatalogError, CatalogKind},
    tenant::{Generation, TenantUuid},
};

/// An export of a generation's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CustodyRecord {
    /// Its number.
    pub id: [u8; 16],
    /// Whose key it is.
    pub tenant: TenantUuid,
    /// Which generation's.
    pub generation: Generation,
    /// When it was exported.
    pub at: Timestamp,
    /// For whom: `passphrase`, or an age recipient.
    pub to: String,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// The id of the API key that asked.
    pub by: String,
}

/// Every export.
#[derive(Debug)]
pub struct Custody {
    catalog: Arc<Catalog>,
    records: Mutex<HashMap<TenantUuid, Vec<CustodyRecord>>>,
}

impl Custody {
    /// Takes up the exports that the catalog knows.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn open(catalog: Arc<Catalog>) -> Result<Self, CatalogError> {
        let mut records: HashMap<TenantUuid, Vec<CustodyRecord>> = HashMap::new();
        for (_, record) in catalog.load::<CustodyRecord>(CatalogKind::Custody)? {
            records.entry(record.tenant).or_default().push(record);
        }
        for of_tenant in records.values_mut() {
            of_tenant.sort_by_key(|record| (record.at, record.id));
        }
        Ok(Self {
            catalog,
            records: Mutex::new(records),
        })
    }

    /// A tenant's exports, the oldest first.
    pub fn list(&self, tenant: TenantUuid) -> Vec<CustodyRecord> {
        let records = self.records.lock();
        records.get(&tenant).cloned().unwrap_or_default()
    }

    /// The exports of one generation's key.
    pub fn of_generation(&self, tenant: TenantUuid, generation: Generation) -> Vec<CustodyRecord> {
        let mut records = self.list(tenant);
        records.retain(|record| record.generation == generation);
        records
    }

    /// Records an export, durably.
    ///
    /// # Errors
    /// [`CatalogError`]: then nothing may be exported.
    pub fn keep(&self, record: CustodyRecord) -> Result<(), CatalogError> {
        self.catalog.put(CatalogKind::Custody, record.id, &record)?;
        let mut records = self.records.lock();
        records.entry(record.tenant).or_default().push(record);
        Ok(())
    }

    /// Forgets the exports of a tenant that was deleted, once a receipt names them.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn forget(&self, tenant: TenantUuid) -> Result<(), CatalogError> {
        let ids: Vec<_> = self.list(tenant).iter().map(|record| record.id).collect();
        if !ids.is_empty() {
            self.catalog.remove(CatalogKind::Custody, &ids)?;
        }
        self.records.lock().remove(&tenant);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    #[test]
    fn golden_exports_of_keys_read_back() {
        let record = CustodyRecord {
            id: [1; 16],
            tenant: TenantUuid::from_bytes([7; 16]),
            generation: Generation(4),
            at: Timestamp(1_800_000_000_000),
            to: "passphrase".to_owned(),
            reason: "escrow".to_owned(),
            by: "0303030303030303".to_owned(),
        };
        golden(
            &record,
            include_bytes!("../../tests/golden/custody_record.v1.bin"),
        );
    }
}
