//! Setting, seeing and removing a collection's retention.

use std::{collections::HashMap, sync::Arc};

use super::{Ends, Retention, Standing, stored_untold, untold::sweep_of_untold};
use crate::{
    access::{Grant, ManageRetention, ReadAudit},
    clock::Timestamp,
    partition::{
        Cold, Partition, PartitionError,
        chamber::Chamber,
        collection::{Collection, View},
        format,
    },
    store::{Batch, KeyRange, StorageKey},
    tenant::CollectionName,
};

/// A collection's retention, as it is shown.
#[derive(Clone, Debug)]
pub struct CollectionRetention {
    /// The collection, by its own name.
    pub collection: CollectionName,
    /// What was asked for.
    pub retention: Retention,
    /// When the collection was first given one: from here on count the days of rows that don't
    /// know when they were written.
    pub since: Timestamp,
}

impl Partition {
    /// Sets how long a collection's points are kept, those that are there too: every row is read.
    /// Writes wait meanwhile; reads go on.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`], and as [`Self::upsert`].
    pub fn set_retention(
        &self,
        grant: &Grant<ManageRetention>,
        name: &CollectionName,
        retention: Retention,
    ) -> Result<CollectionRetention, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        // What ended before this stays gone.
        self.clear_ended(&collection, grant.now())?;
        let mut head = self.writer.lock();
        self.must_be_there(&collection)?;
        let mut view = (*collection.view()).clone();
        let before = view.ends.standing();
        let standing = Arc::new(Standing {
            retention,
            revision: head.seq + 1,
            since: before.map_or_else(|| grant.now(), |before| before.since),
        });
        view.ends = self.ends_of_rows(collection.number, &view, &standing)?;
        let key = StorageKey::retention(collection.number);
        let record = format::encode_retention(&standing);
        let mut batch = Batch::default();
        batch.put(key, self.chamber.load().seal(key, &record)?);
        self.note_sweep(ends_sweep(&view.ends))?;
        self.commit(&mut head, batch, |_| {})?;
        self.show_ends(&collection, view);
        Ok(shown(&collection, &standing))
    }

    /// Lets a collection keep its points until they are deleted. Whether it had a retention.
    ///
    /// # Errors
    /// As [`Self::set_retention`].
    pub fn remove_retention(
        &self,
        grant: &Grant<ManageRetention>,
        name: &CollectionName,
    ) -> Result<bool, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        self.clear_ended(&collection, grant.now())?;
        let mut head = self.writer.lock();
        self.must_be_there(&collection)?;
        let mut view = (*collection.view()).clone();
        if view.ends.standing().is_none() {
            return Ok(false);
        }
        view.ends = Ends::default();
        let mut batch = Batch::default();
        batch.remove(StorageKey::retention(collection.number));
        self.commit(&mut head, batch, |_| {})?;
        self.show_ends(&collection, view);
        Ok(true)
    }

    /// A collection's retention, if it has one.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`].
    pub fn retention(
        &self,
        grant: &Grant<ManageRetention>,
        name: &CollectionName,
    ) -> Result<Option<CollectionRetention>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = collection.view();
        let standing = view.ends.standing();
        Ok(standing.map(|standing| shown(&collection, standing)))
    }

    /// Every retention of a collection that the grant is good for.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn retentions(
        &self,
        grant: &Grant<ManageRetention>,
    ) -> Result<Vec<CollectionRetention>, PartitionError> {
        let _open = self.admit(grant)?;
        let mut standing = self.standing();
        standing.retain(|of| grant.covers(&of.collection));
        Ok(standing)
    }

    /// Every retention, for the report of how the tenant is kept.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn retentions_reported(
        &self,
        grant: &Grant<ReadAudit>,
    ) -> Result<Vec<CollectionRetention>, PartitionError> {
        let _open = self.admit(grant)?;
        Ok(self.standing())
    }

    fn standing(&self) -> Vec<CollectionRetention> {
        let collections = self.collections.load();
        let standing = collections.values().filter_map(|collection| {
            let view = collection.view();
            Some(shown(collection, view.ends.standing()?))
        });
        standing.collect()
    }

    /// Shows a collection under another retention. A segment that was written under the one before
    /// knows other ends, so it is due.
    fn show_ends(&self, collection: &Collection, view: View) {
        collection.coverage.lock().rebuilt();
        collection.publish(view);
    }

    /// When the points of a view end under a retention, by their rows, on all cores. No write may
    /// come meanwhile.
    pub(in crate::partition) fn ends_of_rows(
        &self,
        collection: u32,
        view: &View,
        standing: &Arc<Standing>,
    ) -> Result<Ends, PartitionError> {
        let mut ends = Ends::new(Some(Arc::clone(standing)));
        if standing.retention.end().is_none() {
            return Ok(ends);
        }
        self.scan_rows(
            &KeyRange::rows_of(collection),
            |key, row| Ok((key.number(), standing.end_of_row(&row)?)),
            |(row, end)| {
                if let (Some((slot, _)), Some(end)) = (view.in_row(row), end) {
                    ends.put(slot, end);
                }
            },
        )?;
        Ok(ends)
    }

    /// Sees to it that it is known when this tenant has to be swept, before a commit makes that so.
    pub(in crate::partition) fn note_sweep(
        &self,
        at: Option<Timestamp>,
    ) -> Result<(), PartitionError> {
        match (&self.sweeps, at) {
            (Some(sweeps), Some(at)) => Ok(sweeps.note(self.tenant, at)?),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// When the sweep begins that destroys what ends first of all that is there, or that tells of what
    /// has ended since the last. What a write makes due comes before this, or is noted after it.
    pub fn next_sweep(&self, now: Timestamp) -> Option<Timestamp> {
        // Whoever noted a time before this has committed what it is for.
        let _written = self.writer.lock();
        let collections = self.collections.load();
        let sweeps = collections.values().filter_map(|of| {
            let view = of.view();
            let standing = view.ends.standing();
            let mut living = view.ends.iter();
            let living = living.find(|(_, slot)| !view.dead.contains(*slot as usize));
            let ended = living.and_then(|(end, _)| Some(standing?.sweep_of_ended(end)));
            let told = (of.have_ended() > 0).then(|| sweep_of_untold(standing, now));
            ended.into_iter().chain(told).min()
        });
        sweeps.min()
    }
}

impl Cold {
    /// As [`Partition::next_sweep`], of a generation that isn't open: by its rows.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn next_sweep(&self, now: Timestamp) -> Result<Option<Timestamp>, PartitionError> {
        let retentions = stored_retentions(&self.chamber)?;
        let untold = stored_untold(&self.chamber)?;
        let told = untold.keys();
        let told = told.map(|number| sweep_of_untold(retentions.get(number), now));
        let mut next = told.min();
        for (number, standing) in retentions {
            if standing.retention.end().is_none() {
                continue;
            }
            let mut earliest: Option<Timestamp> = None;
            self.chamber.scan_rows(
                &KeyRange::rows_of(number),
                |_, row| standing.end_of_row(&row),
                |end| earliest = earliest.into_iter().chain(end).min(),
            )?;
            let sweep = earliest.map(|end| standing.sweep_of_ended(end));
            next = next.into_iter().chain(sweep).min();
        }
        Ok(next)
    }
}

/// Reads a chamber's retentions back, by collection.
pub(in crate::partition) fn stored_retentions(
    chamber: &Chamber,
) -> Result<HashMap<u32, Arc<Standing>>, PartitionError> {
    let stored = chamber.open_all(&KeyRange::retentions())?;
    let retentions = stored.iter().map(|(key, plain)| {
        let standing = format::decode_retention(plain)?;
        Ok((key.collection_number(), Arc::new(standing)))
    });
    retentions.collect()
}

/// When the sweep begins that destroys what ends first.
fn ends_sweep(ends: &Ends) -> Option<Timestamp> {
    Some(ends.standing()?.sweep_of_ended(ends.earliest()?))
}

fn shown(collection: &Collection, standing: &Standing) -> CollectionRetention {
    CollectionRetention {
        collection: collection.name.clone(),
        retention: standing.retention.clone(),
        since: standing.since,
    }
}
