//! Erasing: what must go is removed in commits like any other, so nothing of it is answered once this
//! returns. Its bytes end when the partition is [resealed](super::reseal).

use std::sync::Arc;

use super::{
    Partition, PartitionError,
    chamber::{Chamber, Sample},
    collection::{Collection, Slot},
    write::{Mutation, Operation, Selection},
};
use crate::{
    access::{Erase, Grant},
    clock::Timestamp,
    payload::filter::Filter,
    store::{KeyRange, StorageKey},
    tenant::{CollectionName, PointId},
};

/// What is to be erased.
#[derive(Clone, Debug)]
pub enum Erasing {
    /// These points of a collection.
    Points {
        /// The collection.
        collection: CollectionName,
        /// The points.
        ids: Vec<PointId>,
    },
    /// All points that match.
    Matching {
        /// In this collection; in every one, if none is named.
        collection: Option<CollectionName>,
        /// What they match.
        filter: Filter,
    },
    /// A whole collection.
    Collection(CollectionName),
    /// Whatever has ended by the time of the grant, in every collection.
    Ended,
}

/// What was erased.
#[derive(Clone, Debug, Default)]
pub struct Erased {
    /// Points, by collection.
    pub collections: Vec<(CollectionName, u64)>,
    /// Slices of their sealed rows, to look for once they are to be gone.
    pub samples: Vec<Sample>,
}

impl Erased {
    /// Slices that are kept of one erasure.
    pub const SAMPLES_MAX: usize = 32;

    /// Points over all collections.
    pub fn points(&self) -> u64 {
        self.collections.iter().map(|(_, points)| points).sum()
    }

    pub(super) fn count(&mut self, name: CollectionName, points: u64) {
        self.collections.push((name, points));
    }

    /// ... if there were any.
    pub(super) fn count_some(&mut self, name: &CollectionName, points: u64) {
        if points > 0 {
            self.count(name.clone(), points);
        }
    }

    pub(super) const fn samples_wanted(&self) -> usize {
        Self::SAMPLES_MAX.saturating_sub(self.samples.len())
    }

    /// Keeps slices of the first of these rows, as many as are wanted yet.
    pub(super) fn sample(
        &mut self,
        chamber: &Chamber,
        rows: &[StorageKey],
    ) -> Result<(), PartitionError> {
        for key in rows.iter().take(self.samples_wanted()) {
            self.samples.extend(chamber.sample(*key)?);
        }
        Ok(())
    }
}

impl Partition {
    /// Removes what is meant. Nothing of it is answered once this returns, and no write that began
    /// before it brings it back.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`] when a collection isn't there. When it fails after it began,
    /// some collections may have been dealt with, and it can be repeated.
    pub fn erase(&self, grant: &Grant<Erase>, what: &Erasing) -> Result<Erased, PartitionError> {
        let _open = self.admit(grant)?;
        let mut erased = Erased::default();
        match what {
            Erasing::Points { collection, ids } => {
                let collection = self.find(grant, collection)?;
                let selection = Selection::Ids(ids.clone());
                self.erase_from(grant, &collection, selection, &mut erased)?;
            }
            Erasing::Matching { collection, filter } => {
                let collections = match collection {
                    Some(name) => vec![self.find(grant, name)?],
                    None => self.collections.load().values().cloned().collect(),
                };
                for collection in collections {
                    let selection = Selection::Filter(filter.clone());
                    match self.erase_from(grant, &collection, selection, &mut erased) {
                        // One that was deleted meanwhile has nothing left.
                        Ok(()) | Err(PartitionError::NoCollection { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Erasing::Collection(name) => {
                let collection = self.find(grant, name)?;
                let rows = KeyRange::rows_of(collection.number);
                let family = Arc::clone(&self.chamber.load().family);
                let keys = family.first_keys(&rows, Erased::SAMPLES_MAX)?;
                erased.sample(&self.chamber.load_full(), &keys)?;
                let view = self.current(&collection, grant.now());
                erased.count(collection.name.clone(), view.ids.len() as u64);
                self.remove_collection(&collection.name, grant.now())?;
            }
            Erasing::Ended => {
                for collection in self.collections.load().values() {
                    self.clear_sampled(collection, grant.now(), &mut erased)?;
                }
                self.tell_ended(&mut erased)?;
            }
        }
        Ok(erased)
    }

    /// Clears what has ended and samples it first. What others have seen to leave before is counted
    /// with it, since its bytes end now, too.
    fn clear_sampled(
        &self,
        collection: &Collection,
        now: Timestamp,
        erased: &mut Erased,
    ) -> Result<(), PartitionError> {
        let view = collection.view();
        let ended = view.ends.iter().take_while(|(end, _)| *end <= now);
        let living = ended.filter(|(_, slot)| !view.dead.contains(*slot as usize));
        let slots = living.filter_map(|(_, slot)| view.slots.get(slot as usize));
        let keys = slots.map(|slot| StorageKey::row(collection.number, slot.row));
        let keys: Vec<_> = keys.take(erased.samples_wanted()).collect();
        erased.sample(&self.chamber.load_full(), &keys)?;
        self.clear_ended(collection, now)
    }

    fn erase_from(
        &self,
        grant: &Grant<Erase>,
        collection: &Arc<Collection>,
        selection: Selection,
        erased: &mut Erased,
    ) -> Result<(), PartitionError> {
        let operation = self.prepare(collection, Operation::Remove(selection))?;
        let view = collection.view();
        let slots: Vec<Slot> = operation
            .points()
            .filter_map(|id| Some(view.slot(id)?.1))
            .take(erased.samples_wanted())
            .collect();
        let keys = slots
            .iter()
            .map(|slot| StorageKey::row(collection.number, slot.row));
        erased.sample(&self.chamber.load_full(), &keys.collect::<Vec<_>>())?;
        // What has ended isn't there any more, though it is sampled: a sweep tells of it.
        self.clear_ended(collection, grant.now())?;
        let done = self.submit(Mutation::new(collection, vec![operation], grant.now()))?;
        erased.count_some(&collection.name, done.removed);
        Ok(())
    }
}
