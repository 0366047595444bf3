//! What has ended leaves the collection, before anyone is answered: so many points a commit, since a
//! million may end in the same millisecond.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::put_untold;
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
        let mut view = collection.view();
        while view.ends.have_come(now) {
            let cleared = match self.writer.try_lock() {
                Some(head) => self.expire(head, collection, now).inspect_err(|error| {
                    tracing::warn!(%error, "points that have ended stay on disk for now");
                }),
                None => Err(PartitionError::Interrupted),
            };
            // Not cleared for all, then for this reader.
            view = cleared.unwrap_or_else(|_| Arc::new(without_ended(&view, now, usize::MAX).0));
        }
        view
    }

    /// Sees to it that nothing that has ended is there any more, for who changes or counts what is.
    pub(in crate::partition) fn clear_ended(
        &self,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<(), PartitionError> {
        while collection.view().ends.have_come(now) {
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

    /// Removes what has ended, in one commit as much of it as one takes, and shows the collection
    /// without that.
    fn expire(
        &self,
        mut head: MutexGuard<'_, Head>,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<Arc<View>, PartitionError> {
        let (view, gone) = without_ended(&collection.view(), now, TOGETHER_MAX);
        self.commit_removal(&mut head, collection, &gone)?;
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
        let untold = collection.have_ended() + gone.len() as u64;
        put_untold(&self.chamber.load(), &mut batch, collection.number, untold)?;
        self.commit(head, batch, |next| {
            if let Some(note) = next.segments.get_mut(&collection.number) {
                note.tombstones += tombstones;
            }
        })?;
        collection.set_ended(untold);
        let rows = gone.iter();
        self.note_gone(rows.map(|slot| Gone::Row(collection.number, slot.row)));
        let mut coverage = collection.coverage.lock();
        coverage.count(tombstones, gone.len() as u64);
        Ok(())
    }
}

/// A view without so many slots at the most whose end has come, and the points that were there.
fn without_ended(view: &View, now: Timestamp, most: usize) -> (View, Vec<Slot>) {
    let mut view = view.clone();
    let mut gone = Vec::new();
    for number in view.ends.take(now, most) {
        let slot = view.slots.get(number as usize).copied();
        let slot = slot.filter(|_| !view.dead.contains(number as usize));
        if let Some(slot) = slot {
            view.remove(slot.id);
            gone.push(slot);
        }
    }
    (view, gone)
}

/// Points that end in one commit: some hundred kilobytes of it, and some milliseconds in which no
/// other write comes.
const TOGETHER_MAX: usize = 10_000;
