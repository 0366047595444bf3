//! Payload indexes of a collection: made, removed, built from its rows.

use std::{ops::Range, sync::Arc};

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, View},
    format::Head,
    read::parsed,
};
use crate::{
    access::{Grant, Write},
    payload::{
        index::{Definition, Entry, INDEXES_MAX, Indexes},
        path::Path,
    },
    store::{Batch, StorageKey},
    tenant::CollectionName,
};

impl Partition {
    /// Makes a payload index, in place of the one of the same field, and returns the sequence
    /// number once it is durable and filters use it. Writes wait meanwhile; reads go on. One that
    /// is there already is left as it is.
    ///
    /// # Errors
    /// [`PartitionError::TooManyIndexes`], and as [`Self::upsert`].
    pub fn create_payload_index(
        &self,
        grant: &Grant<Write>,
        name: &CollectionName,
        definition: Definition,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let mut head = self.writer.lock();
        self.must_be_there(&collection)?;
        let mut view = (*collection.view()).clone();
        let before = view.indexes.get(definition.path());
        if before.is_some_and(|before| *before.definition() == definition) {
            return Ok(head.seq);
        }
        if before.is_none() && view.indexes.len() == INDEXES_MAX {
            return Err(PartitionError::TooManyIndexes { max: INDEXES_MAX });
        }
        let mut added = Indexes::new([definition]);
        self.index_rows(&collection, &view, &mut added, 0..view.slots.len())?;
        for field in added.fields() {
            view.indexes.put(field.clone());
        }
        self.commit_indexes(&mut head, &collection, view)
    }

    /// Removes the payload index of a field, and returns the sequence number. One that isn't
    /// there is as good as removed.
    ///
    /// # Errors
    /// As [`Self::upsert`].
    pub fn delete_payload_index(
        &self,
        grant: &Grant<Write>,
        name: &CollectionName,
        field: &Path,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let mut head = self.writer.lock();
        self.must_be_there(&collection)?;
        let mut view = (*collection.view()).clone();
        if !view.indexes.remove(field) {
            return Ok(head.seq);
        }
        self.commit_indexes(&mut head, &collection, view)
    }

    /// Makes a view's indexes durable, then shows it.
    fn commit_indexes(
        &self,
        head: &mut Head,
        collection: &Collection,
        view: View,
    ) -> Result<u64, PartitionError> {
        let record = collection.record(&collection.settings(), &view.indexes);
        let key = StorageKey::collection(collection.number);
        let mut batch = Batch::default();
        batch.put(key, self.chamber.load().seal(key, &record)?);
        self.commit(head, batch, |_| {})?;
        collection.publish(view);
        Ok(head.seq)
    }

    /// Adds the living slots of a range to indexes, from their rows, on all cores. No write may
    /// come meanwhile.
    pub(super) fn index_rows(
        &self,
        collection: &Collection,
        view: &View,
        indexes: &mut Indexes,
        numbers: Range<usize>,
    ) -> Result<(), PartitionError> {
        let living: Vec<(u32, u64)> = numbers
            .filter(|number| !view.dead.contains(*number))
            .filter_map(|number| {
                let slot = view.slots.get(number)?;
                Some((u32::try_from(number).ok()?, slot.row))
            })
            .collect();
        for chunk in living.chunks(CHUNK_ROWS) {
            let read = |(number, row): &(u32, u64)| {
                let row = self.row(collection, *row)?.ok_or(PartitionError::Corrupt)?;
                Ok((*number, indexes.read(&parsed(&row)?)))
            };
            let entries: Result<Vec<(u32, Entry)>, PartitionError> =
                chunk.par_iter().map(read).collect();
            for (number, entry) in entries? {
                indexes.insert(number, entry);
            }
        }
        Ok(())
    }

    /// A collection that was deleted since it was looked up takes no more writes.
    pub(super) fn must_be_there(&self, collection: &Arc<Collection>) -> Result<(), PartitionError> {
        if self.has(collection) {
            Ok(())
        } else {
            Err(PartitionError::NoCollection {
                name: collection.name.clone(),
            })
        }
    }
}

/// Rows that are opened together.
const CHUNK_ROWS: usize = 4_096;
