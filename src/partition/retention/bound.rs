//! The tenant's own bound for what is deleted or replaced, where a collection has none.
//!
//! Stored as a retention without an end, of collection 0, which is no collection: so it is sealed, moved
//! and backed up as the others are.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use super::{Retention, Standing, sweep};
use crate::{
    access::{Grant, ManageRetention},
    clock::Timestamp,
    partition::{Partition, PartitionError, format},
    store::{Batch, StorageKey},
};

impl Partition {
    /// Sets within how many hours what is deleted or replaced from now on is gone from the disk, in
    /// collections that don't say so themselves; none takes the bound back.
    ///
    /// # Errors
    /// As [`Self::upsert`].
    pub fn set_purge_within(
        &self,
        grant: &Grant<ManageRetention>,
        bound: Option<Retention>,
    ) -> Result<(), PartitionError> {
        let _open = self.admit(grant)?;
        let mut head = self.writer.lock();
        let key = StorageKey::retention(NO_COLLECTION);
        let mut batch = Batch::default();
        let hours = bound.as_ref().and_then(Retention::purge_within_hours);
        match bound {
            Some(retention) => {
                let standing = Standing {
                    retention,
                    revision: head.seq + 1,
                    since: grant.now(),
                };
                let record = format::encode_retention(&standing);
                batch.put(key, self.chamber.load().seal(key, &record)?);
            }
            None => batch.remove(key),
        }
        self.commit(&mut head, batch, |_| {})?;
        self.purge_within_hours
            .store(hours.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Within how many hours what is deleted or replaced is gone from the disk, in collections that
    /// don't say so themselves.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn purge_within(
        &self,
        grant: &Grant<ManageRetention>,
    ) -> Result<Option<u32>, PartitionError> {
        let _open = self.admit(grant)?;
        Ok(self.bound())
    }

    fn bound(&self) -> Option<u32> {
        let hours = self.purge_within_hours.load(Ordering::Relaxed);
        Some(hours).filter(|hours| *hours > 0)
    }

    /// When the sweep begins that destroys what is deleted or replaced at this time, if there is a
    /// bound for that.
    pub(in crate::partition) fn sweep_of_removed(
        &self,
        standing: Option<&Standing>,
        removed: Timestamp,
    ) -> Option<Timestamp> {
        let own = standing.and_then(|standing| standing.retention.purge_within_hours);
        Some(sweep(removed, own.or_else(|| self.bound())?))
    }

    /// Takes the bound out of what was stored.
    pub(in crate::partition) fn take_up_bound(&self, stored: &mut HashMap<u32, Arc<Standing>>) {
        let bound = stored.remove(&NO_COLLECTION);
        let hours = bound.and_then(|bound| bound.retention.purge_within_hours);
        self.purge_within_hours
            .store(hours.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Collections have numbers from 1 on.
const NO_COLLECTION: u32 = 0;
