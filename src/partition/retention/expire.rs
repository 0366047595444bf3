//! What has ended leaves the collection, before anyone is answered.

use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::{
    clock::Timestamp,
    partition::{
        Partition, PartitionError,
        collection::{Collection, Slot, View},
        format::Head,
        reseal::Gone,
    },
    store::Batch,
};

impl Partition {
    /// The collection as it is at this time: without what has ended.
    ///
    /// Never waits for the writer: a reader on a pool's thread must not wait for one who waits for
    /// the pool.
    pub(in crate::partition) fn current(
        &self,
        collection: &Collection,
        now: Timestamp,
    ) -> Arc<View> {
        let view = collection.view();
        if !view.ends.have_come(now) {
            return view;
        }
        let cleared = match self.writer.try_lock() {
            Some(head) => self.expire(head, collection, now).inspect_err(|error| {
                tracing::warn!(%error, "points that have ended stay on disk for now");
            }),
            None => Err(PartitionError::Interrupted),
        };
        // Not cleared for all, then for this reader.
        cleared.unwrap_or_else(|_| Arc::new(without_ended(&view, now).0))
    }

    /// Sees to it that nothing that has ended is there any more, for who changes or counts what is.
    pub(in crate::partition) fn clear_ended(
        &self,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<(), PartitionError> {
        if collection.view().ends.have_come(now) {
            self.expire(self.writer.lock(), collection, now)?;
        }
        Ok(())
    }

    /// As [`Self::clear_ended`], of every collection.
    pub(in crate::partition) fn clear_all_ended(
        &self,
        now: Timestamp,
    ) -> Result<(), PartitionError> {
        let collections = self.collections.load();
        let mut collections = collections.values();
        collections.try_for_each(|collection| self.clear_ended(collection, now))
    }

    /// Removes what has ended, durably, and shows the collection without it.
    fn expire(
        &self,
        mut head: MutexGuard<'_, Head>,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<Arc<View>, PartitionError> {
        let (view, gone) = without_ended(&collection.view(), now);
        self.commit_removal(&mut head, collection, &gone)?;
        collection.count_ended(gone.len());
        collection.publish(view);
        Ok(collection.view())
    }

    fn commit_removal(
        &self,
        head: &mut Head,
        collection: &Collection,
        gone: &[Slot],
    ) -> Result<(), PartitionError> {
        if gone.is_empty() || !self.has(collection) {
            return Ok(());
        }
        let mut batch = Batch::default();
        let tombstones = self.remove_rows(collection, head.seq + 1, gone, &mut batch)?;
        self.commit(head, batch, |next| {
            if let Some(note) = next.segments.get_mut(&collection.number) {
                note.tombstones += tombstones;
            }
        })?;
        let rows = gone.iter();
        self.note_gone(rows.map(|slot| Gone::Row(collection.number, slot.row)));
        let mut coverage = collection.coverage.lock();
        coverage.count(tombstones, gone.len() as u64);
        Ok(())
    }
}

/// A view without what has ended, and what that was.
fn without_ended(view: &View, now: Timestamp) -> (View, Vec<Slot>) {
    let mut view = view.clone();
    let mut gone = Vec::new();
    for number in view.ends.take(now) {
        let slot = view.slots.get(number as usize).copied();
        let slot = slot.filter(|_| !view.dead.contains(number as usize));
        if let Some(slot) = slot {
            view.remove(slot.id);
            gone.push(slot);
        }
    }
    (view, gone)
}
