//! Writing a segment, while reads and writes go on.
//!
//! 1. *Begin*: with the writers held for a moment, a snapshot, the bound that it goes to, and a
//!    new epoch, which a commit makes durable, as it does the messages that sealing will take.
//!    From here on removals below the bound leave tombstones.
//! 2. *Chunks*: sealed on all cores, into a table file past the log, under keys of the new epoch.
//! 3. *Manifest*: one commit names the epoch, and drops the tombstones that the snapshot knows.
//! 4. *Sweep*: chunks of epochs that the head doesn't name go: the segment's before, and what a
//!    crash between 2 and 3 left.

use std::sync::Arc;

use parking_lot::RwLockReadGuard;
use rayon::prelude::*;

use super::{
    CHANGED_PART, CHANGED_PART_LAST, CHUNK_BYTES, Coverage, Covered, SEGMENT_BYTES_MIN,
    ends::{encode_ends, ends_length},
    format::{Manifest, OWN_PARTS},
    table::{Table, bits_length, put_bits},
};
use crate::{
    index::{Image, PackedArena},
    partition::{
        Lifecycle, Partition, PartitionError,
        chamber::Chamber,
        collection::{Collection, View},
        format::SegmentNote,
    },
    seal::{Reserve, Sealed},
    store::{Batch, KeyRange, StorageKey},
};

/// A checkpoint that was begun.
struct Begun<'c> {
    view: Arc<View>,
    chamber: &'c Chamber,
    reserve: Reserve<'c>,
    epoch: u32,
    bound: u64,
    through: u64,
}

impl Partition {
    /// Whether a collection's segment should be written anew, or for the first time.
    pub(in crate::partition) fn wants_checkpoint(&self, collection: &Collection) -> bool {
        self.is_due(collection, CHANGED_PART)
    }

    fn is_due(&self, collection: &Collection, part: u64) -> bool {
        let coverage = collection.coverage.lock();
        let large = vector_bytes(collection) >= SEGMENT_BYTES_MIN;
        (large || coverage.segment.is_some()) && coverage.is_due(collection.points(), part)
    }

    /// Stores the indexes that have changed at all notably: before the node stops. Takes about a
    /// second for a million vectors.
    pub fn store_changed(&self) {
        let _one_at_a_time = self.maintenance.lock();
        let collections: Vec<_> = self.collections.load().values().cloned().collect();
        for collection in collections {
            if self.is_due(&collection, CHANGED_PART_LAST) {
                self.checkpoint(&collection);
            }
        }
    }

    /// Writes a collection's segment, or drops the one of a collection that has become small.
    /// Whether one was written. After a failure it isn't tried again before the next opening.
    pub(in crate::partition) fn checkpoint(&self, collection: &Arc<Collection>) -> bool {
        let written = if vector_bytes(collection) >= SEGMENT_BYTES_MIN {
            self.write_segment(collection)
        } else {
            self.drop_segment(collection).map(|()| false)
        };
        written.unwrap_or_else(|error| {
            // One that was closed or deleted meanwhile has no need of a segment.
            if !matches!(error, PartitionError::Closed) {
                tracing::warn!(%error, "an index couldn't be stored; opening takes longer");
            }
            let mut coverage = collection.coverage.lock();
            coverage.coming = None;
            coverage.given_up = true;
            false
        })
    }

    fn write_segment(&self, collection: &Arc<Collection>) -> Result<bool, PartitionError> {
        // No resealing takes its place meanwhile: that waits for maintenance.
        let chamber = self.chamber.load_full();
        let Some(begun) = self.begin(&chamber, collection)? else {
            return Ok(false);
        };
        let view = &begun.view;
        let arenas: Vec<PackedArena> = view.spaces.iter().map(|s| s.arena.packed()).collect();
        let absent: Vec<Vec<u8>> = view
            .spaces
            .iter()
            .map(|space| match &space.absent {
                Some(absent) => put_bits(absent, view.slots.len()),
                None => Vec::new(),
            })
            .collect();
        let table = Table::of(view);
        let indexes = view.indexes.encode();
        let ends = encode_ends(&view.ends);
        let (mut headers, mut parts) = (Vec::new(), Vec::new());
        for ((space, arena), absent) in view.spaces.iter().zip(&arenas).zip(&absent) {
            let image = Image::of(arena, space.graph.as_deref());
            headers.push(image.header);
            parts.extend(image.parts);
            parts.push(absent.as_slice());
        }
        let own: [&[u8]; OWN_PARTS] = [&table.slots, &table.dead, &table.order, &indexes, &ends];
        parts.extend(own);
        begun.write_chunks(collection.number, &parts)?;
        let manifest = Manifest {
            epoch: begun.epoch,
            bound: begun.bound,
            through: begun.through,
            chunk_bytes: u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX),
            revision: view.ends.revision(),
            headers,
            parts: parts.iter().map(|part| part.len() as u64).collect(),
        };
        let written = self.name_segment(collection, &begun, &manifest)?;
        self.sweep()?;
        Ok(written)
    }

    fn begin<'c>(
        &self,
        chamber: &'c Chamber,
        collection: &Arc<Collection>,
    ) -> Result<Option<Begun<'c>>, PartitionError> {
        let _open = self.stay_open()?;
        let mut head = self.writer.lock();
        if !self.has(collection) {
            return Ok(None);
        }
        let (epoch, bound) = (head.next_epoch, head.next_row);
        let Some(next_epoch) = epoch.checked_add(1) else {
            return Ok(None);
        };
        let view = collection.view();
        let mut lengths = Vec::new();
        for space in &view.spaces {
            lengths.extend(Image::lengths(&space.arena, space.graph.as_deref()));
            lengths.push(bits_length(view.slots.len()) as u64);
        }
        lengths.extend(Table::lengths(&view).map(|length| length as u64));
        lengths.push(ends_length(&view.ends) as u64);
        // About what the payload indexes take; more is reserved than is used.
        lengths.push(2 * view.indexes.bytes() as u64 + CHUNK_BYTES as u64);
        let chunks = lengths
            .iter()
            .map(|length| length.div_ceil(CHUNK_BYTES as u64));
        let reserve = chamber.key.reserve(chunks.sum())?;
        self.commit(&mut head, Batch::default(), |next| {
            next.next_epoch = next_epoch;
        })?;
        let mut coverage = collection.coverage.lock();
        coverage.stale = false;
        coverage.coming = Some(Covered {
            bound,
            ..Covered::default()
        });
        Ok(Some(Begun {
            view,
            chamber,
            reserve,
            epoch,
            bound,
            through: head.seq,
        }))
    }

    /// Makes the chunks that were written the collection's segment, if it is still there.
    fn name_segment(
        &self,
        collection: &Arc<Collection>,
        begun: &Begun<'_>,
        manifest: &Manifest,
    ) -> Result<bool, PartitionError> {
        let _open = self.stay_open()?;
        let mut head = self.writer.lock();
        let mut coverage = collection.coverage.lock();
        let coming = coverage.coming.take();
        let Some(coming) = coming.filter(|_| self.has(collection)) else {
            return Ok(false);
        };
        let number = collection.number;
        let key = StorageKey::segment(number);
        let mut batch = Batch::default();
        batch.put(key, begun.chamber.seal(key, &manifest.encode())?);
        let known = StorageKey::tombstone(number, begun.through + 1);
        batch.remove_range(KeyRange::tombstones_of(number).ending_before(known));
        let note = SegmentNote {
            epoch: begun.epoch,
            tombstones: coming.tombstones,
        };
        self.commit(&mut head, batch, |next| {
            next.segments.insert(number, note);
        })?;
        coverage.segment = Some(coming);
        Ok(true)
    }

    fn drop_segment(&self, collection: &Arc<Collection>) -> Result<(), PartitionError> {
        {
            let _open = self.stay_open()?;
            let mut head = self.writer.lock();
            if !self.has(collection) {
                return Ok(());
            }
            let number = collection.number;
            let mut batch = Batch::default();
            batch.remove(StorageKey::segment(number));
            batch.remove_range(KeyRange::tombstones_of(number));
            self.commit(&mut head, batch, |next| {
                next.segments.remove(&number);
            })?;
            *collection.coverage.lock() = Coverage::default();
        }
        self.sweep()
    }

    /// Removes the chunks of every epoch that the head doesn't name. One that it doesn't name now
    /// it never will: there is one checkpoint at a time, and this is a part of it.
    fn sweep(&self) -> Result<(), PartitionError> {
        let named = self.writer.lock().segments.clone();
        let chamber = self.chamber.load_full();
        let mut leftover = Vec::new();
        let mut chunks = KeyRange::chunks();
        while let Some(found) = chamber.family.first_key(&chunks)? {
            let collection = found.collection_number();
            let Some(behind) = found.behind_epoch() else {
                break;
            };
            let note = named.get(&collection);
            if note.is_none_or(|note| note.epoch != found.epoch()) {
                let chunks = KeyRange::chunks_of(collection).starting_at(found);
                leftover.push(chunks.ending_before(behind));
            }
            chunks = chunks.starting_at(behind);
        }
        if leftover.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for range in &leftover {
            batch.remove_range(range.clone());
        }
        {
            let _open = self.stay_open()?;
            self.commit(&mut self.writer.lock(), batch, |_| {})?;
        }
        for range in &leftover {
            chamber.family.release(range)?;
        }
        Ok(())
    }

    /// Keeps the partition from being closed, so that nothing is committed after it was.
    fn stay_open(&self) -> Result<RwLockReadGuard<'_, Lifecycle>, PartitionError> {
        let lifecycle = self.lifecycle.read();
        match *lifecycle {
            Lifecycle::Open => Ok(lifecycle),
            Lifecycle::Closed => Err(PartitionError::Closed),
        }
    }
}

impl Begun<'_> {
    /// Seals the chunks of all parts into a table file past the log.
    fn write_chunks(&self, collection: u32, parts: &[&[u8]]) -> Result<(), PartitionError> {
        let chunks = parts.iter().flat_map(|part| part.chunks(CHUNK_BYTES));
        let chunks: Vec<(u32, &[u8])> = (0..).zip(chunks).collect();
        self.chamber.family.ingest(|bulk| {
            // A few at a time: sealed ones take memory until they are written.
            for some in chunks.chunks(2 * rayon::current_num_threads()) {
                let sealed: Result<Vec<(StorageKey, Sealed)>, PartitionError> = some
                    .par_iter()
                    .map(|(index, plain)| {
                        let key = StorageKey::chunk(collection, self.epoch, *index);
                        let sealed = self.reserve.seal(key.kind(), key.as_bytes(), plain)?;
                        Ok((key, sealed))
                    })
                    .collect();
                for (key, sealed) in sealed? {
                    bulk.put(key, &sealed)?;
                }
            }
            Ok(())
        })
    }
}

fn vector_bytes(collection: &Collection) -> u64 {
    let vectors = collection.schema.vectors.iter();
    let values: u64 = vectors.map(|vector| vector.dimension.get() as u64).sum();
    collection.points() * values * size_of::<f32>() as u64
}
