//! A tenant's move to its next generation, and the end of the one before.
//!
//! A record in the catalog, the *intent*, tells how far a move got, so that a crash at any point is
//! made good at the next start:
//!
//! ```text
//! copying    the old generation is whole; what was begun of the new one is thrown away
//! switched   the tenant's record names the new generation; the old one is still to be destroyed
//! done       nothing is left of the old one; when the new one began is kept, to know its age
//! ```
//!
//! The tenant's record and the step to `switched` are one catalog write: never is neither generation
//! the tenant's, never both. **Invariant:** while a tenant is resealed its partition isn't opened a
//! second time (`Entry::resealing`).

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::MutexGuard;
use serde::{Deserialize, Serialize};

use super::{Router, RouterError, record::TenantState, tenants::Entry};
use crate::{
    access::{Erase, Grant},
    clock::Timestamp,
    failpoint,
    partition::{self, Cold, Copied, Erased, Erasing, Partition, Retired, Sample},
    seal::KeyShredded,
    store::{CatalogKind, Family, FamilyDropped, FamilyName, KeyRange, StoreError},
    tenant::{Generation, TenantUuid},
};

/// Where a generation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Which generation.
    pub generation: Generation,
    /// The shelf of its family.
    pub shelf: u32,
    /// Its family.
    pub family: FamilyName,
}

/// How far a move got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Survivors are being copied.
    Copying,
    /// The old generation isn't the tenant's any more.
    Switched,
    /// Nothing is left of the old generation.
    Done,
}

/// A move from one generation to the next, or to none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Whose.
    pub tenant: TenantUuid,
    /// The generation that ends.
    pub from: Place,
    /// Its successor; none when the tenant is deleted.
    pub to: Option<Place>,
    /// How far it got.
    pub step: Step,
    /// When it began.
    pub begun: Timestamp,
    /// The points that end with it, when the tenant is deleted.
    pub points: u64,
    /// Slices of what the old generation's values look like, sealed, by record kind.
    pub samples: Vec<(u8, Sample)>,
    /// A slice of the old generation's wrapped key.
    pub key_sample: Option<Sample>,
}

/// How a tenant's data is reached without opening its partition for that.
enum Reached<'e> {
    /// The partition, which is open.
    Open(Arc<Partition>),
    /// The generation, whose partition isn't opened while the lock is held.
    Closed(Cold, MutexGuard<'e, ()>),
}

impl Router {
    /// Removes what is meant from the tenant's data. One that isn't open isn't opened for that.
    ///
    /// # Errors
    /// [`RouterError::Partition`].
    pub fn erase(&self, grant: &Grant<Erase>, what: &Erasing) -> Result<Erased, RouterError> {
        let entry = self.entry(grant.tenant())?;
        Ok(match self.reach(&entry)? {
            Reached::Open(partition) => partition.erase(grant, what)?,
            Reached::Closed(mut cold, _alone) => cold.erase(grant, what)?,
        })
    }

    /// When a tenant's next sweep begins, of all that is there now. One that isn't open isn't opened
    /// for that.
    ///
    /// # Errors
    /// [`RouterError::Partition`].
    pub fn next_sweep(&self, grant: &Grant<Erase>) -> Result<Option<Timestamp>, RouterError> {
        let entry = self.entry(grant.tenant())?;
        Ok(match self.reach(&entry)? {
            Reached::Open(partition) => partition.next_sweep(grant.now()),
            Reached::Closed(cold, _alone) => cold.next_sweep(grant.now())?,
        })
    }

    fn reach<'e>(&self, entry: &'e Entry) -> Result<Reached<'e>, RouterError> {
        loop {
            if let Some(partition) = entry.open_partition() {
                return Ok(Reached::Open(partition));
            }
            let alone = entry.resealing.lock();
            // It may have been opened while the last resealing was waited for.
            if entry.open_partition().is_none() {
                return Ok(Reached::Closed(self.cold(entry)?, alone));
            }
        }
    }

    /// Moves a tenant's survivors to its next generation. Reads and writes go on; if the partition
    /// isn't open, whoever wants it interrupts this.
    ///
    /// # Errors
    /// [`PartitionError::Interrupted`](crate::partition::PartitionError::Interrupted) when someone
    /// wanted the partition: try again.
    pub fn reseal(
        self: &Arc<Self>,
        grant: &Grant<Erase>,
        now: Timestamp,
    ) -> Result<(Intent, Copied), RouterError> {
        let entry = self.entry(grant.tenant())?;
        let _alone = entry.resealing.lock();
        let record = entry.record();
        if matches!(record.state, TenantState::Deleting | TenantState::Deleted) {
            return Err(RouterError::NoTenant);
        }
        let from = Place {
            generation: record.generation,
            shelf: record.shelf,
            family: record.family,
        };
        let generation = record.generation.next().ok_or(RouterError::Generations)?;
        let spare = self.take_spare()?;
        let mut intent = Intent {
            tenant: record.uuid,
            from,
            to: Some(Place {
                generation,
                shelf: spare.shelf,
                family: spare.name,
            }),
            step: Step::Copying,
            begun: now,
            points: 0,
            samples: Vec::new(),
            key_sample: self.keyring.wrapped_sample(record.uuid, from.generation)?,
        };
        // A family that no intent names would be taken up as a spare, or count as left behind.
        self.put_intent(&intent)?;
        failpoint::hit("reseal-intended");
        let moved = self.copy(&entry, grant, &mut intent, &spare.family);
        match moved {
            Ok((retired, copied)) => {
                failpoint::hit("reseal-switched");
                // Readers that were there before the switch.
                drop(retired.drained());
                Ok((intent, copied))
            }
            Err(error) => {
                // Nothing names the new place: it goes now, or at the next start.
                drop(spare);
                if let Err(error) = self.abandon(&intent) {
                    tracing::warn!(%error, "a half-made generation goes at the next start");
                }
                Err(error)
            }
        }
    }

    fn copy(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        grant: &Grant<Erase>,
        intent: &mut Intent,
        family: &Arc<Family>,
    ) -> Result<(Retired, Copied), RouterError> {
        let to = intent.to.ok_or(RouterError::NoTenant)?;
        let key = self.keyring.make(intent.tenant, to.generation)?;
        failpoint::hit("reseal-key-made");
        let family = Arc::clone(family);
        let old = self.shelves.shelf(intent.from.shelf)?;
        intent.samples = partition::samples(&*old.family(intent.from.family)?, SAMPLES)?;
        let retired = match entry.open_partition() {
            Some(partition) => partition.reseal(grant, family, &key, || self.switch(entry, intent)),
            None => {
                let cold = self.cold(entry)?;
                let go_on = || entry.wanted.load(Ordering::Relaxed) == 0;
                cold.reseal(grant, family, &key, &go_on, || self.switch(entry, intent))
            }
        }?;
        let copied = retired.copied;
        Ok((retired, copied))
    }

    /// The one write that makes the new generation the tenant's.
    fn switch(&self, entry: &Arc<Entry>, intent: &mut Intent) -> Result<(), RouterError> {
        failpoint::hit("reseal-copied");
        let to = intent.to.ok_or(RouterError::NoTenant)?;
        intent.step = Step::Switched;
        self.rewrite(entry, |record| {
            record.generation = to.generation;
            record.shelf = to.shelf;
            record.family = to.family;
            Ok(Some((CatalogKind::Reseal, &*intent)))
        })?;
        Ok(())
    }

    /// Drops the family of a generation that isn't the tenant's any more. As each of the steps to
    /// its end, it may be repeated until it succeeds.
    ///
    /// # Errors
    /// [`RouterError::Store`].
    pub fn drop_ended(&self, intent: &Intent) -> Result<FamilyDropped, RouterError> {
        let shelf = self.shelves.shelf(intent.from.shelf)?;
        let was_there = shelf.names().contains(&intent.from.family);
        let dropped = shelf.drop_family(intent.from.family)?;
        if was_there {
            self.placement.lock().left(intent.from.shelf);
        }
        Ok(dropped)
    }

    /// Shreds its key.
    ///
    /// # Errors
    /// [`RouterError::Keyring`].
    pub fn shred_ended(&self, intent: &Intent) -> Result<KeyShredded, RouterError> {
        let shredded = self.keyring.shred(intent.tenant, intent.from.generation)?;
        Ok(shredded.or_sample(intent.key_sample))
    }

    /// Rids its shelf of what the family left.
    ///
    /// # Errors
    /// [`RouterError::Store`].
    pub fn purge_ended(&self, intent: &Intent) -> Result<(), RouterError> {
        Ok(self.shelves.shelf(intent.from.shelf)?.purge()?)
    }

    /// A move came to its end. When it began is kept, unless the tenant is gone.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn moved_on(&self, intent: &Intent) -> Result<(), RouterError> {
        if intent.to.is_none() {
            return self.forget(intent);
        }
        self.put_intent(&Intent {
            step: Step::Done,
            samples: Vec::new(),
            key_sample: None,
            ..intent.clone()
        })
    }

    /// The tenants whose data keys should be replaced: those made before `before`, and those that
    /// have sealed nearly as many messages as is safe.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keys_due(&self, before: Timestamp) -> Result<Vec<TenantUuid>, RouterError> {
        let stored: Vec<(_, Intent)> = self.catalog.load(CatalogKind::Reseal)?;
        let moves: HashMap<TenantUuid, Timestamp> = stored
            .into_iter()
            .map(|(_, intent)| (intent.tenant, intent.begun))
            .collect();
        let mut due: Vec<TenantUuid> = self
            .every_record()
            .iter()
            .filter(|record| {
                let made = moves.get(&record.uuid).unwrap_or(&record.created);
                let is_there = match record.state {
                    TenantState::Active | TenantState::Suspended => true,
                    TenantState::Deleting | TenantState::Deleted => false,
                };
                is_there && *made < before
            })
            .map(|record| record.uuid)
            .collect();
        for partition in self.tenants.partitions() {
            if partition.key_is_near_its_budget() && !due.contains(&partition.tenant()) {
                due.push(partition.tenant());
            }
        }
        Ok(due)
    }

    fn forget(&self, intent: &Intent) -> Result<(), RouterError> {
        Ok(self
            .catalog
            .remove(CatalogKind::Reseal, &[*intent.tenant.as_bytes()])?)
    }

    /// The move of a tenant that is behind its switch, and so is to come to its end.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn moved(&self, tenant: TenantUuid) -> Result<Option<Intent>, RouterError> {
        let intent: Option<Intent> = self.catalog.find(CatalogKind::Reseal, *tenant.as_bytes())?;
        Ok(intent.filter(|intent| intent.step == Step::Switched))
    }

    /// Throws away what a crash left of moves that it cut short before their switch, and tells whose
    /// are behind it. At the node's start, before anything is opened.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn take_up_moves(&self) -> Result<Vec<TenantUuid>, RouterError> {
        let stored: Vec<(_, Intent)> = self.catalog.load(CatalogKind::Reseal)?;
        let mut moved = Vec::new();
        for (_, intent) in stored {
            match intent.step {
                Step::Copying => self.abandon(&intent)?,
                Step::Switched => moved.push(intent.tenant),
                Step::Done => {}
            }
        }
        Ok(moved)
    }

    /// Begins the end of a tenant that is marked for deletion: nothing of it is open after this.
    ///
    /// # Errors
    /// [`RouterError`]; it may be repeated.
    pub fn end_tenant(&self, tenant: TenantUuid) -> Result<Intent, RouterError> {
        let entry = self.entry(tenant)?;
        // A resealing that is under way gives up, or comes to its end, first.
        entry.wanted.fetch_add(1, Ordering::Relaxed);
        let alone = entry.resealing.lock();
        entry.wanted.fetch_sub(1, Ordering::Relaxed);
        if let Some(intent) = self.moved(tenant)? {
            return Ok(intent);
        }
        self.close(&entry);
        let record = entry.record();
        let from = Place {
            generation: record.generation,
            shelf: record.shelf,
            family: record.family,
        };
        let (samples, points) = match self.shelves.shelf(from.shelf)?.family(from.family) {
            // What can't be read can be dropped all the same.
            Ok(family) => (
                partition::samples(&family, SAMPLES).unwrap_or_default(),
                family.count(&KeyRange::rows()).unwrap_or_default(),
            ),
            Err(StoreError::NoFamily) => (Vec::new(), 0),
            Err(error) => return Err(error.into()),
        };
        let intent = Intent {
            tenant,
            from,
            to: None,
            step: Step::Switched,
            begun: record.created,
            points,
            samples,
            key_sample: self.keyring.wrapped_sample(tenant, from.generation)?,
        };
        self.put_intent(&intent)?;
        drop(alone);
        Ok(intent)
    }

    /// Throws away what was made of a new generation.
    fn abandon(&self, intent: &Intent) -> Result<(), RouterError> {
        let Some(to) = intent.to.filter(|_| intent.step == Step::Copying) else {
            return Ok(());
        };
        let shelf = self.shelves.shelf(to.shelf)?;
        let was_there = shelf.names().contains(&to.family);
        let _dropped = shelf.drop_family(to.family)?;
        if was_there {
            self.placement.lock().left(to.shelf);
        }
        let _shredded = self.keyring.shred(intent.tenant, to.generation)?;
        self.forget(intent)
    }

    pub(super) fn put_intent(&self, intent: &Intent) -> Result<(), RouterError> {
        Ok(self
            .catalog
            .put(CatalogKind::Reseal, *intent.tenant.as_bytes(), intent)?)
    }

    pub(super) fn entry(&self, tenant: TenantUuid) -> Result<Arc<Entry>, RouterError> {
        self.tenants.find(tenant).ok_or(RouterError::NoTenant)
    }

    /// A tenant's generation, without opening its partition. Whoever calls holds `resealing`.
    fn cold(&self, entry: &Entry) -> Result<Cold, RouterError> {
        let (family, key) = self.generation(&entry.record())?;
        Ok(Cold::open(family, &key)?)
    }
}

/// Slices of an old generation that are kept to look for.
pub(super) const SAMPLES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    #[test]
    fn golden_intents_read_back() {
        let place = |generation, family| Place {
            generation: Generation(generation),
            shelf: 2,
            family: FamilyName([family; 16]),
        };
        let intent = Intent {
            tenant: TenantUuid::from_bytes([7; 16]),
            from: place(3, 0xa1),
            to: Some(place(4, 0xb2)),
            step: Step::Switched,
            begun: Timestamp(1_800_000_000_000),
            points: 12,
            samples: vec![(1, [5; 24])],
            key_sample: Some([6; 24]),
        };
        golden(
            &intent,
            include_bytes!("../../tests/golden/reseal_intent.v1.bin"),
        );
    }
}
