//! What the catalog knows of a restore.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    router::Place,
    store::{Catalog, CatalogError, CatalogKind},
    tenant::TenantUuid,
};

/// A restore's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RestoreId(pub [u8; 16]);

/// What the catalog knows of a restore.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RestoreRecord {
    /// Its number.
    pub id: RestoreId,
    /// Whose data it is about.
    pub tenant: TenantUuid,
    /// The backup that it restores.
    pub backup: [u8; 16],
    /// When it was asked for.
    pub began: Timestamp,
    /// How far it has come.
    pub state: RestoreState,
    /// The points that are there after it.
    pub points: u64,
    pub(super) from: Place,
    pub(super) to: Place,
    /// Whether the family that it left behind was dropped.
    pub(super) swept: bool,
}

/// How far a restore has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RestoreState {
    /// The family is being filled.
    Running,
    /// The tenant has the backup's data.
    Done,
    /// The tenant has the data that it had. With the reason.
    Failed(String),
}

impl RestoreRecord {
    /// The restore's state on the wire. It is done once nothing is left of what it replaced.
    pub const fn shown_state(&self) -> &'static str {
        match self.state {
            RestoreState::Done if self.swept => "done",
            RestoreState::Running | RestoreState::Done => "running",
            RestoreState::Failed(_) => "failed",
        }
    }
}

/// The restores that are remembered.
#[derive(Debug, Default)]
pub(in crate::router) struct Restores(pub(super) Mutex<HashMap<TenantUuid, Vec<RestoreRecord>>>);

impl Restores {
    pub(in crate::router) fn load(catalog: &Catalog) -> Result<Self, CatalogError> {
        let mut restores: HashMap<TenantUuid, Vec<RestoreRecord>> = HashMap::new();
        for (_, record) in catalog.load::<RestoreRecord>(CatalogKind::Restore)? {
            restores.entry(record.tenant).or_default().push(record);
        }
        for records in restores.values_mut() {
            records.sort_by_key(|record| record.began);
        }
        Ok(Self(Mutex::new(restores)))
    }

    pub(super) fn put(&self, record: &RestoreRecord) {
        let mut restores = self.0.lock();
        let records = restores.entry(record.tenant).or_default();
        match records.iter_mut().find(|other| other.id == record.id) {
            Some(other) => *other = record.clone(),
            None => records.push(record.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{FamilyName, golden},
        tenant::Generation,
    };

    #[test]
    fn golden_restores_read_back() {
        let place = |generation, byte| Place {
            generation: Generation(generation),
            shelf: 2,
            family: FamilyName([byte; 16]),
        };
        let record = RestoreRecord {
            id: RestoreId([1; 16]),
            tenant: TenantUuid::from_bytes([7; 16]),
            backup: [2; 16],
            began: Timestamp(1_800_000_000_000),
            state: RestoreState::Failed("damaged".to_owned()),
            points: 11,
            from: place(4, 0xa1),
            to: place(4, 0xb2),
            swept: true,
        };
        golden(
            &record,
            include_bytes!("../../../tests/golden/restore.v1.bin"),
        );
    }
}
