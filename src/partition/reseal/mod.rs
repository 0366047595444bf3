//! Resealing: the survivors of a generation move to the next, a fresh family under a fresh key.
//!
//! Values keep their storage keys, so whatever is in memory stays true: a slot's row has the same
//! number before and after. Rows are only ever appended, so what was written during the copy is a
//! range of row numbers, and what was removed meanwhile is noted by whoever removes it:
//!
//! 1. *Copy* the rows below a bound into a table file past the log, while reads and writes go on.
//! 2. *Catch up*, in rounds, with the rows from the bound on and with what was noted.
//! 3. *Switch*, with the writers held: the last round, the small records, a head; then `switch`
//!    makes the new place the tenant's, durably, and the new chamber takes the old one's place.
//! 4. *Shed* what is dead from memory, and store the indexes: they are carried over, not rebuilt.
//!
//! A segment isn't copied: what is in memory is, without its dead slots. A crash before the switch
//! leaves the old generation whole; one after it, the new one, whose indexes come from rows then.

mod cold;
mod copy;
mod removal;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use self::copy::Copy;
pub use self::{cold::Cold, copy::Copied};
use super::{
    Lifecycle, Partition, PartitionError,
    chamber::Chamber,
    format::{Head, SegmentNote},
    segment::Coverage,
};
use crate::{
    access::{Erase, Grant},
    seal::GenerationKey,
    store::{Batch, Family, KeyRange, RecordKind, StorageKey},
};

/// Something that was removed from the old family, and so must go from the new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    /// A row of a collection.
    Row(u32, u64),
    /// A whole collection.
    Collection(u32),
}

/// A generation that has a successor. Its family and key are to be destroyed.
pub struct Retired {
    chamber: Arc<Chamber>,
    /// What was copied out of it.
    pub copied: Copied,
}

impl Partition {
    /// Moves the survivors to the next generation. `switch` makes it the tenant's, durably; only
    /// then does it take the old one's place. Reads and writes go on.
    ///
    /// # Errors
    /// [`PartitionError`], and those of `switch`. After one of `switch` it isn't known which
    /// generation a restart would take up, so nothing more is written to this one.
    pub fn reseal<E: From<PartitionError>>(
        &self,
        grant: &Grant<Erase>,
        family: Arc<Family>,
        key: &GenerationKey,
        switch: impl FnOnce() -> Result<(), E>,
    ) -> Result<Retired, E> {
        self.recognise(grant)?;
        // Segments are written to one chamber from beginning to end.
        let _maintenance = self.maintenance.lock();
        let from = self.chamber.load_full();
        let to = Chamber::new(family, key);
        let copy = Copy {
            from: &from,
            to: &to,
        };
        let noted = Noting::begin(self);
        let mut bound = self.writer.lock().next_row;
        let below = |key: StorageKey| key.number() < bound;
        let mut copied = copy.in_bulk(&KeyRange::rows(), below, &|| true)?;
        for _ in 0..ROUNDS_MAX {
            let next = self.writer.lock().next_row;
            let gone = noted.take();
            copied = copied.and(self.catch_up(copy, bound..next, &gone)?);
            let few = next - bound + (gone.len() as u64) < FEW;
            bound = next;
            if few {
                break;
            }
        }
        let mut head = self.writer.lock();
        copied = copied.and(self.catch_up(copy, bound..head.next_row, &noted.take())?);
        // The indexes follow from memory.
        let next = last_records(copy, &head, BTreeMap::new())?;
        if let Err(error) = switch() {
            self.ended.store(true, Ordering::Relaxed);
            return Err(error);
        }
        *head = next;
        for collection in self.collections.load().values() {
            *collection.coverage.lock() = Coverage::default();
        }
        let old = self.chamber.swap(Arc::new(to));
        drop(head);
        drop((noted, from));
        self.shed();
        Ok(Retired {
            chamber: old,
            copied,
        })
    }

    /// Copies the rows of a range of numbers, and removes what is gone.
    fn catch_up(
        &self,
        copy: Copy<'_>,
        rows: Range<u64>,
        gone: &[Gone],
    ) -> Result<Copied, PartitionError> {
        let mut batch = Batch::default();
        let mut copied = Copied::default();
        for gone in gone {
            match gone {
                Gone::Row(collection, row) => batch.remove(StorageKey::row(*collection, *row)),
                Gone::Collection(collection) => batch.remove_collection(*collection),
            }
        }
        // What is gone goes first: a row that comes now was there after it was noted.
        if !gone.is_empty() {
            copy.to.family.commit(&batch)?;
            batch = Batch::default();
        }
        for collection in self.collections.load().values() {
            let number = collection.number;
            let range = KeyRange::rows_of(number)
                .starting_at(StorageKey::row(number, rows.start))
                .ending_before(StorageKey::row(number, rows.end));
            copied = copied.and(copy.by_commits(&range, &mut batch)?);
        }
        Ok(copied)
    }

    /// Leaves every dead slot out of memory, and stores the indexes in the new generation.
    fn shed(&self) {
        let collections: Vec<_> = self.collections.load().values().cloned().collect();
        for collection in collections {
            if *self.lifecycle.read() != Lifecycle::Open {
                return;
            }
            if !collection.view().dead.is_clear() {
                self.compact(&collection);
            }
            if self.wants_checkpoint(&collection) {
                self.checkpoint(&collection);
            }
        }
    }
}

impl Retired {
    /// Waits until nobody reads from it any more, and lets go of it. Readers that hold it were
    /// there before the switch; none comes after it.
    pub fn drained(self) -> Arc<Family> {
        while Arc::strong_count(&self.chamber) > 1 {
            pause();
        }
        Arc::clone(&self.chamber.family)
    }
}

/// Removals are noted from its beginning until it is dropped.
struct Noting<'p>(&'p Partition);

impl<'p> Noting<'p> {
    fn begin(partition: &'p Partition) -> Self {
        *partition.gone.lock() = Some(Vec::new());
        Self(partition)
    }

    fn take(&self) -> Vec<Gone> {
        let mut gone = self.0.gone.lock();
        gone.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *self.0.gone.lock() = None;
    }
}

/// Copies the records that stand beside rows and segments, and writes a head with these segments.
fn last_records(
    copy: Copy<'_>,
    head: &Head,
    segments: BTreeMap<u32, SegmentNote>,
) -> Result<Head, PartitionError> {
    let mut batch = Batch::default();
    for kind in RecordKind::ALL {
        let beside = match kind {
            RecordKind::Head
            | RecordKind::Row
            | RecordKind::Chunk
            | RecordKind::Segment
            | RecordKind::Tombstone => false,
            RecordKind::Collection
            | RecordKind::Aliases
            | RecordKind::Retention
            | RecordKind::Untold => true,
        };
        if beside {
            copy.by_commits(&KeyRange::of_kind(kind), &mut batch)?;
        }
    }
    let next = Head {
        segments,
        messages: copy.to.key.messages() + 1,
        ..head.clone()
    };
    let key = StorageKey::head();
    batch.put(key, copy.to.seal(key, &next.encode())?);
    copy.to.family.commit(&batch)?;
    Ok(next)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread in the background waits for readers, which tell nobody when they are done"
)]
fn pause() {
    thread::sleep(DRAIN_PAUSE);
}

/// Rounds of catching up: a writer that is as fast as the copy mustn't keep it from its end.
const ROUNDS_MAX: usize = 8;
/// So few rows are copied while the writers wait: some milliseconds.
const FEW: u64 = 256;
/// How long to wait before looking again whether anyone reads from the old generation.
const DRAIN_PAUSE: Duration = Duration::from_millis(1);
