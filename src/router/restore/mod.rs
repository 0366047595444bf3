//! Where a backup comes from, and how one takes the place of a tenant's data.
//!
//! ```text
//! 1  a record says which family will be filled          a crash: nothing was done
//! 2  the family is filled from the backup, and opened:   a crash: the next start drops it
//!    every row is read and checked
//! 3  requests wait; the old partition is closed; the
//!    new one's counters are raised to the old one's
//! 4  one write of the catalog: the tenant's record       a crash before: the old state; after: the
//!    names the new family, the restore is done           new one, and the next start drops the old
//! 5  requests go on; the old family is dropped, and now the restore is shown as done
//! ```
//!
//! **Invariant:** counters never go back, whatever is restored: no row number is given twice under
//! one key, and the key's count of messages only grows (`it/backup`).
//! Called by: `ops`, `engine`.

mod record;
mod source;

use std::{collections::BTreeSet, fmt, sync::Arc};

pub(super) use self::record::Restores;
pub use self::{
    record::{RestoreId, RestoreRecord, RestoreState},
    source::Source,
};
use super::{Place, Router, RouterError, TenantRecord, TenantState, Turn, tenants::Entry};
use crate::{
    access::{Grant, ManageBackups},
    clock::Timestamp,
    failpoint,
    partition::{Counters, Partition, PartitionError},
    seal::{self, GenerationKey, ManifestKey},
    store::{CatalogKind, StorageKey, StoreError},
    tenant::{Generation, TenantUuid},
};

impl Router {
    /// The turns of what is done to a tenant's data as a whole.
    pub const fn turns(&self) -> &super::Turns {
        &self.turns
    }

    /// The family and the key of a tenant's present generation. Opens no index.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn source(&self, grant: &Grant<ManageBackups>) -> Result<Source, RouterError> {
        let entry = self.entry(grant.tenant())?;
        let record = entry.record();
        let key = self.keyring.load(record.uuid, record.generation)?;
        let shelf = self.shelves.shelf(record.shelf)?;
        Ok(Source {
            family: shelf.family(record.family)?,
            key,
        })
    }

    /// The key that vouches for manifests of the tenant's present generation, and which that is.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn manifest_key(
        &self,
        grant: &Grant<ManageBackups>,
    ) -> Result<(Generation, ManifestKey), RouterError> {
        let record = self.entry(grant.tenant())?.record();
        let key = self.keyring.load(record.uuid, record.generation)?;
        Ok((record.generation, key.derive_manifest_key()))
    }

    /// Records that a backup is to be restored.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn begin_restore(
        self: &Arc<Self>,
        grant: &Grant<ManageBackups>,
        backup: [u8; 16],
        now: Timestamp,
    ) -> Result<RestoreRecord, RouterError> {
        let entry = self.entry(grant.tenant())?;
        self.forget_old_restores(grant.tenant())?;
        let spare = self.take_spare()?;
        let record = RestoreRecord {
            id: RestoreId(seal::random_bytes()?),
            tenant: grant.tenant(),
            backup,
            began: now,
            state: RestoreState::Running,
            points: 0,
            from: place_of(&entry.record()),
            to: Place {
                generation: entry.record().generation,
                shelf: spare.shelf,
                family: spare.name,
            },
            swept: false,
        };
        self.keep_restore(&record)?;
        Ok(record)
    }

    /// Puts a backup's values in place of a tenant's data, all of it or nothing. Holds the tenant's
    /// turn. Whatever comes of it is recorded.
    ///
    /// # Errors
    /// What `records` fails with; [`RouterError`]. Then the tenant has the data that it had.
    pub fn restore<E: From<RouterError> + fmt::Display>(
        &self,
        grant: &Grant<ManageBackups>,
        _turn: &Turn,
        restore: RestoreRecord,
        generation: Generation,
        records: impl Iterator<Item = Result<(StorageKey, Vec<u8>), E>>,
    ) -> Result<RestoreRecord, E> {
        match self.put_in_place(grant, &restore, generation, records) {
            Ok(done) => {
                failpoint::hit("restore.switched");
                Ok(self.sweep_restore(done))
            }
            Err(error) => {
                let failed = RestoreRecord {
                    state: RestoreState::Failed(error.to_string()),
                    ..restore
                };
                self.sweep_restore(failed);
                Err(error)
            }
        }
    }

    fn put_in_place<E: From<RouterError>>(
        &self,
        grant: &Grant<ManageBackups>,
        restore: &RestoreRecord,
        generation: Generation,
        records: impl Iterator<Item = Result<(StorageKey, Vec<u8>), E>>,
    ) -> Result<RestoreRecord, E> {
        let entry = self.entry(grant.tenant())?;
        let key = self
            .keyring
            .load(restore.tenant, generation)
            .map_err(RouterError::from)?;
        failpoint::hit("restore.begun");
        let shelf = self.shelf(restore.to.shelf)?;
        let family = shelf.family(restore.to.family).map_err(RouterError::from)?;
        let records = records.map(|record| record.map_err(Given::Outside));
        Partition::copy_in(grant, &family, &key, records).map_err(Given::passed_on)?;
        failpoint::hit("restore.filled");
        let fresh = self.opened(family, &key).map_err(RouterError::from)?;
        failpoint::hit("restore.opened");
        Ok(self.switch_over(&entry, restore, &key, fresh)?)
    }

    /// Steps 3 to 5.
    fn switch_over(
        &self,
        entry: &Arc<Entry>,
        restore: &RestoreRecord,
        key: &GenerationKey,
        fresh: Partition,
    ) -> Result<RestoreRecord, RouterError> {
        let done = RestoreRecord {
            state: RestoreState::Done,
            points: fresh.points(),
            ..restore.clone()
        };
        // Nothing else that is done to a tenant as a whole is under way, and nobody opens it.
        let _alone = entry.resealing.lock();
        let mut place = entry.place.lock();
        let counters = match place.take() {
            Some(open) => {
                self.tenants.closed(entry);
                Some(open.retire())
            }
            None => self.counters(restore.from, key)?,
        };
        fresh.follow(counters)?;
        failpoint::hit("restore.followed");
        let mut current = entry.record.write();
        if current.state != TenantState::Active || place_of(&current) != restore.from {
            return Err(RouterError::Moved);
        }
        let mut record = (**current).clone();
        record.shelf = restore.to.shelf;
        record.family = restore.to.family;
        self.catalog.put_both(
            (CatalogKind::Tenant, *record.uuid.as_bytes(), &record),
            (CatalogKind::Restore, restore.id.0, &done),
        )?;
        fresh.set_points_max(record.quota.points_max);
        *current = Arc::new(record);
        drop(current);
        *place = Some(Arc::new(fresh));
        drop(place);
        self.tenants.opened(entry);
        self.restores.put(&done);
        Ok(done)
    }

    /// How far the counters have come in a family that isn't open; nothing when its head is lost,
    /// which may be just why a backup is restored.
    fn counters(&self, from: Place, key: &GenerationKey) -> Result<Option<Counters>, RouterError> {
        let family = match self.shelf(from.shelf)?.family(from.family) {
            Ok(family) => family,
            Err(StoreError::NoFamily) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let told = match Counters::read(&family, key) {
            Ok(Some(counters)) => return Ok(Some(counters)),
            Ok(None) => Partition::open(family, key),
            Err(error) => Err(error),
        };
        match told {
            Ok(partition) => Ok(Some(partition.retire())),
            Err(PartitionError::Corrupt) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The restores of the grant's tenant that are remembered, the oldest first.
    pub fn restores(&self, grant: &Grant<ManageBackups>) -> Vec<RestoreRecord> {
        let restores = self.restores.0.lock();
        restores.get(&grant.tenant()).cloned().unwrap_or_default()
    }

    /// The shelves on which a generation's families were: a restore fills another one, and the one
    /// before is dropped.
    pub fn shelves_of(&self, tenant: TenantUuid, last: Place) -> BTreeSet<u32> {
        let restores = self.restores.0.lock();
        let own = restores.get(&tenant).into_iter().flatten();
        let places = own.flat_map(|record| [record.from, record.to]);
        let before = places.filter(|place| place.generation == last.generation);
        before.chain([last]).map(|place| place.shelf).collect()
    }

    /// Whether a tenant's data is being replaced.
    pub fn is_restoring(&self, tenant: TenantUuid) -> bool {
        let restores = self.restores.0.lock();
        let running = |record: &RestoreRecord| record.state == RestoreState::Running;
        restores
            .get(&tenant)
            .is_some_and(|own| own.iter().any(running))
    }

    /// Ends a restore that was only begun.
    pub fn give_up_restore(&self, restore: RestoreRecord, why: String) {
        self.sweep_restore(RestoreRecord {
            state: RestoreState::Failed(why),
            ..restore
        });
    }

    /// Ends restores that a crash cut short, and drops the families that they left behind. Before
    /// anyone may ask for a tenant.
    pub fn settle_restores(&self) {
        for mut record in self.unswept(|_| true) {
            if record.state == RestoreState::Running {
                record.state = RestoreState::Failed("the node stopped meanwhile".to_owned());
            }
            self.sweep_restore(record);
        }
    }

    /// Drops what restores of the tenant whose turn it is couldn't drop when they ended.
    ///
    /// # Errors
    /// [`RouterError`]; then it is still there.
    pub fn sweep_restores(&self, turn: &Turn) -> Result<(), RouterError> {
        let own = self.unswept(|record| record.tenant == turn.tenant());
        own.into_iter()
            .filter(|record| record.state != RestoreState::Running)
            .try_for_each(|record| self.try_to_sweep(record).map(drop))
    }

    fn unswept(&self, wanted: impl Fn(&RestoreRecord) -> bool) -> Vec<RestoreRecord> {
        let restores = self.restores.0.lock();
        let all = restores.values().flatten();
        all.filter(|record| !record.swept && wanted(record))
            .cloned()
            .collect()
    }

    /// Drops the family that a restore leaves behind, and records what came of it.
    fn sweep_restore(&self, record: RestoreRecord) -> RestoreRecord {
        match self.try_to_sweep(record.clone()) {
            Ok(swept) => return swept,
            Err(error) => {
                tracing::error!(%error, "a family that a restore left is dropped later");
            }
        }
        if let Err(error) = self.keep_restore(&record) {
            tracing::error!(%error, "the end of a restore couldn't be recorded");
        }
        record
    }

    fn try_to_sweep(&self, mut record: RestoreRecord) -> Result<RestoreRecord, RouterError> {
        self.drop_left(match record.state {
            RestoreState::Done => record.from,
            RestoreState::Running | RestoreState::Failed(_) => record.to,
        })?;
        record.swept = true;
        self.keep_restore(&record)?;
        Ok(record)
    }

    fn drop_left(&self, left: Place) -> Result<(), RouterError> {
        // Whatever a record says: what a tenant has isn't left behind.
        if self
            .every_record()
            .iter()
            .any(|record| place_of(record) == left)
        {
            return Ok(());
        }
        let shelf = self.shelf(left.shelf)?;
        let was_there = shelf.names().contains(&left.family);
        let _dropped = shelf.drop_family(left.family)?;
        if was_there {
            self.placement.lock().left(left.shelf);
            // The same sealed values may stand in the tenant's own family: once they are erased
            // there, they mustn't be found here.
            shelf.purge()?;
        }
        Ok(())
    }

    fn keep_restore(&self, record: &RestoreRecord) -> Result<(), RouterError> {
        self.catalog
            .put(CatalogKind::Restore, record.id.0, record)?;
        self.restores.put(record);
        Ok(())
    }

    /// Keeps the last few restores of a tenant.
    fn forget_old_restores(&self, tenant: TenantUuid) -> Result<(), RouterError> {
        let mut restores = self.restores.0.lock();
        let records = restores.entry(tenant).or_default();
        let settled = |record: &&RestoreRecord| record.swept;
        let surplus = (records.len() + 1).saturating_sub(RESTORES_KEPT);
        let old: Vec<_> = records
            .iter()
            .filter(settled)
            .take(surplus)
            .map(|record| record.id)
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = old.iter().map(|id| id.0).collect();
        self.catalog.remove(CatalogKind::Restore, &ids)?;
        records.retain(|record| !old.contains(&record.id));
        Ok(())
    }

    fn shelf(&self, number: u32) -> Result<Arc<crate::store::Shelf>, RouterError> {
        Ok(self.shelves.shelf(number)?)
    }
}

fn place_of(record: &TenantRecord) -> Place {
    Place {
        generation: record.generation,
        shelf: record.shelf,
        family: record.family,
    }
}

/// An error of whoever hands records in, or of the partition that takes them.
enum Given<E> {
    Outside(E),
    Here(PartitionError),
}

impl<E: From<RouterError>> Given<E> {
    fn passed_on(self) -> E {
        match self {
            Self::Outside(error) => error,
            Self::Here(error) => RouterError::from(error).into(),
        }
    }
}

impl<E> From<PartitionError> for Given<E> {
    fn from(error: PartitionError) -> Self {
        Self::Here(error)
    }
}

/// Restores that are remembered of a tenant.
const RESTORES_KEPT: usize = 20;
